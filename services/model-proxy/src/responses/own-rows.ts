import { GatewayError } from '@sallyport/chassis/errors';
import type { Sealer } from '@sallyport/chassis/seal';
import type { JsonObject } from '../chat/message.ts';
import type { Owner } from './kept.ts';

/** Seals values so that each opens in its own row alone. */
export interface RowSeal {
  seal(value: unknown, place: readonly string[]): Buffer;
  open(sealed: unknown, place: readonly string[]): JsonObject;
}

/** Makes it over a sealer; `place` is bound to the value, which opens nowhere else. */
export function rowSeal(sealer: Sealer): RowSeal {
  return {
    seal: (value, place) => sealer.seal(Buffer.from(JSON.stringify(value), 'utf8'), JSON.stringify(place)),
    open: (sealed, place) =>
      JSON.parse(sealer.open(sealed as Uint8Array, JSON.stringify(place)).toString('utf8')) as JsonObject,
  };
}

/** Tenant, principal and user: the first values of each query. */
export function whose({ tenant, principalId, user }: Owner): [string, string, string] {
  return [tenant, principalId, user];
}

/** A context that has become larger than a request may be. */
export function tooLarge(): GatewayError {
  return new GatewayError('body_too_large', 'What this request goes on from has become too large.');
}
