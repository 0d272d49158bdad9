/** A link in a text: where it stands, and the host that it would be fetched from. */
export type FoundLink = {
  readonly start: number;
  readonly end: number;
  /** As a browser reads it: lower case, ASCII, without port; '' where no host can be made out. */
  readonly host: string;
  /** With a scheme or two slashes; false for a bare host that a mail or chat program would link by itself. */
  readonly explicit: boolean;
};

// Bounded and linear: all of this runs on text that an attacker wrote.
const REST = '[^\\s<>"\'`{}|^()\\[\\]]{0,2000}(?:\\([^\\s<>"\'`()]{0,200}\\)[^\\s<>"\'`{}|^()\\[\\]]{0,2000})?';
const LABEL = '[\\p{L}\\p{N}_-]{1,63}';
const LINK = new RegExp(
  [
    // A browser takes backslashes for slashes, and needs none after `https:` (WHATWG).
    `(?<![\\p{L}\\p{N}])(?:https?|wss?|ftps?|file):[/\\\\]{0,9}(?=[^\\s/\\\\])${REST}`,
    `(?<![\\p{L}\\p{N}])(?:javascript|vbscript|data):${REST}`,
    `(?<![\\p{L}\\p{N}])[a-z][a-z0-9+.-]{1,20}:[/\\\\]{2,9}${REST}`,
    `(?<![\\p{L}\\p{N}:/\\\\])[/\\\\]{2}(?=[^\\s/\\\\<>"']{1,200}\\.|\\[)${REST}`,
    `(?<![\\p{L}\\p{N}@/\\\\._-])www\\.${LABEL}(?:\\.${LABEL}){0,8}${REST}`,
    `(?<![\\p{L}\\p{N}@/\\\\._-])(?:${LABEL}\\.){1,8}[\\p{L}]{2,24}(?::\\d{1,5})?[/?#]${REST}`,
  ].join('|'),
  'giu',
);
const TRAILING = new Set('.,;:!?*_~');

/** The links in a text, in order: URLs of any scheme with a host, `//host`, `www.host` and `host.tld/path`. */
export function findLinks(text: string): FoundLink[] {
  if (!/[/\\:]|www\./i.test(text)) return [];
  return [...text.matchAll(LINK)].map((match) => {
    const written = withoutTrailing(match[0]);
    const explicit = /^(?:[a-z][a-z0-9+.-]{1,20}:|[/\\]{2})/i.test(written) && !/^[^/\\]+:\d/.test(written);
    // Programs do not agree which of two a host with a URL in its path is: so it leads nowhere that is known.
    const host = /^(?![a-z][a-z0-9+.-]{1,20}:[/\\]).*:[/\\]{2}/is.test(written) ? '' : hostOf(written);
    return { start: match.index, end: match.index + written.length, host, explicit };
  });
}

// A pattern for the end of a text is tried at each of its places, which takes the square of a run of such characters.
function withoutTrailing(link: string): string {
  let end = link.length;
  while (end > 0 && TRAILING.has(link[end - 1] as string)) end--;
  return link.slice(0, end);
}

/** The host of a link as a browser would read it; '' where it has none. */
export function hostOf(link: string): string {
  const scheme = /^([a-z][a-z0-9+.-]{1,20}):(?!\d)/i.exec(link)?.[1]?.toLowerCase();
  if (scheme === 'javascript' || scheme === 'vbscript' || scheme === 'data') return '';
  const rest = link.slice(scheme === undefined ? 0 : scheme.length + 1).replace(/^[/\\]{0,9}/, '');
  const authority = /^[^/\\?#]*/.exec(rest)?.[0] ?? '';
  const host = `https://${authority}/`;
  return URL.canParse(host) ? new URL(host).hostname.replace(/\.$/, '') : '';
}

/**
 * Tells whether a host is one of those named: the same, but for a leading `www.`; an entry `*.example.com` stands for
 * the names under it.
 */
export function hostIsAmong(host: string, hosts: ReadonlySet<string>): boolean {
  if (host === '') return false;
  if (hosts.has(host) || hosts.has(host.replace(/^www\./, '')) || hosts.has(`www.${host}`)) return true;
  for (let at = host.indexOf('.'); at !== -1; at = host.indexOf('.', at + 1)) {
    if (hosts.has(`*${host.slice(at)}`)) return true;
  }
  return false;
}

const ENTITY = /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(colon|sol|bsol|period|lpar|rpar|excl|lsqb|rsqb|amp|commat|dot));?/gi;
const NAMED: Readonly<Record<string, string>> = {
  colon: ':',
  sol: '/',
  bsol: '\\',
  period: '.',
  dot: '.',
  lpar: '(',
  rpar: ')',
  excl: '!',
  lsqb: '[',
  rsqb: ']',
  amp: '&',
  commat: '@',
};

/** Undoes the character references of HTML and Markdown in which the marks of a link can be hidden. */
export function withoutReferences(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(ENTITY, (whole, decimal: string, hex: string, name: string) => {
    if (name !== undefined) return NAMED[name.toLowerCase()] ?? whole;
    const point = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
    return point > 0 && point <= 0x10ffff ? String.fromCodePoint(point).toWellFormed() : whole;
  });
}
