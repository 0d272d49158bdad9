import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import type { Revoked } from '@sallyport/peers/principals';
import type { Request } from 'express';
import { gateOf, somebody } from '../turn/testing.ts';
import { openTurns } from './open-turns.ts';
import { secretOf } from './secret.ts';

function opened(principal = somebody(), askAgain: () => Promise<unknown> = async () => {}) {
  let tell: (revoked: Revoked) => void = () => {};
  const principals = {
    onRevoked: (listener: typeof tell) => {
      tell = listener;
      return () => {};
    },
  };
  const gone = new AbortController();
  const turn = openTurns(gateOf({ principals }).gate).begin(gone.signal);
  turn.own(principal, askAgain);
  const revoke = async (revoked: Partial<Revoked>) => {
    tell({ tenant: 'acme', keyId: '', principalId: '', ends: true, ...revoked });
    await new Promise((resolve) => setImmediate(resolve));
    return turn.signal.aborted ? (turn.signal.reason as GatewayError).code : 'open';
  };
  return { turn, gone, revoke };
}

describe('open turns', () => {
  it.each([
    ['its key', { keyId: 'k1' }, 'unauthenticated'],
    ['its principal', { principalId: 'key:k1' }, 'unauthenticated'],
    ['another key', { keyId: 'k2' }, 'open'],
    ['its key of another tenant', { tenant: 'other', keyId: 'k1' }, 'open'],
    ['its key, which was only edited', { keyId: 'k1', ends: false }, 'open'],
  ])('[turn:revoked] a revocation of %s: %j leaves a turn %s', async (_name, revoked, code) => {
    expect(await opened().revoke(revoked)).toBe(code);
  });

  it('[turn:revoked] a notice about one user does not end the turns of all who have no key', async () => {
    const user = somebody({ id: 'user:ann', keyId: '' });
    expect(await opened(user).revoke({ principalId: 'user:bob' })).toBe('open');
    expect(await opened(user).revoke({ principalId: 'user:ann' })).toBe('unauthenticated');
  });

  it('[turn:revoked-missed] asks again where notices were lost, and ends what does not work any more', async () => {
    const missed = { tenant: '', ends: false };
    expect(await opened().revoke(missed)).toBe('open');
    const revoked = () => Promise.reject(new GatewayError('unauthenticated', 'no'));
    expect(await opened(somebody(), revoked).revoke(missed)).toBe('unauthenticated');
    const away = () => Promise.reject(new GatewayError('unavailable', 'away'));
    expect(await opened(somebody(), away).revoke(missed)).toBe('open');
  });

  it('[turn:ended] follows its client, and nothing after its end', async () => {
    const { turn, gone } = opened();
    gone.abort();
    expect((turn.signal.reason as GatewayError).code).toBe('cancelled');
    const ended = opened();
    ended.turn.end();
    ended.gone.abort();
    expect(await ended.revoke({ keyId: 'k1' })).toBe('open');
  });
});

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
