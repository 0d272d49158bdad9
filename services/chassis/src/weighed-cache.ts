/** What is kept as long as there is room: what was asked for least recently goes first. */
export interface WeighedCache<T> {
  get(key: string): T | undefined;
  /** Keeps something of a weight; nothing that alone is heavier than all may be together. */
  put(key: string, value: T, weight: number): void;
  /** Weight of all that is kept. */
  readonly weight: number;
}

/** Makes one; what weights are in (bytes, entries) its owner says. A key weighs nothing: count it in where it may be long. */
export function weighedCache<T>(maxWeight: number): WeighedCache<T> {
  // A Map keeps the order of insertion: the first is the one that was asked for least recently.
  const kept = new Map<string, { readonly value: T; readonly weight: number }>();
  let total = 0;
  const drop = (key: string) => {
    total -= kept.get(key)?.weight ?? 0;
    kept.delete(key);
  };
  return {
    get(key) {
      const held = kept.get(key);
      if (held === undefined) return undefined;
      kept.delete(key);
      kept.set(key, held);
      return held.value;
    },
    put(key, value, weight) {
      drop(key);
      if (weight > maxWeight) return;
      kept.set(key, { value, weight });
      total += weight;
      for (const oldest of kept.keys()) {
        if (total <= maxWeight) break;
        drop(oldest);
      }
    },
    get weight() {
      return total;
    },
  };
}
