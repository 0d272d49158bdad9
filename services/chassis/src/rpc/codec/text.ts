// A leading U+FEFF is text; invalid UTF-8 is a fault (proto3 strings).
const STRICT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Text of so many bytes at most is a word: most are names and states that come in one message after the other. */
export const WORD_BYTES = 16;
/**
 * Words that were read, each at the one place that its bytes give it, so that one that comes again is found instead of made:
 * that takes a fifth of the time, and its hash is known. A word stays until another takes its place; what must not stay
 * in memory is longer than this, or bytes.
 */
const PLACES = 1024;
const words: string[] = new Array(PLACES).fill('');
/** The bytes of each word, as four numbers. */
const keys = new Int32Array(4 * PLACES);

/** What is called behind `toString`, which takes a fifth longer. */
interface Utf8Bytes extends Buffer {
  utf8Slice(start: number, end: number): string;
}

/** The text of bytes. Throws TypeError when they are no UTF-8. */
export function textAt(bytes: Buffer, start: number, end: number): string {
  const text = (bytes as Utf8Bytes).utf8Slice(start, end);
  // Whatever is no UTF-8 became U+FFFD. Where there is none, all was; else it may have been meant.
  return text.includes('\ufffd') ? STRICT.decode(bytes.subarray(start, end)) : text;
}

/** As `textAt`, for 1 to `WORD_BYTES` bytes; `view` sees them at `offset`. */
export function wordAt(bytes: Buffer, start: number, end: number, view: DataView, offset: number): string {
  const length = end - start;
  let first = 0;
  let second = 0;
  let third = 0;
  let last = 0;
  if (length < 4) {
    first = bytes[start] as number;
    if (length > 1) second = bytes[start + 1] as number;
    if (length > 2) third = bytes[start + 2] as number;
  } else {
    // The last ones overlap those before: with the length, they still tell all bytes.
    first = view.getInt32(offset, true);
    last = view.getInt32(offset + length - 4, true);
    if (length > 8) {
      second = view.getInt32(offset + 4, true);
      third = view.getInt32(offset + length - 8, true);
    }
  }
  let hash = Math.imul(first ^ Math.imul(second, 0x9e3779b1), 0x85ebca6b);
  hash ^= Math.imul(third ^ Math.imul(last, 0xc2b2ae35), 0x27d4eb2f) ^ length;
  const place = (hash ^ (hash >>> 15)) & (PLACES - 1);
  const key = 4 * place;
  const word = words[place] as string;
  if (
    word.length === length &&
    keys[key] === first &&
    keys[key + 1] === second &&
    keys[key + 2] === third &&
    keys[key + 3] === last
  ) {
    return word;
  }
  const text = textAt(bytes, start, end);
  // ASCII only, whose length is the number of its bytes: a U+FFFD takes three.
  if (text.length === length) {
    words[place] = text;
    keys[key] = first;
    keys[key + 1] = second;
    keys[key + 2] = third;
    keys[key + 3] = last;
  }
  return text;
}
