/** One challenge of a `WWW-Authenticate` header (RFC 9110 §11.6.1). */
export interface Challenge {
  /** In lower case. */
  readonly scheme: string;
  /** Parameters by lower-case name; the first of a name counts. */
  readonly params: ReadonlyMap<string, string>;
}

const MAX_HEADER = 8_192;
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+/;
const QUOTED = /^"((?:[^"\\]|\\.)*)"/;

/** The challenges of a header, as far as it can be read; what is no challenge is left out. */
export function readChallenges(header: string | readonly string[] | undefined): Challenge[] {
  const text = (typeof header === 'string' ? header : (header ?? []).join(', ')).slice(0, MAX_HEADER);
  const found: { scheme: string; params: Map<string, string> }[] = [];
  let rest = text;
  while (rest !== '') {
    rest = rest.replace(/^[\s,]+/, '');
    const name = TOKEN.exec(rest)?.[0];
    if (name === undefined) break;
    rest = rest.slice(name.length);
    const equals = /^\s*=\s*/.exec(rest)?.[0];
    if (equals === undefined) {
      found.push({ scheme: name.toLowerCase(), params: new Map() });
      continue;
    }
    rest = rest.slice(equals.length);
    const quoted = QUOTED.exec(rest);
    const raw = quoted?.[0] ?? TOKEN.exec(rest)?.[0] ?? '';
    if (raw === '') break;
    rest = rest.slice(raw.length);
    const params = found.at(-1)?.params;
    const value = quoted ? (quoted[1] as string).replace(/\\(.)/g, '$1') : raw;
    if (params !== undefined && !params.has(name.toLowerCase())) params.set(name.toLowerCase(), value);
  }
  return found;
}

/** The scopes of a text as OAuth writes them (RFC 6749 §3.3): at most 64, what is none is left out, each once. */
export function readScopes(text: string | undefined): string[] {
  const scopes = (text ?? '').split(' ').filter((scope) => /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/.test(scope));
  return [...new Set(scopes)].slice(0, 64);
}
