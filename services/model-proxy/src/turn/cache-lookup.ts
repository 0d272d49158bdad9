/** What the cache said of a request. */
export type CacheStatus = 'off' | 'hit' | 'miss';

/** Stage 7. No Model declares a cache yet: always `off`, which is what the answer's header and the record say. */
export function cacheLookup(): CacheStatus {
  return 'off';
}
