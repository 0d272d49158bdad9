import { GatewayError } from '@sallyport/chassis/errors';

/** What wraps data keys. One adapter a place where master keys live; each knows its keys by ids. */
export interface Masters {
  /** Ids of the keys that open what they wrapped, newest first. */
  ids(): readonly string[];
  /** Looks again at what keys there are. Throws `unavailable` where the place cannot be reached. */
  refresh(): Promise<void>;
  /** Wraps 32 bytes under one of `ids()`. `aad` must be the same when they are unwrapped. */
  wrap(id: string, dataKey: Uint8Array, aad: string): Promise<Uint8Array>;
  /** Throws `internal` for altered bytes, another `aad`, or an id that is not there; `unavailable` when away. */
  unwrap(id: string, wrapped: Uint8Array, aad: string): Promise<Buffer>;
}

/** Several places as one, in the order in which new data keys prefer them. */
export function mastersOf(places: readonly Masters[]): Masters {
  const placeOf = (id: string): Masters => {
    const place = places.find((one) => one.ids().includes(id));
    if (place === undefined)
      throw new GatewayError('internal', 'The master key that wraps this data key is not there.');
    return place;
  };
  return {
    ids: () => places.flatMap((place) => place.ids()),
    async refresh() {
      for (const place of places) await place.refresh();
    },
    wrap: async (id, dataKey, aad) => await placeOf(id).wrap(id, dataKey, aad),
    unwrap: async (id, wrapped, aad) => await placeOf(id).unwrap(id, wrapped, aad),
  };
}
