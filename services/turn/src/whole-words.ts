import type { Corpus } from './corpus.ts';

const OPENING = /^[\s"'`“‘«„([{<]$/;
const MAX_EDGE = 8;
const CLOSING = /^[\s"'`”’»)\]}>]$/;

// Who writes acme/app has named the owner and the repository. With a dot it may be a host and a path, with digits a date.
const PART = /^(?=.*[a-z])[a-z0-9_-]{1,100}$/;
const SECOND = /\/(?=[0-9_-]{0,99}[a-z])[a-z0-9_-]{1,100}/y;
const FIRST = /[^a-z0-9_-](?=[0-9_-]{0,99}[a-z])[a-z0-9_-]{1,100}\/$/;

/** Tells whether a plain form stands in another as whole words: `x.com` does not stand in `x.com.evil.org`. */
export function standsIn(plain: string, text: string, corpus: Pick<Corpus, 'work'>): boolean {
  corpus.work -= text.length;
  if (corpus.work < 0) return false;
  for (let at = text.indexOf(plain); at !== -1; at = text.indexOf(plain, at + 1)) {
    corpus.work -= plain.length;
    if (corpus.work < 0) return false;
    const end = at + plain.length;
    const opens = opensAt(text, at);
    if (opens && closesAt(text, end)) return true;
    if (PART.test(plain) && (opens ? leadsPair(text, end) : endsPair(text, at, end))) return true;
  }
  return false;
}

// A quote or bracket opens a word only where it is not itself inside one: `brien` does not stand in `o'brien`.
function opensAt(text: string, at: number): boolean {
  let i = at - 1;
  while (i > 0 && at - i <= MAX_EDGE && text[i] !== ' ' && OPENING.test(text[i] as string)) i--;
  return text[i] === ' ';
}

function closesAt(text: string, end: number): boolean {
  let i = end;
  if (text.startsWith("'s", i) || text.startsWith('’s', i)) i += 2;
  while (
    i < text.length - 1 &&
    i - end <= MAX_EDGE &&
    text[i] !== ' ' &&
    (CLOSING.test(text[i] as string) || '.,;:!?'.includes(text[i] as string))
  ) {
    i++;
  }
  return text[i] === ' ';
}

// The first of two names with a slash between them.
function leadsPair(text: string, end: number): boolean {
  SECOND.lastIndex = end;
  return SECOND.test(text) && closesAt(text, SECOND.lastIndex);
}

// The second of two.
function endsPair(text: string, at: number, end: number): boolean {
  const before = FIRST.exec(text.slice(Math.max(0, at - 102), at));
  return before !== null && opensAt(text, at - before[0].length + 1) && closesAt(text, end);
}
