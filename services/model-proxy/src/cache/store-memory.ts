import type { AnswerStore } from './store.ts';

interface Kept {
  readonly value: Buffer;
  readonly until: number;
}

/** What an entry takes beside its value: key, map slot, object. */
const ENTRY_BYTES = 256;

/**
 * Answers in this process: right for one replica, which alone finds them, and gone when it ends. Holds at most `maxBytes`;
 * what was asked for least recently goes first.
 */
export function memoryAnswerStore(maxBytes: number, now: () => number = Date.now): AnswerStore {
  const kept = new Map<string, Kept>();
  let bytes = 0;
  const drop = (key: string, one: Kept) => {
    kept.delete(key);
    bytes -= one.value.length + ENTRY_BYTES;
  };
  return {
    async get(key) {
      const found = kept.get(key);
      if (found === undefined) return undefined;
      if (found.until <= now()) {
        drop(key, found);
        return undefined;
      }
      // A map keeps its keys in the order in which they came: the first is the one that nobody asked for.
      kept.delete(key);
      kept.set(key, found);
      return found.value;
    },
    async set(key, value, ttlMs) {
      const before = kept.get(key);
      if (before !== undefined) drop(key, before);
      const size = value.length + ENTRY_BYTES;
      if (size > maxBytes) return;
      for (const [oldest, one] of kept) {
        if (bytes + size <= maxBytes) break;
        drop(oldest, one);
      }
      kept.set(key, { value, until: now() + ttlMs });
      bytes += size;
    },
  };
}
