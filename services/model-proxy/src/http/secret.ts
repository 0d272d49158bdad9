import type { IncomingMessage } from 'node:http';
import { GatewayError } from '@sallyport/chassis/errors';

/**
 * The key of a request: `Authorization: Bearer`, `x-api-key` (Anthropic) or `api-key` (Azure). Two different ones in one
 * request are refused: whoever reads the other header would see another caller.
 */
export function secretOf({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const { authorization } = headers;
  let found: string | undefined;
  if (authorization !== undefined) {
    found = BEARER.exec(authorization.trim())?.[1];
    if (found === undefined) {
      throw new GatewayError('unauthenticated', 'The Authorization header must carry a bearer key.');
    }
  }
  found = theSame(found, headers['x-api-key']);
  found = theSame(found, headers['api-key']);
  if (found === undefined)
    throw new GatewayError('unauthenticated', 'A key is needed: Authorization: Bearer, or x-api-key.');
  return found;
}

const BEARER = /^bearer +(\S+)$/i;

function theSame(found: string | undefined, value: string | string[] | undefined): string | undefined {
  if (typeof value !== 'string' || value === '') return found;
  const secret = value.trim();
  if (found !== undefined && found !== secret) {
    throw new GatewayError('unauthenticated', 'The request carries two different keys.');
  }
  return secret;
}
