/** How often a refusal makes us have a new token in the place of one that has not ended. */
export interface HeedingOptions {
  readonly now?: () => number;
}

/** A server that refuses good tokens makes us have new ones no more often than this, a person and replica. */
const REFUSED_MS = 3_000;
const MAX_REFUSED = 5_000;

/**
 * Tells whether a refused token is to be replaced although it has not ended, and counts it: a tool server that answers 401
 * to every token could else have us ask its authorization server without end. `key` says whose token at which server it is.
 */
export function createHeeding({ now = Date.now }: HeedingOptions = {}): (key: string) => boolean {
  const heeded = new Map<string, number>();
  return (key) => {
    const at = now();
    if (at - (heeded.get(key) ?? Number.NEGATIVE_INFINITY) < REFUSED_MS) return false;
    heeded.delete(key);
    const oldest = heeded.size >= MAX_REFUSED ? heeded.keys().next().value : undefined;
    if (oldest !== undefined) heeded.delete(oldest);
    heeded.set(key, at);
    return true;
  };
}
