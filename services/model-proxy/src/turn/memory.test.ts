import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import { EncodedList } from '@sallyport/chassis/rpc/encoded';
import type { RecordInit } from '@sallyport/peers/records';
import type { Releases } from '@sallyport/peers/release-batch';
import { quiet } from '@sallyport/peers/testing';
import { Record_Kind } from '@sallyport/proto/audit/v1/audit_pb';
import { label } from './label.ts';
import { type MemoryOptions, trajectoryMemory } from './memory.ts';
import { gateOf, somebody, turnOf } from './testing.ts';

type Release = Releases[number];

const TRUSTED = { trusted: true, sources: [], public: true, audience: [] };
const release = (trajectory: string, value = '', principalId = 'key:k1'): Release => ({
  tenant: 'acme',
  principalId,
  user: principalId === 'key:k1' ? 'ann' : 'bob',
  trajectory,
  label: TRUSTED,
  fingerprints: value === '' ? [] : [{ digest: value, source: 'tool:desk/page' }],
});
const ann = somebody();
const bob = somebody({ id: 'key:k2', user: 'bob' });
const foreign = (...runs: string[]) =>
  new GatewayError('permission_denied', 'not yours', { details: { foreign: runs } });

/** What a batch, or what is told apart of one, tells of. */
const releasesIn = (request: { released?: Releases } | EncodedList): Releases =>
  request instanceof EncodedList ? (request.decoded() as Releases) : (request.released ?? []);

/** A memory over a policy that answers each call as `answers` say, in order, and then takes all. */
function memoryOver(answers: ((released: readonly Release[]) => unknown)[], options: Partial<MemoryOptions> = {}) {
  const kept: string[] = [];
  const records: RecordInit[] = [];
  const lost: number[] = [];
  let calls = 0;
  const memory = trajectoryMemory({
    client: {
      remember: async (request) => {
        const released = releasesIn(request);
        const fault = answers[calls++]?.(released);
        if (fault !== undefined) throw fault;
        kept.push(...released.map(({ trajectory }) => trajectory ?? ''));
        return {} as never;
      },
    },
    log: quiet,
    recorder: { append: (record) => void records.push(record) },
    lost: { inc: (by = 1) => void lost.push(by) },
    everyMs: 1,
    firstRetryMs: 5,
    giveUpMs: 1_000,
    ...options,
  });
  return { memory, kept, records, lost, calls: () => calls };
}

async function until(done: () => boolean): Promise<void> {
  for (const end = Date.now() + 5_000; !done() && Date.now() < end; ) await pause(2);
}

const away = () => new GatewayError('unavailable', 'away');

describe('what policy is told later', () => {
  it('[turn:remember-again] is told again while policy is away, in its order, and nobody is trusted less for it', async () => {
    const { memory, kept, lost } = memoryOver([away, away]);
    memory.later(release('r1', 'v'));
    memory.later(release('r2'));
    await until(() => kept.length === 2);
    expect(kept).toEqual(['r1', 'r2']);
    expect([lost, memory.forgets(ann)]).toEqual([[], false]);
    await memory.stop();
  });

  it('[turn:remember-again] is not trusted as long as policy has not heard of it', async () => {
    const { memory, calls } = memoryOver(Array(1_000).fill(away));
    memory.later(release('r1', 'v'));
    expect(memory.forgets(ann)).toBe(false);
    await until(() => calls() > 1);
    expect([memory.forgets(ann), memory.forgets(bob)]).toEqual([true, false]);
    // Who asks meanwhile does not make it be told sooner than is due.
    const before = calls();
    for (let index = 0; index < 50; index++) await memory.caughtUp(ann);
    expect(calls() - before).toBeLessThan(10);
    await memory.stop();
  });

  it('[turn:remember-lost] taints whom it concerns, by key and by name, where policy never takes it', async () => {
    const { memory, kept, records, lost } = memoryOver([() => foreign('r2')]);
    memory.later(release('r1', 'v', 'key:k2'));
    memory.later(release('r2', 'v'));
    await until(() => lost.length > 0);
    expect([lost, memory.forgets(ann), memory.forgets(bob)]).toEqual([[1], true, false]);
    expect(memory.forgets(somebody({ id: 'user:ann', user: 'ann' }))).toBe(true);
    expect(memory.forgets(somebody({ tenant: 'other' }))).toBe(false);
    expect(records).toEqual([
      expect.objectContaining({ kind: Record_Kind.ADMIN, tenant: 'acme', principalId: 'key:k1', trajectory: 'r2' }),
    ]);
    // Policy kept the rest of the batch itself.
    expect(kept).toEqual([]);
    await memory.stop();
  });

  it('[turn:remember-lost] finds the one release that policy cannot read, and tells all others', async () => {
    const bad = (released: readonly Release[]) =>
      released.some(({ trajectory }) => trajectory === 'r3') ? new GatewayError('invalid_request', 'bad') : undefined;
    const { memory, kept, lost } = memoryOver(Array(50).fill(bad));
    for (const run of ['r1', 'r2', 'r3', 'r4', 'r5'])
      memory.later(release(run, 'v', run === 'r3' ? 'key:k1' : 'key:k2'));
    await until(() => kept.length === 4);
    expect([kept.sort(), lost]).toEqual([['r1', 'r2', 'r4', 'r5'], [1]]);
    expect([memory.forgets(ann), memory.forgets(bob)]).toEqual([true, false]);
    await memory.stop();
  });

  it('[turn:remember-lost] is given up after its time, and told of once for each principal', async () => {
    const { memory, lost, records } = memoryOver(Array(1_000).fill(away), { giveUpMs: 30 });
    memory.later(release('r1', 'v'));
    memory.later(release('r2', 'v'));
    await until(() => lost.length > 0);
    expect([lost, records.length, memory.forgets(ann)]).toEqual([[2], 1, true]);
    await memory.stop();
  });

  it('[turn:remember-lost] is bounded: what finds no room is lost, words alone without harm', async () => {
    const { memory, lost } = memoryOver(Array(1_000).fill(away), { maxWaiting: 1 });
    memory.later(release('r1'));
    memory.later(release('r2'));
    expect([lost, memory.forgets(ann)]).toEqual([[1], false]);
    memory.later(release('r3', 'v'));
    expect([lost, memory.forgets(ann)]).toEqual([[1, 1], true]);
    await memory.stop();
  });

  it('[turn:remember-lost] is lost with its process where policy is away, with a record', async () => {
    const { memory, records } = memoryOver(Array(1_000).fill(away));
    memory.later(release('r1', 'v'));
    await memory.stop();
    expect(records).toHaveLength(1);
  });
});

describe('a turn of a principal of whom something untrusted was forgotten', () => {
  it('[turn:remember-lost] is untrusted', async () => {
    const turn = turnOf();
    const { gate } = gateOf({ memory: { forgets: () => true, caughtUp: async () => {} } });
    await label(gate, turn);
    expect(turn.label).toMatchObject({ integrity: 'untrusted', sources: ['memory:lost'] });
  });
});
