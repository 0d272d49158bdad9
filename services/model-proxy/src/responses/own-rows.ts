import { GatewayError } from '@sallyport/chassis/errors';
import type { JsonObject } from '../chat/message.ts';
import type { Owner } from './kept.ts';

/** Seals values so that each opens in its own row alone. */
export interface RowSeal {
  seal(value: unknown, place: readonly string[]): Buffer;
  open(sealed: unknown, place: readonly string[]): JsonObject;
}

/** Tenant, principal and user: the first values of each query. */
export function whose({ tenant, principalId, user }: Owner): [string, string, string] {
  return [tenant, principalId, user];
}

/** A context that has become larger than a request may be. */
export function tooLarge(): GatewayError {
  return new GatewayError('body_too_large', 'What this request goes on from has become too large.');
}
