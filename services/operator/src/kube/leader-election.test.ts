import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type KubeApi, KubeError } from '@sallyport/chassis/kube/api';
import { createLogger } from '@sallyport/chassis/log';
import { leaderElection } from './leader-election.ts';

const log = createLogger({ service: 'test', level: 'error' });
log.warn = () => undefined;
log.error = () => undefined;

/** A Lease on a server that refuses updates from an old version, and can be cut off. */
function leaseServer() {
  const state: { lease: Record<string, unknown> | undefined; version: number; away: boolean } = {
    lease: undefined,
    version: 0,
    away: false,
  };
  const api: Pick<KubeApi, 'request'> = {
    async request({ method = 'GET', body }) {
      if (state.away) throw new Error('away');
      if (method === 'GET') {
        if (state.lease === undefined) throw new KubeError(404, 'NotFound', 'none');
        return { metadata: { resourceVersion: String(state.version) }, spec: state.lease };
      }
      const { metadata, spec } = body as { metadata: { resourceVersion?: string }; spec: Record<string, unknown> };
      if (method === 'PUT' && metadata.resourceVersion !== String(state.version))
        throw new KubeError(409, 'Conflict', 'old');
      if (method === 'POST' && state.lease !== undefined) throw new KubeError(409, 'AlreadyExists', 'there');
      state.lease = spec;
      state.version++;
      return undefined;
    },
  };
  return { api, state };
}

function candidate(api: Pick<KubeApi, 'request'>, identity: string) {
  const told: string[] = [];
  const election = leaderElection({
    api,
    namespace: 'n',
    name: 'l',
    identity,
    durationMs: 1000,
    renewMs: 120,
    retryMs: 20,
    onLead: async () => void told.push('leads'),
    onRelease: async () => void told.push('ended'),
    onLost: () => told.push('lost'),
    log,
  });
  return { told, election };
}

/** A server that takes each request and answers none after its time, as one behind a dead connection. */
function hanging(api: Pick<KubeApi, 'request'>) {
  const state = { hangs: false };
  const request: KubeApi['request'] = async (wanted) => {
    if (!state.hangs) return api.request(wanted);
    await new Promise((resolve) => setTimeout(resolve, wanted.timeoutMs ?? 10_000));
    if (wanted.method === 'PUT') throw new Error('timeout');
    return api.request(wanted);
  };
  return { state, api: { request } };
}

// No machine is too slow for these times.
const pause = (ms: number) => jest.advanceTimersByTimeAsync(ms);
beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

describe('leaderElection', () => {
  it('[operator:leader-gives-up] gives up in time at a server that hangs, however many requests it takes', async () => {
    const slow = hanging(leaseServer().api);
    const { told, election } = candidate(slow.api, 'a');
    await election.start?.();
    await pause(30);
    expect(told).toEqual(['leads']);
    slow.state.hangs = true;
    // 120 ms without a renewal, and a little for the clock; each request alone might take as long.
    await pause(200);
    expect(told).toEqual(['leads', 'lost']);
    await Promise.all([election.stop?.(0), pause(200)]);
  });

  it('lets exactly one of several lead', async () => {
    const { api } = leaseServer();
    const all = ['a', 'b', 'c'].map((identity) => candidate(api, identity));
    for (const { election } of all) await election.start?.();
    await pause(200);
    expect(all.flatMap(({ told }) => told)).toEqual(['leads']);
    for (const { election } of all) await Promise.all([election.stop?.(0), pause(200)]);
  });

  it('takes over from a silent leader only after it saw the Lease unchanged for its duration', async () => {
    const { api, state } = leaseServer();
    // A clock far ahead or behind must not matter: only changes seen by this process count.
    state.lease = { holderIdentity: 'dead', leaseDurationSeconds: 1, renewTime: '1999-01-01T00:00:00.000000Z' };
    const { told, election } = candidate(api, 'b');
    await election.start?.();
    await pause(500);
    expect(told).toEqual([]);
    await pause(800);
    expect(told).toEqual(['leads']);
    await Promise.all([election.stop?.(0), pause(200)]);
  });

  it('gives up when it cannot renew, and does not lead twice', async () => {
    const { api, state } = leaseServer();
    const { told, election } = candidate(api, 'a');
    await election.start?.();
    await pause(60);
    state.away = true;
    await pause(300);
    expect(told).toEqual(['leads', 'lost']);
    await Promise.all([election.stop?.(0), pause(200)]);
  });

  it('[operator:leader-hand-over] ends its work, then gives the Lease back, when it stops', async () => {
    const { api, state } = leaseServer();
    const { told, election } = candidate(api, 'a');
    await election.start?.();
    await pause(50);
    await Promise.all([election.stop?.(0), pause(200)]);
    expect(told).toEqual(['leads', 'ended']);
    expect(state.lease).toMatchObject({ holderIdentity: '', leaseDurationSeconds: 1 });
  });
});
