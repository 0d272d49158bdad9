import { TRUSTED } from '@sallyport/turn/label';
import { brokered, MAIL, OPEN_ACCESS, principalOfTest, snapshotOf, type TestResource } from '../testing.ts';
import type { Kept, KeptLookup } from '../trajectories/kept.ts';
import { stateAt } from './approval.ts';
import { type CallBatch, createDeciding } from './deciding.ts';
import { createDigests } from './digests.ts';
import type { EndorsementStore } from './endorsement-store.ts';
import type { ApprovalStore, NewApproval } from './store.ts';

/** Keys of tests. */
export const digests = createDigests([
  { id: 'k2', key: Buffer.alloc(32, 2) },
  { id: 'k1', key: Buffer.alloc(32, 1) },
]);
/** A label that everybody may see and nobody distrusts. */
export const GOOD = { trusted: true, sources: [], public: true, audience: [] };
/** One that came with a mail. */
export const BAD = { ...GOOD, trusted: false, sources: ['tool:mail/read'] };
/** A policy of one rule that asks, about all tools of one server. */
export const asks = (name: string, rule: object, spec: object = {}): TestResource => ({
  kind: 'ToolPolicy',
  name,
  spec: {
    tools: [{ server: 'mail', tool: '*' }],
    mode: 'Enforce',
    calls: [{ name: 'ask', action: 'Ask', reason: 'Why.', ...rule }],
    ...spec,
  },
});

/** What the stores in Postgres do, for one replica in memory. */
export function memory() {
  const rows = new Map<string, NewApproval & { state: 'pending' | 'approved' | 'used' | 'void'; usedBy: string }>();
  const endorsed = new Map<string, string>();
  const tainted = new Map<string, string>();
  const lookups: string[] = [];
  const approvals: Pick<ApprovalStore, 'open' | 'use'> = {
    async open(_tenant, asked) {
      for (const one of asked) rows.set(one.id, { ...one, state: 'pending', usedBy: '' });
      return asked.map(({ id, expiresAtMs }) => ({ id, expiresAtMs, isNew: true }));
    },
    async use(_tenant, uses) {
      return uses.map(({ bindings, callDigests, useId }) => {
        for (const row of rows.values()) {
          if (!bindings.some((one) => row.bindings.includes(one))) {
            if (callDigests.includes(row.callDigest) && row.state !== 'used') row.state = 'void';
            continue;
          }
          const again = row.state === 'used' && useId !== '' && row.usedBy === useId;
          if (!again && (row.state !== 'approved' || stateAt(row as never, Date.now()) === 'expired')) continue;
          row.state = 'used';
          row.usedBy = useId;
          return row.id;
        }
        return undefined;
      });
    },
  };
  const endorsements: Pick<EndorsementStore, 'find'> = {
    async find(_tenant, _trajectory, wanted) {
      lookups.push('endorsements');
      return new Map([...endorsed].filter(([digest]) => wanted.includes(digest)));
    },
  };
  const runs = new Map<string, NonNullable<Kept['run']>>();
  const kept = async ({ trajectory, fingerprints }: KeptLookup): Promise<Kept> => {
    if (fingerprints.length > 0) lookups.push('values');
    return {
      run: runs.get(trajectory),
      sources: new Map([...tainted].filter(([digest]) => fingerprints.includes(digest))),
    };
  };
  const stores = { approvals, endorsements, kept } as never;
  return { rows, endorsed, tainted, runs, lookups, deciding: createDeciding(stores, digests, () => undefined) };
}

/** One call of one run, with what a test changes. */
export const batchOf = (fields: Partial<CallBatch['calls'][number]> = {}, context = TRUSTED): CallBatch => ({
  principal: principalOfTest(),
  trajectory: 't1',
  context,
  calls: [
    {
      tool: brokered('egress'),
      argumentsJson: '{"to":"x"}',
      origins: [{ pointer: '/to', origin: 'composed', label: GOOD }],
      useId: 'u1',
      ...fields,
    },
  ],
});
/** What is decided under. */
export const settingOf = async (...resources: TestResource[]) =>
  ({ snapshot: await snapshotOf([OPEN_ACCESS, MAIL, ...resources]), posture: 'enforce' }) as const;
