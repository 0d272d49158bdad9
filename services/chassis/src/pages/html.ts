/** Markup that may be sent as it is. Only the template tag below makes it. */
export interface Html {
  readonly markup: string;
}

/** What may stand in a template: text is escaped, markup is not, absent things are nothing. */
export type Piece = Html | string | number | null | undefined | false | readonly Piece[];

const made = new WeakSet<object>();
const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
  '`': '&#96;',
};

/**
 * Template tag for markup. Whatever is filled in is escaped unless this tag made it, so that forgetting is safe. Fill in
 * text between tags and between the quotes of attributes, nowhere else.
 */
export function html(parts: TemplateStringsArray, ...pieces: readonly Piece[]): Html {
  let markup = parts[0] as string;
  for (const [index, piece] of pieces.entries()) markup += markupOf(piece) + parts[index + 1];
  const done = Object.freeze({ markup });
  made.add(done);
  return done;
}

function markupOf(piece: Piece): string {
  if (piece === null || piece === undefined || piece === false) return '';
  if (typeof piece === 'string') return piece.replace(/[&<>"'`]/g, (char) => ESCAPES[char] as string);
  if (typeof piece === 'number') return String(piece);
  if (Array.isArray(piece)) return piece.map(markupOf).join('');
  // By identity, not by shape: an object that came out of JSON may have a member `markup`.
  if (made.has(piece)) return (piece as Html).markup;
  throw new TypeError('Only text and markup may stand in a template.');
}
