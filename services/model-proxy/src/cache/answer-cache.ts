import { within } from '@sallyport/chassis/deadline';
import type { Logger } from '@sallyport/chassis/log';
import type { Sealer } from '@sallyport/chassis/seal';
import { type Entry, readEntry, writeEntry } from './entry.ts';
import { createFlights, type Flights } from './flights.ts';
import type { AnswerStore } from './store.ts';

/** What was found under a key: an answer, none, or that the store could not be asked. */
export type Found = Entry | 'none' | 'away';

/** Answers that are given again. None of its functions throws: a cache that is away costs a call of the provider, no more. */
export interface AnswerCache {
  find(key: string): Promise<Found>;
  /** Keeps an answer in the background; one that is too large, or that the store does not take now, is not kept. */
  keep(key: string, entry: Entry, ttlMs: number): Promise<void>;
  /** Who calls a provider for what, so that others with the same request may wait for the answer. */
  readonly flights: Flights;
}

/** What an answer cache works with. */
export interface AnswerCacheOptions {
  readonly store: AnswerStore;
  readonly sealer: Sealer;
  readonly log: Logger;
  /** Largest entry that is kept, in bytes. */
  readonly maxEntryBytes: number;
  /** Longest wait for the store, in milliseconds. */
  readonly timeoutMs: number;
  /** Longest wait for another request's answer, in milliseconds. */
  readonly waitMs: number;
  readonly signalAway?: () => void;
  readonly now?: () => number;
}

/** For how long a store that failed is not asked: requests must not wait for it one by one. */
const REST_MS = 1_000;
const MAX_WRITES = 64;

/** Makes the cache over a store. Values are sealed for their key, so that none can be put in another's place. */
export function createAnswerCache(options: AnswerCacheOptions): AnswerCache {
  const { store, sealer, log, timeoutMs, now = Date.now } = options;
  let restUntil = 0;
  let writes = 0;
  let away = false;
  const failed = (error: unknown) => {
    // Only changes are logged: a store that is away fails with each request.
    if (!away) log.warn('the cache of answers is away: every request goes to its provider', { error });
    away = true;
    restUntil = now() + REST_MS;
    options.signalAway?.();
  };
  return {
    flights: createFlights(options.waitMs),
    async find(key) {
      if (now() < restUntil) return 'away';
      let value: Buffer | undefined;
      try {
        value = await within(store.get(key), timeoutMs, 'asking the cache');
        if (away) log.info('the cache of answers is back');
        away = false;
      } catch (error) {
        failed(error);
        return 'away';
      }
      if (value === undefined) return 'none';
      try {
        return readEntry(sealer.open(value, key)) ?? 'none';
      } catch {
        // Sealed by a key that is gone, or not by us.
        return 'none';
      }
    },
    async keep(key, entry, ttlMs) {
      if (ttlMs < 1 || writes >= MAX_WRITES || now() < restUntil) return;
      const plain = writeEntry(entry);
      if (plain.length > options.maxEntryBytes) return;
      writes++;
      try {
        await within(store.set(key, sealer.seal(plain, key), ttlMs), timeoutMs, 'keeping an answer');
      } catch (error) {
        failed(error);
      } finally {
        writes--;
      }
    },
  };
}
