/** Counts tokens as a rough quarter of the characters, at least one for any text. Deterministic, not a tokenizer. */
export function countTokens(text: string): number {
  return Math.ceil(text.length / 4);
}

/** How a text ended after the caller's bounds were applied. */
export interface BoundedText {
  readonly text: string;
  readonly ended: 'complete' | 'length' | 'stop';
  /** The sequence that ended the text, only with `stop`. */
  readonly stopSequence?: string;
}

/** Cuts `text` at the first stop sequence and at `maxTokens`, as a provider would. */
export function boundText(text: string, maxTokens: number | undefined, stops: readonly string[]): BoundedText {
  let cut: { text: string; stopSequence: string } | undefined;
  for (const stop of stops) {
    const at = stop === '' ? -1 : text.indexOf(stop);
    if (at >= 0 && (cut === undefined || at < cut.text.length)) cut = { text: text.slice(0, at), stopSequence: stop };
  }
  const kept = cut?.text ?? text;
  if (maxTokens !== undefined && countTokens(kept) > maxTokens)
    return { text: kept.slice(0, maxTokens * 4), ended: 'length' };
  return cut === undefined ? { text, ended: 'complete' } : { ...cut, ended: 'stop' };
}

/** Splits text into the pieces that a stream sends: words with the space that follows them; joined they give the text. */
export function pieces(text: string): string[] {
  return text.match(/\s*\S+\s*?(?=\s|$)|\s+$/g) ?? (text === '' ? [] : [text]);
}
