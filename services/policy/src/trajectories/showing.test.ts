import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { createLogger } from '@sallyport/chassis/log';
import { ShowingSchema } from '@sallyport/proto/policy/v1/policy_pb';
import { type Label, label, TRUSTED } from '@sallyport/turn/label';
import type { ToolDecision } from '../evaluate.ts';
import { principalOfTest } from '../testing.ts';
import { createKnownRuns } from './known-runs.ts';
import { rememberShown } from './showing.ts';
import type { Release } from './trajectory.ts';

const log = createLogger({ service: 'test', write: () => undefined });
const READ = label('untrusted', ['tool:mail/read']);
const GOOD = { trusted: true, sources: [], public: true, audience: [] };
const BAD = { ...GOOD, trusted: false, sources: ['user:unverified'] };

/** Remembers as the store does, but for a run of somebody else and for values that Postgres would refuse. */
function memory() {
  const kept: Release[] = [];
  const writes: number[] = [];
  const store = {
    async remember(_tenant: string, releases: readonly Release[]) {
      writes.push(releases.length);
      if (releases.some(({ values }) => values.some(({ source }) => source === 'bad'))) throw new Error('22021');
      const foreign = releases.filter(({ trajectory }) => trajectory === 'foreign');
      kept.push(...releases.filter((one) => !foreign.includes(one)));
      return foreign.map(({ trajectory }) => trajectory);
    },
  };
  return { kept, writes, remember: rememberShown({ store, ttlMs: 1_000, log }) };
}

const decidedAs = (enforced: ToolDecision['enforced'], of: Label) =>
  ({
    decision: {
      verdict: enforced,
      enforced,
      mode: 'enforce',
      rule: 'r',
      reason: '',
      policyRevision: '1',
      toolClass: 'read',
    },
    label: of,
  }) as const;
const asked = (fields: object = {}, enforced: ToolDecision['enforced'] = 'allow', of: Label = READ) => ({
  principal: principalOfTest(),
  trajectory: 't1',
  showing: create(ShowingSchema, {
    context: GOOD,
    tool: 'mail__read',
    forms: ['form'],
    vouched: [{ digest: 'vouched', kind: 'result', tool: 'mail/read /a' }],
    fingerprints: [{ digest: 'value', source: 'tool:mail/read' }],
    toldTrusted: true,
    toldUntrusted: true,
    standing: ['tomorrow'],
    steps: 1,
    ...fields,
  }),
  decided: decidedAs(enforced, of),
});

describe('rememberShown', () => {
  it('[policy:shown] keeps label, forms and values of an untrusted result, also for the run that comes after', async () => {
    const { kept, remember } = memory();
    expect(await remember(asked())).toBe(true);
    expect(kept.map(({ trajectory }) => trajectory)).toEqual(['t1', 'tomorrow']);
    expect(kept.every((one) => one.label.integrity === 'untrusted')).toBe(true);
    expect(kept[0]?.digests).toEqual([{ digest: 'form', kind: 'result', tool: 'mail__read', label: READ }]);
    expect(kept[0]?.values).toEqual([{ digest: 'value', source: 'tool:mail/read' }]);
  });

  it('[policy:shown] keeps what a trusted result vouches for, and taints nothing', async () => {
    const { kept, remember } = memory();
    expect(await remember(asked({}, 'allow', TRUSTED))).toBe(true);
    expect(kept).toHaveLength(1);
    expect(kept[0]).toMatchObject({ label: TRUSTED, values: [] });
    expect(kept[0]?.digests.map(({ digest }) => digest)).toEqual(['form', 'vouched']);
  });

  it('[policy:shown] counts a trusted result of untrusted arguments as untrusted', async () => {
    const { kept, remember } = memory();
    expect(await remember(asked({ context: BAD }, 'allow', TRUSTED))).toBe(true);
    expect(kept[0]?.label).toMatchObject({ integrity: 'untrusted', sources: ['user:unverified'] });
    const unsaid = memory();
    await unsaid.remember(asked({ context: undefined }, 'allow', TRUSTED));
    expect(unsaid.kept[0]?.label.integrity).toBe('untrusted');
  });

  it.each([
    ['is not allowed as it is', asked({}, 'quarantine')],
    ['is denied', asked({}, 'deny')],
    ['is untrusted, against what the caller took it for', asked({ toldUntrusted: false })],
    ['is trusted, against what the caller took it for', asked({ toldTrusted: false }, 'allow', TRUSTED)],
    ['comes with nothing to remember', { ...asked(), showing: undefined }],
    ['belongs to no run', { ...asked(), trajectory: '' }],
  ])('[policy:shown] leaves it to the caller to tell more where the result %s', async (_, request) => {
    const { kept, remember } = memory();
    expect(await remember(request)).toBe(false);
    expect(kept).toEqual([]);
  });

  it('[policy:shown] writes together what comes at once, and fails those alone that cannot be kept', async () => {
    const { kept, writes, remember } = memory();
    const bad = asked({ fingerprints: [{ digest: 'x', source: 'bad' }] });
    const foreign = { ...asked(), trajectory: 'foreign' };
    const told = await Promise.all([asked(), bad, foreign, asked()].map(remember));
    expect(told).toEqual([true, false, false, true]);
    expect(writes[0]).toBe(8);
    expect(kept.filter(({ trajectory }) => trajectory === 't1')).toHaveLength(2);
  });
});

describe('known runs', () => {
  const expiresAtMs = Date.now() + 86_400_000;
  const run = { id: 't1', principalId: 'p', user: 'u', label: READ, steps: 2, expiresAtMs };
  const release: Release = {
    ...{ trajectory: 't1', principalId: 'p', user: 'u', label: READ, steps: 1 },
    ...{ digests: [], callIds: [], assistantDigest: '', values: [] },
  };
  it.each<[string, Partial<Release>, boolean]>([
    ['adds nothing', {}, true],
    ['is less restricted', { label: TRUSTED }, true],
    ['has another source', { label: label('untrusted', ['tool:web/page']) }, false],
    ['is for fewer', { label: label('untrusted', ['tool:mail/read'], ['user:ann']) }, false],
    ['is further on', { steps: 3 }, false],
    ['is of another principal', { principalId: 'q' }, false],
    ['is of another user', { user: 'v' }, false],
    ['is of another run', { trajectory: 't2' }, false],
  ])('[policy:known-runs] writes its run where the release %s: %j', (_, fields, covered) => {
    const runs = createKnownRuns();
    expect(runs.covers('acme', { ...release, ...fields }, expiresAtMs)).toBe(false);
    runs.saw('acme', run);
    expect(runs.covers('acme', { ...release, ...fields }, expiresAtMs)).toBe(covered);
    expect(runs.covers('rival', { ...release, ...fields }, expiresAtMs)).toBe(false);
  });

  it('[policy:known-runs] forgets a run that it has not seen for a while, and one that expires', () => {
    let nowMs = 0;
    const runs = createKnownRuns(() => nowMs);
    runs.saw('acme', run);
    expect(runs.covers('acme', release, expiresAtMs + 3_600_000)).toBe(false);
    nowMs = 60_000;
    expect(runs.covers('acme', release, expiresAtMs)).toBe(false);
    runs.saw('acme', { ...run, expiresAtMs: Date.now() + 1_000 });
    expect(runs.covers('acme', release, Date.now() + 1_000)).toBe(false);
  });
});
