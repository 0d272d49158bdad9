import { describe, expect, it } from '@jest/globals';
import type { GatewayError } from '@sallyport/chassis/errors';
import type { Request } from 'express';
import { secretOf } from './secret.ts';

describe('the key of a request', () => {
  const read = (headers: Record<string, string>) => {
    try {
      return secretOf({ headers } as unknown as Request);
    } catch (error) {
      return (error as GatewayError).code;
    }
  };

  it.each<[Record<string, string>, string]>([
    [{ authorization: 'Bearer sp-1' }, 'sp-1'],
    [{ authorization: 'bearer   sp-1' }, 'sp-1'],
    [{ 'x-api-key': 'sp-1' }, 'sp-1'],
    [{ 'api-key': 'sp-1' }, 'sp-1'],
    [{ authorization: 'Bearer sp-1', 'x-api-key': 'sp-1' }, 'sp-1'],
    [{ authorization: 'Bearer sp-1', 'x-api-key': 'sp-2' }, 'unauthenticated'],
    [{ authorization: 'Basic c3A=' }, 'unauthenticated'],
    [{ authorization: '' }, 'unauthenticated'],
    [{}, 'unauthenticated'],
  ])('[turn:secret] %j is read as %s', (headers, secret) => {
    expect(read(headers)).toBe(secret);
  });
});
