/**
 * Recognises frames of a stream that differ from an earlier one in their text only, which need not be parsed. The characters
 * before and after the text are compared whole, and a text with a quote, backslash or control character is not taken, so
 * that no provider can hide a tool call behind the shortcut.
 */
export class PlainText {
  #prefix = '';
  #suffix = '';

  /** The text of a frame of the shape that was learnt last; never empty. */
  of(frame: string): string | undefined {
    const prefix = this.#prefix;
    const suffix = this.#suffix;
    if (prefix === '') return undefined;
    const end = frame.length - suffix.length;
    // Comparing slices is quicker than startsWith and endsWith for strings of this length.
    if (end < prefix.length || frame.slice(0, prefix.length) !== prefix || frame.slice(end) !== suffix)
      return undefined;
    const text = frame.slice(prefix.length, end);
    // The role chunk's empty text is not learnt from; an empty delta is no event.
    return text === '' || notPlain.test(text) ? undefined : text;
  }

  /**
   * Takes the shape of a whole frame whose decoder said nothing but this text, where it stands in it once, under the key that
   * the texts of the dialects have; else keeps what was learnt before.
   */
  learn(frame: string, text: string): void {
    if (notPlain.test(text) || (!frame.startsWith('data:') && !frame.startsWith('event:'))) return;
    const keys = [...frame.matchAll(/"(?:content|text)": ?"/g)];
    const [key] = keys;
    if (keys.length !== 1 || !key) return;
    const start = key.index + key[0].length;
    if (!frame.startsWith(`${text}"`, start)) return;
    this.#prefix = frame.slice(0, start);
    this.#suffix = frame.slice(start + text.length);
  }

  /** Takes no frame until it has learnt again. */
  forget(): void {
    this.#prefix = '';
  }
}

/** A quote, backslash or control character: what JSON text between two quotes cannot hold plainly. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids exactly these in strings (RFC 8259 §7).
const notPlain = /["\\\u0000-\u001f]/;
