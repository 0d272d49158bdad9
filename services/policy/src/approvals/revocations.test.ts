import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import { inProcess } from '@sallyport/chassis/rpc/testing';
import { quiet, until } from '@sallyport/peers/testing';
import { AuthenticationService } from '@sallyport/proto/identity/v1/identity_pb';
import { voidingApprovals } from './revocations.ts';
import type { Ended } from './void.ts';

interface Told {
  readonly tenant?: string;
  readonly user?: string;
  readonly keyId?: string;
  readonly reason?: string;
  readonly by?: string;
  readonly sequence: number;
}

/** Identity with notices that it kept, and policy's store in memory. */
async function house(options: { heard?: number; kept: readonly Told[]; from?: number }) {
  const state = { heard: options.heard, voided: [] as (Ended | 'all')[], asked: [] as (number | undefined)[], told: 0 };
  const notices = [...options.kept];
  const ended = new AbortController();
  const served = await inProcess(AuthenticationService, {
    authenticate: () => Promise.reject(new GatewayError('unauthenticated', 'no')),
    async *watchRevocations({ after }) {
      state.asked.push(after);
      if (after !== undefined && after < (options.from ?? 0)) {
        throw new GatewayError('not_found', 'gone', { details: { head: notices.at(-1)?.sequence ?? 0 } });
      }
      yield* notices.filter((one) => one.sequence > (after ?? Number.POSITIVE_INFINITY));
      yield { sequence: notices.at(-1)?.sequence ?? 0 };
      await new Promise((resolve) => ended.signal.addEventListener('abort', resolve));
    },
  });
  const voiding = voidingApprovals({
    client: served.client,
    store: {
      voidOf: async (one) => state.voided.push(one),
      voidAll: async () => state.voided.push('all'),
      heard: async () => state.heard,
      async hear(sequence, anew) {
        state.heard = anew === true ? sequence : Math.max(sequence, state.heard ?? 0);
      },
    },
    onVoid: () => state.told++,
    log: quiet,
  });
  await voiding.start?.();
  const end = async () => {
    ended.abort();
    await voiding.stop?.(0);
    await served.close();
  };
  return { state, end };
}

const LEFT = { tenant: 'acme', user: 'ann', reason: 'left team core', by: 'key:scim' };

describe('approvals of what ended', () => {
  it('[policy:void-revoked] voids them, with who and why, and remembers how far it heard', async () => {
    const grown = { ...LEFT, user: 'bob', reason: 'changed' };
    const { state, end } = await house({
      heard: 3,
      kept: [
        { ...LEFT, sequence: 4 },
        { ...grown, sequence: 5 },
      ],
    });
    await until('all was heard', () => state.heard === 5);
    expect(state.asked).toEqual([3]);
    expect(state.voided).toEqual([
      { tenant: 'acme', subjects: ['user:ann'], by: 'key:scim', reason: 'left team core' },
    ]);
    expect(state.told).toBe(1);
    // Gateways may not have heard of it as soon.
    await until('what came late is voided', () => state.voided.length === 2);
    await end();
  });

  it('[approval:endorse-void] tells which name nobody has any more', async () => {
    const { state, end } = await house({
      heard: 3,
      kept: [
        { ...LEFT, reason: 'deleted', sequence: 4 },
        { ...LEFT, reason: 'renamed to anna', sequence: 5 },
        { ...LEFT, user: '', keyId: 'k', reason: 'deleted', sequence: 6 },
      ],
    });
    await until('all was heard', () => state.heard === 6);
    const gone = state.voided.map((one) => (one === 'all' ? one : one.goneName));
    expect(gone).toEqual(['ann', 'ann', undefined]);
    await end();
  });

  it('[policy:void-revoked] begins from now on, and where nobody knows what ended meanwhile voids all', async () => {
    const fresh = await house({ kept: [{ ...LEFT, sequence: 4 }] });
    await until('it is up to date', () => fresh.state.heard === 4);
    expect(fresh.state.voided).toEqual([]);
    await fresh.end();
    const late = await house({ heard: 3, from: 10, kept: [{ ...LEFT, sequence: 12 }] });
    await until('it is up to date', () => late.state.heard === 12);
    expect(late.state.voided).toEqual(['all']);
    await late.end();
  });
});
