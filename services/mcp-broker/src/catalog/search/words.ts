const CAMEL = /(\p{Ll}|\p{N})(\p{Lu})/gu;
const RUN = /[\p{L}\p{M}]+|\p{N}+/gu;
// Scripts written without blanks: their words are taken by pairs of characters.
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}]/u;
const MAX_WORDS = 400;

/**
 * The words of a text as search compares them: `createIssues`, `create_issues` and "Creates issues" have the same. At most
 * 400; what is longer has said by then what it is about.
 */
export function wordsOf(text: string): string[] {
  const found: string[] = [];
  for (const [run] of text.normalize('NFKC').replace(CAMEL, '$1 $2').toLowerCase().matchAll(RUN)) {
    if (found.length >= MAX_WORDS) break;
    if (UNSPACED.test(run)) found.push(...pairsOf(run));
    else found.push(stemOf(run));
  }
  return found.slice(0, MAX_WORDS);
}

function pairsOf(run: string): string[] {
  const chars = [...run];
  return chars.length === 1 ? chars : chars.slice(1).map((char, at) => `${chars[at]}${char}`);
}

/** A word without the endings of English plurals and verb forms; rough, and the same for what is sought and found. */
function stemOf(word: string): string {
  if (word.length <= 3) return word;
  if (word.endsWith('ies')) return `${word.slice(0, -3)}y`;
  const bare = word.replace(/(?:ings?|ed|es|s)$/, '');
  if (bare.length < 3) return word;
  const single = bare.replace(/([bdgklmnprt])\1$/, '$1');
  return single.length > 3 && single.endsWith('e') ? single.slice(0, -1) : single;
}
