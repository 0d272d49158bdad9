import { bad } from './faults.ts';

/** A piece of a filter: a bracket, a word (name, operator, literal), or a value. */
export type Token =
  | { readonly kind: '(' | ')' | '[' | ']' | 'word'; readonly value: string }
  | { readonly kind: 'value'; readonly value: string | number };

const MAX_LENGTH = 2_048;

/** Cuts a filter or path into pieces, in one pass. Throws `invalidFilter`. */
export function tokensOf(text: string): Token[] {
  if (text.length > MAX_LENGTH) throw bad('invalidFilter', `A filter has at most ${MAX_LENGTH} characters.`);
  const tokens: Token[] = [];
  for (let at = 0; at < text.length; ) {
    const char = text[at] as string;
    if (char === ' ' || char === '\t') at += 1;
    else if (char === '(' || char === ')' || char === '[' || char === ']') {
      tokens.push({ kind: char, value: char });
      at += 1;
    } else if (char === '"') {
      const end = endOfString(text, at);
      tokens.push({ kind: 'value', value: stringIn(text.slice(at, end)) });
      at = end;
    } else {
      const end = endOfWord(text, at);
      if (end === at) throw bad('invalidFilter', `A character of the filter cannot be read, at ${at + 1}.`);
      const word = text.slice(at, end);
      const isNumber = /^-?[0-9]/.test(word);
      if (isNumber && !/^-?[0-9]{1,15}(\.[0-9]{1,15})?$/.test(word))
        throw bad('invalidFilter', 'A number cannot be read.');
      tokens.push(isNumber ? { kind: 'value', value: Number(word) } : { kind: 'word', value: word });
      at = end;
    }
  }
  return tokens;
}

function endOfWord(text: string, from: number): number {
  let at = from;
  while (at < text.length && isWordCode(text.charCodeAt(at))) at += 1;
  return at;
}

// Letters, digits and $ - . : _
function isWordCode(code: number): boolean {
  return (
    (code >= 0x30 && code <= 0x3a) ||
    (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x61 && code <= 0x7a) ||
    code === 0x24 ||
    code === 0x2d ||
    code === 0x2e ||
    code === 0x5f
  );
}

function endOfString(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at += 1) {
    if (text[at] === '\\') at += 1;
    else if (text[at] === '"') return at + 1;
  }
  throw bad('invalidFilter', 'A text in the filter does not end.');
}

function stringIn(literal: string): string {
  let text: unknown;
  try {
    text = JSON.parse(literal);
  } catch {
    throw bad('invalidFilter', 'A text in the filter cannot be read.');
  }
  // No attribute can have these, and the database takes neither.
  if (typeof text !== 'string' || text.includes('\u0000') || !text.isWellFormed()) {
    throw bad('invalidFilter', 'A text in the filter cannot be looked for.');
  }
  return text;
}
