import { afterEach, describe, expect, it } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import { networksOf } from '@sallyport/chassis/net/networks';
import { inProcess } from '@sallyport/chassis/rpc/testing';
import { AuthenticationService } from '@sallyport/proto/identity/v1/identity_pb';
import { principalCache } from './principals.ts';
import { MISSED, type Revoked } from './revoked.ts';
import { feed, quiet, until } from './testing.ts';

interface Notice {
  tenant?: string;
  keyId?: string;
  principalId?: string;
  user?: string;
  by?: string;
  reason?: string;
  sequence: number;
}

const shown = (secret: string, from = '') => ({ secret, address: () => from });

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

/** An identity that knows the secret `good` of key k1, until told otherwise. */
async function identity(
  options: { cacheTtlMs?: number; expiresAtMs?: number; networks?: string[]; timeoutMs?: number } = {},
) {
  const state = {
    asked: 0,
    sequence: 5,
    known: new Set(['good']),
    answer: 'normal' as 'normal' | 'away' | 'hangs',
    /** Answers wait for it, as they were when they were asked for. */
    held: undefined as Promise<void> | undefined,
  };
  const revocations = feed<Notice>(
    () => [{ sequence: state.sequence }],
    () => ({ sequence: state.sequence }),
  );
  const served = await inProcess(AuthenticationService, {
    async authenticate({ secret, address }, { signal }) {
      state.asked++;
      if (state.answer === 'away') throw new GatewayError('unavailable', 'Postgres is away.', { retryAfterMs: 1 });
      if (state.answer === 'hangs') await new Promise((resolve) => signal.addEventListener('abort', resolve));
      const isKnown = state.known.has(secret);
      await state.held;
      const inside = options.networks === undefined || networksOf(options.networks)(address);
      if (!isKnown || !inside) throw new GatewayError('unauthenticated', 'The credential is not valid.');
      return {
        principal: { tenant: 'default', id: 'key:k1', keyId: 'k1', user: 'ann', expiresAtMs: options.expiresAtMs ?? 0 },
        cacheTtlMs: options.cacheTtlMs ?? 10_000,
        ...(options.networks && { networks: options.networks }),
      };
    },
    watchRevocations: (_request, { signal }) => revocations.stream(signal),
  });
  const principals = principalCache({ client: served.client, log: quiet, timeoutMs: options.timeoutMs ?? 10_000 });
  let heard = false;
  principals.onRevoked(() => {
    heard = true;
  });
  principals.start();
  closing.push(async () => {
    revocations.cut();
    await principals.stop();
    await served.close();
  });
  const revoke = () => {
    state.known.clear();
    state.sequence++;
    revocations.push({ tenant: 'default', keyId: 'k1', principalId: 'key:k1', sequence: state.sequence });
  };
  const ask = async (from = '') => await principals.authenticate(shown('good', from), 'messages');
  /** Until the stream was heard for the first time. */
  const listening = () => until('the stream is heard', () => heard);
  /** Until the stream is up and the answer is cached. */
  const warm = async (from = '') => {
    await until('the stream is open', () => revocations.opened > 0);
    await until('an answer is cached', async () => {
      const before = state.asked;
      // On a busy machine the first answer may take longer than anybody waits.
      const got = await ask(from).catch(() => undefined);
      return got !== undefined && state.asked === before;
    });
    state.asked = 0;
  };
  return { state, revocations, principals, revoke, ask, warm, listening };
}

const refused = (ask: () => Promise<unknown>) => () =>
  ask().then(
    () => false,
    (error: GatewayError) => error.code === 'unauthenticated',
  );

describe('principalCache', () => {
  it('[peers:no-hop-when-warm] asks identity once, also for requests at the same time', async () => {
    const { state, ask, warm } = await identity();
    await warm();
    await Promise.all([ask(), ask(), ask()]);
    expect(state.asked).toBe(0);
  });

  it('refuses an unknown secret with unauthenticated, each time anew', async () => {
    const { state, principals } = await identity();
    for (let time = 0; time < 2; time++) {
      await expect(principals.authenticate(shown('bad'), 'messages')).rejects.toMatchObject({
        code: 'unauthenticated',
      });
    }
    expect(state.asked).toBe(2);
  });

  it('[peers:revocation-one-second] refuses a revoked key within a second and tells those with open streams', async () => {
    const { principals, revoke, ask, warm } = await identity();
    await warm();
    const told: string[] = [];
    principals.onRevoked(({ keyId }) => told.push(keyId));
    const at = performance.now();
    revoke();
    await until('the key is refused', refused(ask));
    expect(performance.now() - at).toBeLessThan(1_000);
    expect(told).toEqual(['k1']);
  });

  it.each([
    ['changed', false],
    ['rotated', true],
    ['disabled', true],
  ])('tells those with open work whether a key that was %s has ended: %s', async (reason, ends) => {
    const { principals, revocations, state, warm } = await identity();
    await warm();
    const told: boolean[] = [];
    principals.onRevoked((one) => told.push(one.ends));
    state.sequence++;
    revocations.push({ tenant: 'default', keyId: 'k1', principalId: 'key:k1', reason, sequence: state.sequence });
    await until('listeners were told', () => told.length > 0);
    expect(told).toEqual([ends]);
  });

  it('[peers:revocation-race] gives nobody who asks after a revocation an answer from before it', async () => {
    const { state, revoke, ask, listening, principals } = await identity({ cacheTtlMs: 0 });
    await listening();
    const answers = Promise.withResolvers<void>();
    state.held = answers.promise;
    const told = new Promise((resolve) => principals.onRevoked(resolve));
    const before = ask().catch(() => undefined);
    await until('identity is asked', () => state.asked > 0);
    revoke();
    await told;
    const asked = state.asked;
    const after = ask();
    expect(state.asked).toBe(asked);
    answers.resolve();
    await expect(after).rejects.toMatchObject({ code: 'unauthenticated' });
    await before;
    expect(state.asked).toBeGreaterThan(asked + 1);
  });

  it('[peers:revocation-race] does not trust an answer from before a revocation that arrives meanwhile', async () => {
    const { state, revoke, ask, listening, principals } = await identity({ cacheTtlMs: 0 });
    await listening();
    const answers = Promise.withResolvers<void>();
    state.held = answers.promise;
    let told = false;
    principals.onRevoked(() => {
      told = true;
    });
    const asking = ask();
    await until('identity is asked', () => state.asked > 0);
    revoke();
    await until('listeners were told', () => told);
    answers.resolve();
    await expect(asking).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  it('[peers:revocation-gap] drops everything when a revocation was missed', async () => {
    const { state, principals, revocations, ask, warm } = await identity();
    await warm();
    const told: string[] = [];
    principals.onRevoked(({ tenant, keyId }) => told.push(`${tenant}/${keyId}`));
    state.sequence += 2;
    revocations.push({ sequence: state.sequence });
    await until('all is dropped', () => told.length > 0);
    expect(told).toEqual(['/']);
    await ask();
    expect(state.asked).toBe(1);
  });

  it('[peers:revocation-silence] asks again after a second without a word of the stream', async () => {
    const { state, revocations, ask, warm } = await identity();
    await warm();
    revocations.speaking = false;
    state.known.clear();
    await until('the key is refused', refused(ask), 3_000);
  });

  it('[peers:revocation-while-cut] asks again for what was answered while no stream was open', async () => {
    const { state, revocations, ask, warm } = await identity();
    await warm();
    const before = revocations.opened;
    revocations.speaking = false;
    revocations.cut();
    await ask();
    state.known.clear();
    state.sequence++;
    revocations.speaking = true;
    await until('the stream is open again', () => revocations.opened > before);
    await until('the key is refused', refused(ask), 3_000);
  });

  it('[peers:revocation-while-cut] holds nothing over the moment in which identity is heard again', async () => {
    const { state, revocations, principals, ask, warm } = await identity();
    await warm();
    state.answer = 'away';
    revocations.cut();
    await until('identity was asked in vain', async () => {
      await ask();
      return state.asked > 0;
    });
    const told = new Promise((resolve) => principals.onRevoked(resolve));
    state.known.clear();
    state.sequence++;
    state.answer = 'normal';
    await told;
    await expect(ask()).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  it('[peers:revocation-while-cut] tells those with open work that something may have been revoked meanwhile', async () => {
    const { revocations, principals, warm } = await identity();
    await warm();
    const told: Revoked[] = [];
    principals.onRevoked((one) => told.push(one));
    revocations.cut();
    await until('listeners were told', () => told.length > 0);
    expect(told).toEqual([MISSED]);
  });

  it('[peers:revocation-user] drops and tells of all that acts for a person, once, however often it is told', async () => {
    const { state, revocations, principals, ask, warm } = await identity();
    await warm();
    const told: Revoked[] = [];
    principals.onRevoked((one) => told.push(one));
    const notice = {
      tenant: 'default',
      user: 'ann',
      reason: 'left team core',
      by: 'key:scim',
      sequence: ++state.sequence,
    };
    revocations.push(notice);
    revocations.push(notice);
    await until('listeners were told', () => told.length > 0);
    await ask();
    expect(state.asked).toBe(1);
    // Told again, or late, it does not end what was begun since.
    revocations.push(notice);
    revocations.push({ ...notice, sequence: state.sequence - 1 });
    await new Promise((resolve) => setTimeout(resolve, 150));
    await ask();
    expect(state.asked).toBe(1);
    expect(told.map(({ user, by, reason, ends }) => ({ user, by, reason, ends }))).toEqual([
      { user: 'ann', by: 'key:scim', reason: 'left team core', ends: true },
    ]);
  });

  it('[peers:revocation-order] out of order, everything is asked for anew and what is late is known by then', async () => {
    const { state, revocations, principals, ask, warm } = await identity();
    await warm();
    const told: Revoked[] = [];
    principals.onRevoked((one) => told.push(one));
    const notice = { tenant: 'default', user: 'bob', reason: 'left team core' };
    state.sequence += 2;
    revocations.push({ ...notice, sequence: state.sequence });
    revocations.push({ ...notice, user: 'ann', sequence: state.sequence - 1 });
    await until('listeners were told', () => told.length === 2);
    expect(told[0]).toBe(MISSED);
    await ask();
    expect(state.asked).toBe(1);
  });

  it.each(['away', 'hangs'] as const)(
    '[peers:identity-away] serves a known key while identity is %s, and never says 401 for it',
    async (answer) => {
      const { state, ask, warm, revocations, principals } = await identity({ timeoutMs: 300 });
      await warm();
      state.answer = answer;
      revocations.cut();
      const at = performance.now();
      for (let time = 0; time < 5; time++) expect((await ask()).keyId).toBe('k1');
      // One attempt for all of them, not one each.
      expect(performance.now() - at).toBeLessThan(1_500);
      await expect(principals.authenticate(shown('other'), 'messages')).rejects.toMatchObject({ code: 'unavailable' });
    },
  );

  it('[peers:identity-away-ends] says unavailable, not 401, once a cached answer has lived out its ten seconds', async () => {
    const { state, revocations, ask, warm } = await identity();
    await warm();
    state.answer = 'away';
    revocations.speaking = false;
    const silentSince = performance.now();
    let served = 0;
    for (;;) {
      const askedAt = performance.now();
      try {
        await ask();
        served = askedAt;
      } catch (error) {
        expect(error).toMatchObject({ code: 'unavailable', retryAfterMs: 1_000 });
        break;
      }
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    expect(served - silentSince).toBeGreaterThan(8_000);
    expect(served - silentSince).toBeLessThan(11_500);
  });

  it('[tokens:edge] never takes a secret for what an edge says, whatever it is', async () => {
    const { state, principals } = await identity();
    const edge = { san: 'edge.example', user: 'ann', email: '', groups: [] };
    const vouched = { secret: '', edge, address: () => '' };
    state.known.add('');
    await expect(principals.authenticate(vouched, 'mcp')).resolves.toMatchObject({ user: 'ann' });
    for (const secret of [JSON.stringify(['edge.example', 'ann', '', []]), '']) {
      state.known.delete('');
      await expect(principals.authenticate(shown(secret), 'mcp')).rejects.toMatchObject({ code: 'unauthenticated' });
    }
  });

  describe('a credential that is bound to networks', () => {
    const networks = ['10.0.0.0/8'];
    const [inside, alsoInside, outside] = ['10.0.0.1', '10.0.0.2', '192.0.2.1'];
    const refused = { code: 'unauthenticated' };

    it('[peers:networks] is served from the cache to its networks alone, and each request is looked at', async () => {
      const { state, ask, warm } = await identity({ networks });
      await warm(inside);
      await expect(ask(alsoInside)).resolves.toMatchObject({ keyId: 'k1' });
      await expect(ask(outside)).rejects.toMatchObject(refused);
      await expect(ask('')).rejects.toMatchObject(refused);
      await expect(ask(inside)).resolves.toMatchObject({ keyId: 'k1' });
      expect(state.asked).toBe(0);
    });

    it('[peers:networks] is not lost to those inside by who asks for it at the same time from outside', async () => {
      const { state, ask, listening } = await identity({ networks, cacheTtlMs: 0 });
      await listening();
      const answers = Promise.withResolvers<void>();
      state.held = answers.promise;
      const asking = [ask(outside), ask(inside), ask(outside), ask(alsoInside)];
      await until('identity is asked', () => state.asked > 0);
      answers.resolve();
      const settled = await Promise.allSettled(asking);
      expect(settled.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected', 'fulfilled']);
    });

    it('[peers:networks] is not given to those outside who wait with one inside', async () => {
      const { state, ask, revocations } = await identity({ networks });
      await until('the stream is open', () => revocations.opened > 0);
      const answers = Promise.withResolvers<void>();
      state.held = answers.promise;
      const asking = [ask(inside), ask(outside)];
      await until('identity is asked', () => state.asked > 0);
      answers.resolve();
      const settled = await Promise.allSettled(asking);
      expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    });

    it('[peers:networks] is held while identity is away for those inside alone, whoever asked last', async () => {
      const { state, ask, warm, revocations } = await identity({ networks });
      await warm(inside);
      // The answer is to be asked for anew.
      revocations.cut();
      await until('the stream is open again', () => revocations.opened > 1);
      await expect(ask(outside)).rejects.toMatchObject(refused);
      state.answer = 'away';
      await expect(ask(outside)).rejects.toMatchObject({ code: 'unauthenticated' });
      await expect(ask(inside)).resolves.toMatchObject({ keyId: 'k1' });
    });
  });

  it('refuses a key that has expired since it was cached', async () => {
    const { ask, warm } = await identity({ expiresAtMs: Date.now() + 3_000 });
    await warm();
    await new Promise((resolve) => setTimeout(resolve, 3_050));
    await expect(ask()).rejects.toMatchObject({ code: 'unauthenticated' });
  });
});
