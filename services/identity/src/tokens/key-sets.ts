import { GatewayError } from '@sallyport/chassis/errors';
import type { Logger } from '@sallyport/chassis/log';
import type { PublicKey } from './key-guards.ts';
import { keysOf, type ReadKeys } from './read-keys.ts';

/** Where the keys of an issuer are: under a URL, found by discovery, or given. */
export interface KeySource {
  readonly issuer: string;
  readonly jwksUrl?: string | undefined;
  /** Whether the URLs may lead to private addresses or be http. */
  readonly allowPrivate: boolean;
  /** The keys themselves; then nothing is fetched. */
  readonly given?: unknown;
}

/** The public keys of an issuer. */
export interface KeySet {
  /**
   * The keys with an id, or all of them for a token without one. Empty: the issuer has none. Rejects with `unavailable`
   * while that cannot be known.
   */
  find(kid: string | undefined): Promise<readonly PublicKey[]>;
  /** Fetches now if that may be, for a status; never rejects. */
  look(): Promise<KeyState>;
}

/** What is known of an issuer's keys. */
export interface KeyState {
  readonly reachable: boolean;
  /** Why not, in words without anything of the answer. */
  readonly fault?: string | undefined;
  readonly keys: number;
}

/** Key sets by where they come from: two tenants that trust one issuer share one, and its one fetch a cooldown. */
export interface KeySets {
  of(source: KeySource): KeySet;
}

/** How key sets behave; times in ms. */
export interface KeySetOptions {
  readonly read: ReadKeys;
  readonly log: Logger;
  /** Least time between two fetches of one issuer, save for one more for the first unknown key after another fetch. Default 30 s. */
  readonly cooldownMs?: number;
  /** Age from which keys are fetched anew beside the request. Default 5 min. */
  readonly refreshMs?: number;
  /** Age from which keys are used no more: so long may a key that was taken away still count. Default 15 min. */
  readonly maxAgeMs?: number;
  /** Time that no change of the wall clock moves. */
  readonly now?: () => number;
}

// As many issuers as tenants could reasonably have between them; those used longest ago go first.
const MAX_SETS = 2_000;

/** Makes the key sets of a process. */
export function createKeySets(options: KeySetOptions): KeySets {
  const sets = new Map<string, KeySet>();
  return {
    of(source) {
      const id = JSON.stringify([source.issuer, source.jwksUrl ?? '', source.allowPrivate, source.given ?? '']);
      const set = sets.get(id) ?? (source.given === undefined ? fetchedSet(source, options) : givenSet(source.given));
      sets.delete(id);
      if (sets.size >= MAX_SETS) sets.delete(sets.keys().next().value as string);
      sets.set(id, set);
      return set;
    },
  };
}

/** Keys that are known, as of the cluster or of our own server. */
export function givenSet(jwks: unknown): KeySet {
  const keys = keysOf(jwks);
  return {
    find: async (kid) => named(keys, kid),
    look: async () => ({ reachable: true, keys: keys.length }),
  };
}

function fetchedSet(source: KeySource, options: KeySetOptions): KeySet {
  const {
    read,
    log,
    cooldownMs = 30_000,
    refreshMs = 300_000,
    maxAgeMs = 900_000,
    now = () => performance.now(),
  } = options;
  let keys: readonly PublicKey[] | undefined;
  let keptAt = 0;
  let triedAt = Number.NEGATIVE_INFINITY;
  let fault: string | undefined;
  let fetching: Promise<void> | undefined;
  /** Whether the last fetch was for a name that nobody knew. */
  let sought = false;

  const age = () => (keys === undefined ? Number.POSITIVE_INFINITY : now() - keptAt);
  const mayFetch = () => now() - triedAt >= cooldownMs;
  // Many ask at once when a key is new; they share one fetch, and its failure. It never rejects.
  const fetch = (forName = false): Promise<void> => {
    triedAt = now();
    sought = forName;
    fetching ??= read(source)
      .then(
        (found) => {
          keys = found;
          keptAt = now();
          fault = undefined;
        },
        (error: unknown) => {
          fault = error instanceof GatewayError ? error.message : 'The answer could not be read.';
          log.warn('the keys of an issuer could not be had', {
            issuer: source.issuer,
            code: (error as { code?: unknown }).code,
            fault,
          });
        },
      )
      .finally(() => {
        fetching = undefined;
      });
    return fetching;
  };

  return {
    async find(kid) {
      if (fetching !== undefined && age() >= maxAgeMs) await fetching;
      else if (age() >= maxAgeMs && mayFetch()) await fetch();
      else if (age() >= refreshMs && mayFetch()) void fetch();
      if (keys === undefined || age() >= maxAgeMs) throw away();
      const found = named(keys, kid);
      if (found.length > 0) return found;
      if (fetching !== undefined) await fetching;
      // A name that we do not know may be that of a new key: one look in each cooldown, whoever asks how often. A provider
      // may have changed its keys right after a fetch that was not for a name, so that one does not count.
      if (named(keys, kid).length === 0 && (fetching !== undefined || mayFetch() || !sought)) {
        await (fetching ?? fetch(true));
      }
      const again = named(keys, kid);
      if (again.length === 0 && fault !== undefined) throw away();
      return again;
    },
    async look() {
      if (age() >= refreshMs && (fetching !== undefined || mayFetch())) await (fetching ?? fetch());
      return { reachable: fault === undefined && keys !== undefined, fault, keys: keys?.length ?? 0 };
    },
  };
}

function named(keys: readonly PublicKey[], kid: string | undefined): readonly PublicKey[] {
  return kid === undefined ? keys : keys.filter((key) => key.kid === kid);
}

function away(): GatewayError {
  return new GatewayError('unavailable', 'The keys of the issuer cannot be had right now.', { retryAfterMs: 5_000 });
}
