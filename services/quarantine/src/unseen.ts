import { emailForm, plainForm } from '@sallyport/turn/normalise';

/** What stood behind handles of a call's arguments: the tool was told it and the model was not. */
export interface Unseen {
  /** Whether a text says words that came from there, in whole or in part. */
  holds(text: string): boolean;
}

const MIN_WORDS = 4;
const MIN_FOREIGN = 8;
const WORD = /(?<![\p{L}\d])\p{L}{2,}(?![\p{L}\d])/gu;
const FOREIGN = /(?![a-z])\p{L}/giu;
const MAX_TEXTS = 200;
const MAX_CHARS = 50_000;

/**
 * Indexes what was behind handles. Names, addresses, ids and other short values are left out: a record that is looked up
 * by its name has that name by itself, and no few words instruct anybody. Of more than there is time for, `all` or too
 * much text, every text that could instruct counts as one from there.
 */
export function unseenTexts(values: readonly string[], all: boolean): Unseen {
  const texts = [...new Set(values.map((value) => plainForm(value)).filter(couldInstruct))];
  const together = texts.join('\n');
  const tooMany = all || texts.length > MAX_TEXTS || together.length > MAX_CHARS;
  return {
    holds(text) {
      if (!tooMany && texts.length === 0) return false;
      const plain = plainForm(text);
      if (!couldInstruct(plain)) return false;
      return tooMany || together.includes(plain) || texts.some((one) => plain.includes(one));
    },
  };
}

function couldInstruct(plain: string): boolean {
  if (emailForm(plain) !== undefined) return false;
  return count(plain, WORD) >= MIN_WORDS || count(plain, FOREIGN) >= MIN_FOREIGN;
}

function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0;
}
