import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import { PrincipalSchema } from '@sallyport/proto/principal/v1/principal_pb';
import { openWork } from './open-work.ts';
import { MISSED, type Revoked } from './revoked.ts';

const somebody = (over = {}) => create(PrincipalSchema, { tenant: 'acme', id: 'key:k1', keyId: 'k1', ...over });

function opened(principal = somebody(), askAgain = async () => principal) {
  let tell: (revoked: Revoked) => void = () => {};
  const principals = {
    onRevoked: (listener: typeof tell) => {
      tell = listener;
      return () => {};
    },
  };
  const gone = new AbortController();
  const turn = openWork({ principals }).begin(gone.signal);
  turn.own(principal, askAgain);
  const revoke = async (revoked: Partial<Revoked>) => {
    tell(revoked === MISSED ? MISSED : { ...MISSED, tenant: 'acme', ends: true, ...revoked });
    await new Promise((resolve) => setImmediate(resolve));
    return turn.signal.aborted ? (turn.signal.reason as GatewayError).code : 'open';
  };
  return { turn, gone, revoke };
}

describe('work under way', () => {
  it.each([
    ['its key', { keyId: 'k1' }, 'unauthenticated'],
    ['its principal', { principalId: 'key:k1' }, 'unauthenticated'],
    ['its user', { user: 'ann' }, 'unauthenticated'],
    ['another user', { user: 'bob' }, 'open'],
    ['its client', { client: 'desk' }, 'unauthenticated'],
    ['its session', { sessionId: 's1' }, 'unauthenticated'],
    ['one in whose name it acts', { client: 'relay' }, 'unauthenticated'],
    ['its user of another tenant', { tenant: 'other', user: 'ann' }, 'open'],
    ['its user, whose rights only grew', { user: 'ann', ends: false }, 'open'],
    ['another key', { keyId: 'k2' }, 'open'],
    ['its key of another tenant', { tenant: 'other', keyId: 'k1' }, 'open'],
    ['its key, which was only edited', { keyId: 'k1', ends: false }, 'open'],
  ])('[turn:revoked] a revocation of %s: %j leaves a turn %s', async (_name, revoked, code) => {
    const whole = { user: 'ann', client: 'desk', sessionId: 's1', actors: [{ id: 'client:relay', kind: 'client' }] };
    expect(await opened(somebody(whole)).revoke(revoked)).toBe(code);
  });

  it('[turn:revoked] a notice about one user does not end the turns of all who have no key', async () => {
    const user = somebody({ id: 'user:ann', keyId: '' });
    expect(await opened(user).revoke({ principalId: 'user:bob' })).toBe('open');
    expect(await opened(user).revoke({ principalId: 'user:ann' })).toBe('unauthenticated');
  });

  it('[turn:revoked-missed] asks again where notices were lost, and ends what does not work any more', async () => {
    const missed = MISSED;
    expect(await opened().revoke(missed)).toBe('open');
    const revoked = () => Promise.reject(new GatewayError('unauthenticated', 'no'));
    expect(await opened(somebody(), revoked).revoke(missed)).toBe('unauthenticated');
    const away = () => Promise.reject(new GatewayError('unavailable', 'away'));
    expect(await opened(somebody(), away).revoke(missed)).toBe('open');
    // The credential works, but its person has lost a team meanwhile.
    const member = somebody({ userTeams: ['core'] });
    expect(await opened(member, async () => somebody()).revoke(missed)).toBe('unauthenticated');
    expect(await opened(somebody(), async () => member).revoke(missed)).toBe('open');
  });

  it('[turn:ended] follows its client, and nothing after its end', async () => {
    const { turn, gone } = opened();
    gone.abort();
    expect((turn.signal.reason as GatewayError).code).toBe('cancelled');
    const ended = opened();
    ended.turn.end();
    ended.gone.abort();
    expect(await ended.revoke({ keyId: 'k1' })).toBe('open');
    const left = opened();
    left.turn.leave();
    expect((left.turn.signal.reason as GatewayError).code).toBe('cancelled');
  });

  it('[turn:ended] does not outlive the time it is given', async () => {
    const principals = { onRevoked: () => () => {} };
    const work = openWork({ principals, timeoutMs: 5 }).begin(new AbortController().signal);
    await new Promise((resolve) => work.signal.addEventListener('abort', resolve));
    expect((work.signal.reason as GatewayError).code).toBe('deadline_exceeded');
    work.end();
  });
});
