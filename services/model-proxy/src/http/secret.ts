import { GatewayError } from '@sallyport/chassis/errors';
import type { Request } from 'express';

/**
 * The key of a request: `Authorization: Bearer`, `x-api-key` (Anthropic) or `api-key` (Azure). Two different ones in one
 * request are refused: whoever reads the other header would see another caller.
 */
export function secretOf(req: Request): string {
  const found = new Set<string>();
  const authorization = req.headers.authorization;
  if (authorization !== undefined) {
    const match = /^bearer +(\S+)$/i.exec(authorization.trim());
    if (!match) throw new GatewayError('unauthenticated', 'The Authorization header must carry a bearer key.');
    found.add(match[1] as string);
  }
  for (const name of ['x-api-key', 'api-key']) {
    const value = req.headers[name];
    if (typeof value === 'string' && value !== '') found.add(value.trim());
  }
  if (found.size > 1) throw new GatewayError('unauthenticated', 'The request carries two different keys.');
  const [secret] = found;
  if (secret === undefined)
    throw new GatewayError('unauthenticated', 'A key is needed: Authorization: Bearer, or x-api-key.');
  return secret;
}
