import { escapeHandles } from '@sallyport/turn/handle';

/** How long a line that is shown may be where the ToolServer does not say; UTF-16 units. */
export const DEFAULT_LINE = 64;
const MAX_LINES = 500;

// Mark-up, and whatever cannot be seen or changes how the rest is seen.
const UNSHOWABLE = /[<>[\]{}|`\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;
const ASCII_TEXT = /^[\x20-\x7e]*$/;
// A scheme, www, or a host that a path follows; the name of a file with its ending is none.
const URL_LIKE =
  /[a-z][a-z0-9+.-]{0,30}:\/\/|\bwww\.|\b(?:javascript|mailto|vbscript):|\bdata:[a-z]{1,16}\/|[\p{L}\d]\.\p{L}{2,24}\//iu;

/** What a text may be so that it is shown as it stands. */
export interface TextRule {
  /** Longest line, UTF-16 units. */
  readonly maxLength: number;
  /** Several lines, each judged for itself. */
  readonly lines?: boolean;
  /** The schema says that it is a URI. */
  readonly uri?: boolean;
}

/**
 * Tells whether a text that is trusted by declaration may be shown: short, nothing invisible, no mark-up, no address of a
 * page, no second reading (NFKC), nothing that looks like a handle. A field that turns out to be open to others then shows
 * a line of bare words at most.
 */
export function isPlainText(text: string, { maxLength, lines = false, uri = false }: TextRule): boolean {
  if (!lines) return isPlainLine(text, maxLength, uri);
  if (text.length > MAX_LINES * (maxLength + 1)) return false;
  const each = text.split('\n');
  return each.length <= MAX_LINES && each.every((line) => isPlainLine(line, maxLength, uri));
}

function isPlainLine(line: string, maxLength: number, uri: boolean): boolean {
  if (line.length > maxLength || UNSHOWABLE.test(line)) return false;
  if (!ASCII_TEXT.test(line) && line.normalize('NFKC') !== line) return false;
  return (uri || !URL_LIKE.test(line)) && escapeHandles(line) === line;
}

/** Tells whether a name of the schema can stand as a key of what is shown and in the paths of handles. */
export function isPlainKey(key: string): boolean {
  return key.length <= 256 && !UNSHOWABLE.test(key) && !/["\\]/.test(key) && escapeHandles(key) === key;
}
