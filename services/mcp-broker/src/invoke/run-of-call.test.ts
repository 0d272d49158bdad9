import { create } from '@bufbuild/protobuf';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createLogger } from '@sallyport/chassis/log';
import { inProcess } from '@sallyport/chassis/rpc/testing';
import { DecisionService, TrajectoryService } from '@sallyport/proto/policy/v1/policy_pb';
import { PrincipalSchema } from '@sallyport/proto/principal/v1/principal_pb';
import { TRUSTED, untrusted } from '@sallyport/turn';
import { keyedDigest } from '../digests.ts';
import { playedState } from '../testing/broker.ts';
import { playedPolicy } from '../testing/peers.ts';
import { beginTurn } from './admit.ts';
import { askPolicy } from './decide.ts';
import { resultMemory } from './memory.ts';
import { issueSession, joinRun, readSession } from './run-of-call.ts';
import { seenRuns } from './seen-runs.ts';
import { shownWords } from './shown.ts';

const digest = keyedDigest('digest-secret-of-the-tests-0123456789');
const MINUTE_MS = 60_000;
const MIDNIGHT = Date.parse('2026-03-03T00:00:00Z');
const ann = { tenant: 'acme', id: 'key:k1', keyId: 'k1', user: 'ann' };
const principal = (over = {}) => create(PrincipalSchema, { ...ann, ...over });

const state = playedState();
let policy: Awaited<ReturnType<typeof inProcess<typeof TrajectoryService>>>;
let decisions: Awaited<ReturnType<typeof inProcess<typeof DecisionService>>>;
beforeAll(async () => {
  policy = await inProcess(TrajectoryService, playedPolicy(state).trajectories);
  decisions = await inProcess(DecisionService, playedPolicy(state).decisions);
});
afterAll(() => Promise.all([policy.close(), decisions.close()]));
beforeEach(() => state.runs.clear());

/** A call of `somebody` at a time, at a broker that has seen no run unless told; what it read is remembered. */
async function call(
  nowMs: number,
  claim = { trajectory: '', session: '' },
  reads = TRUSTED,
  somebody = principal(),
  runs = seenRuns(),
) {
  const access = { policies: [], policyRevision: 'r1', clientTools: true } as never;
  const turn = beginTurn({ principal: somebody, access }, {}, new AbortController().signal);
  await joinRun({ clients: { trajectories: policy.client }, digest, runs }, turn, claim, nowMs);
  await askPolicy({ clients: { decisions: decisions.client } }, turn, wire);
  const memory = resultMemory(policy.client, digest, createLogger({ service: 'test', level: 'error' }));
  const decision = { verdict: 'allow', enforced: 'allow', mode: 'enforce', rule: 'r', reason: '', policyRevision: '' };
  const result = { callId: 'c', status: 'done', isError: false, label: reads, contextLabel: reads, decision } as const;
  const tool = { exposedName: 'mail__read', server: { name: 'mail' }, definition: { name: 'read' } };
  await memory.remember(turn, { tool: tool as never, written: {} }, result as never, shownWords('words'));
  return turn;
}

const wire = { callId: 'c', tool: {}, argumentsJson: '{}', origins: [], approvalId: '', useId: 'u' } as never;

describe('the run of a call that names none', () => {
  it('[mcp:unclaimed-taint] is tainted by what was read just before midnight', async () => {
    expect((await call(MIDNIGHT - 2 * MINUTE_MS)).label).toMatchObject({ integrity: 'trusted' });
    await call(MIDNIGHT - MINUTE_MS, undefined, untrusted('tool:mail/read'));
    expect((await call(MIDNIGHT + MINUTE_MS)).label).toMatchObject({ integrity: 'untrusted' });
  });
});

describe('a run of which nothing is known yet', () => {
  const human = { origin: 'human', instructionAuthority: { userTyped: true, systemAuthored: false } };
  it.each([
    ['a verified user', { user: 'ann' }, 'trusted'],
    ['a verified user behind a key for mails', { user: 'ann', origin: 'email' }, 'trusted'],
    ['nobody, but a human types into the client', { user: '', ...human }, 'trusted'],
    ['nobody', { user: '' }, 'untrusted'],
    ['nobody, origin human alone', { user: '', origin: 'human' }, 'untrusted'],
    [
      'nobody, typed text alone',
      { user: '', instructionAuthority: { userTyped: true, systemAuthored: false } },
      'untrusted',
    ],
    [
      'nobody, authored system text',
      { user: '', origin: 'human', instructionAuthority: { userTyped: false, systemAuthored: true } },
      'untrusted',
    ],
    ['nobody, a webhook that says it is typed', { user: '', ...human, origin: 'webhook' }, 'untrusted'],
    ['nobody, an agent', { user: '', ...human, origin: 'agent' }, 'untrusted'],
  ])('[mcp:starting-label] of %s: %#', async (_name, who, integrity) => {
    const somebody = create(PrincipalSchema, { ...ann, ...(who as object) });
    const session = issueSession(digest, somebody).split('.')[0] as string;
    const claims = [
      { trajectory: '', session: '' },
      { trajectory: '', session },
      { trajectory: 'of-nobody', session: '' },
    ];
    for (const claim of claims) {
      state.runs.clear();
      expect((await call(MIDNIGHT, claim, TRUSTED, somebody)).label.integrity).toBe(integrity);
    }
  });

  it('[mcp:run-of-day] is one for all calls of a principal and day that name none, and no other', async () => {
    const runs = await Promise.all([
      call(MIDNIGHT),
      call(MIDNIGHT + 23 * 60 * MINUTE_MS),
      call(MIDNIGHT - MINUTE_MS),
      call(MIDNIGHT, undefined, TRUSTED, principal({ id: 'key:k2' })),
      call(MIDNIGHT, undefined, TRUSTED, principal({ user: 'bob' })),
      call(MIDNIGHT, undefined, TRUSTED, principal({ tenant: 'other' })),
    ]);
    const ids = runs.map((turn) => turn.trajectory);
    expect(ids[0]).toBe(ids[1]);
    expect(new Set(ids).size).toBe(5);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    // Their steps are counted call by call.
    expect(new Set(runs.map((turn) => turn.limitRun)).size).toBe(6);
  });
});

describe('a session', () => {
  it('[mcp:session-holder] belongs to tenant, principal and user', () => {
    const session = issueSession(digest, principal());
    expect(readSession(digest, principal(), session)).toEqual({
      run: session.split('.')[0],
      opensLinks: false,
      fillsForms: false,
    });
    for (const other of [{ tenant: 'other' }, { id: 'key:k2' }, { user: 'bob' }]) {
      expect(readSession(digest, principal(other), session)).toBeUndefined();
    }
  });

  it('[mcp:session-holder] whose run belongs to somebody else names no run', async () => {
    const run = '0190a000-0000-7000-8000-000000000001';
    state.runs.set(run, { principalId: 'key:k2', label: undefined });
    const turn = await call(MIDNIGHT, { trajectory: '', session: run });
    expect(turn).toMatchObject({ foreignTrajectory: run, newTrajectory: true });
    expect(turn.trajectory).not.toBe(run);
  });
});

describe('runs that were seen', () => {
  const READ = untrusted('tool:mail/read');
  it('[mcp:seen-runs] are their own for principal, user and tenant alone, and never lose taint', () => {
    const runs = seenRuns();
    runs.saw(principal(), 'r', READ);
    runs.saw(principal(), 'r', TRUSTED);
    expect(runs.labelOf(principal(), 'r')).toEqual(READ);
    expect(runs.labelOf(principal(), '')).toBeUndefined();
    for (const other of [{ tenant: 'other' }, { id: 'key:k2' }, { user: 'bob' }]) {
      expect(runs.labelOf(principal(other), 'r')).toBeUndefined();
    }
  });

  it('[mcp:seen-runs] are asked about again after a while', () => {
    let nowMs = 0;
    const runs = seenRuns(() => nowMs);
    runs.saw(principal(), 'r', READ);
    nowMs = 601_000;
    expect(runs.labelOf(principal(), 'r')).toBeUndefined();
  });

  it('[mcp:seen-runs] get from policy what the run has read since, elsewhere', async () => {
    const run = '0190a000-0000-7000-8000-000000000002';
    const runs = seenRuns();
    const claim = { trajectory: run, session: '' };
    state.runs.set(run, { principalId: ann.id, label: undefined });
    runs.saw(principal(), run, TRUSTED);
    expect((await call(MIDNIGHT, claim, TRUSTED, principal(), runs)).label).toEqual(TRUSTED);
    await call(MIDNIGHT, claim, READ);
    const turn = await call(MIDNIGHT, claim, TRUSTED, principal(), runs);
    expect(turn).toMatchObject({ trajectory: run, foreignTrajectory: '', label: READ });
  });
});
