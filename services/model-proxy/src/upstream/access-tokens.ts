import { hash } from 'node:crypto';
import { reasonOf } from '@sallyport/chassis/deadline';
import type { EndSignal } from '@sallyport/chassis/ending';

/** A token as its issuer gave it. */
export interface IssuedToken {
  readonly value: string;
  readonly livesMs: number;
}

/** Tokens that were had for credentials, in memory. */
export interface AccessTokens {
  /**
   * The token for what `parts` name, the credential among them; `ask` is called where none is held, once for all who wait.
   * `fresh` tells that it was not held before. Rejects with what `ask` throws, or with the signal's reason.
   */
  get(
    parts: readonly string[],
    signal: EndSignal,
    ask: () => Promise<IssuedToken>,
  ): Promise<{ value: string; fresh: boolean }>;
  /** Forgets a token that was refused, unless there is another by now. */
  drop(parts: readonly string[], value: string): void;
}

const MOST = 1_000;
/** A token is not used in the last part of its life, at most this long, so that it does not end on its way. */
const MARGIN_MS = 60_000;
/** How long a refusal stands before the issuer is asked again. */
const REFUSED_MS = 1_000;

type Held = { readonly value: string; readonly until: number } | { readonly error: unknown; readonly until: number };

/**
 * Makes the store. A token is found by the credential's own value alone, and who calls has leased that: once a lease is
 * revoked, nobody can name what was had by it.
 */
export function createAccessTokens(now: () => number = () => performance.now()): AccessTokens {
  const held = new Map<string, Held>();
  const asking = new Map<string, Promise<string>>();

  const keep = (key: string, one: Held): void => {
    held.delete(key);
    if (held.size >= MOST) held.delete(held.keys().next().value as string);
    held.set(key, one);
  };
  const askFor = async (key: string, ask: () => Promise<IssuedToken>): Promise<string> => {
    try {
      const { value, livesMs } = await ask();
      keep(key, { value, until: now() + livesMs - Math.min(MARGIN_MS, livesMs / 10) });
      return value;
    } catch (error) {
      keep(key, { error, until: now() + REFUSED_MS });
      throw error;
    } finally {
      asking.delete(key);
    }
  };

  return {
    async get(parts, signal, ask) {
      const key = keyOf(parts);
      const known = held.get(key);
      if (known !== undefined && now() < known.until) {
        if ('error' in known) throw known.error;
        return { value: known.value, fresh: false };
      }
      let pending = asking.get(key);
      if (pending === undefined) {
        pending = askFor(key, ask);
        asking.set(key, pending);
      }
      return { value: await orEnded(pending, signal), fresh: true };
    },
    drop(parts, value) {
      const key = keyOf(parts);
      const known = held.get(key);
      if (known !== undefined && 'value' in known && known.value === value) held.delete(key);
    },
  };
}

// What stands in a map may come to light in a heap dump or an error: not the credential itself.
function keyOf(parts: readonly string[]): string {
  return hash('sha256', JSON.stringify(parts));
}

/** Others may wait for the same: who leaves does not stop it. */
function orEnded<T>(promise: Promise<T>, signal: EndSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = () => reject(reasonOf(signal));
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', end));
  });
}
