import type { Corpus } from './corpus.ts';

const OPENING = /^[\s"'`“‘«„([{<]$/;
const MAX_EDGE = 8;
const CLOSING = /^[\s"'`”’»)\]}>]$/;

/** Tells whether a plain form stands in another as whole words: `x.com` does not stand in `x.com.evil.org`. */
export function standsIn(plain: string, text: string, corpus: Pick<Corpus, 'work'>): boolean {
  corpus.work -= text.length;
  if (corpus.work < 0) return false;
  for (let at = text.indexOf(plain); at !== -1; at = text.indexOf(plain, at + 1)) {
    corpus.work -= plain.length;
    if (corpus.work < 0) return false;
    if (opensAt(text, at) && closesAt(text, at + plain.length)) return true;
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
