/** Where sealed answers are kept, by key. Both functions may reject: an answer that cannot be kept is called again. */
export interface AnswerStore {
  get(key: string): Promise<Buffer | undefined>;
  /** Keeps a value for `ttlMs`; the store may forget it before. */
  set(key: string, value: Buffer, ttlMs: number): Promise<void>;
}
