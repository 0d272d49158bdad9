import { GatewayError } from '@sallyport/chassis/errors';
import type { ServiceImpl } from '@sallyport/chassis/rpc/server';
import { timeOfUuidv7 } from '@sallyport/chassis/uuid';
import {
  type Record as AuditRecord,
  type QueryService,
  Record_Kind,
  type RecordService,
  type TurnService,
} from '@sallyport/proto/audit/v1/audit_pb';
import type { InputsSeal } from './inputs-seal.ts';
import type { Intake } from './intake.ts';
import { readRecord } from './row.ts';
import type { RecordStore, RunTotals, StoredRecord } from './store.ts';
import type { UsageQuestion, UsageTotals } from './usage.ts';

/** Who may call what: the one place where audit's edges stand. */
export const CALLERS: Record<string, string[]> = {
  'sallyport.audit.v1.RecordService': [
    'model-proxy',
    'mcp-broker',
    'policy',
    'console',
    'vault',
    'identity',
    'egress-proxy',
  ],
  'sallyport.audit.v1.QueryService': ['console'],
  'sallyport.audit.v1.TurnService': ['model-proxy'],
};

const MAX_PAGE = 200;
const DEFAULT_PAGE = 50;
// A message is at most 32 MiB; a run longer than this shows its first records and its true totals.
const MAX_RECORDS = 5_000;
/** Turns that are looked up at once: one that is not there reads the records of its time, and others write on the same connections. */
const MOST_LOOKED_UP = 4;
/** How far the clock of who makes ids may be ahead. */
const CLOCKS_APART_MS = 60_000;

/** RecordService over the intake. */
export function recordService(intake: Intake): ServiceImpl<typeof RecordService> {
  return {
    async *append(requests) {
      for await (const { batch, records } of requests) {
        await intake.add(records);
        yield { batch };
      }
    },
    async commit(request) {
      const { records } = request;
      // A stream of HTTP/2, and the request that leads from it, goes with a full collection alone, not with those of the young.
      request.records = [];
      await intake.add(records);
      return {};
    },
  };
}

/** What QueryService works with. */
export interface QueryOptions {
  readonly store: RecordStore;
  readonly usage: (question: UsageQuestion) => Promise<UsageTotals[]>;
  readonly seal: InputsSeal;
  /** Milliseconds after which an intent without outcome counts as unknown. */
  readonly unknownAfterMs: number;
  readonly now?: () => number;
}

/** QueryService over the store. A run of another tenant or principal is as if absent. */
export function queryService(options: QueryOptions): ServiceImpl<typeof QueryService> {
  const { store, usage, seal, unknownAfterMs, now = Date.now } = options;
  return {
    async listTrajectories({ tenant, principalId, keyId, principalIds, pageSize, pageToken }) {
      demandTenant(tenant);
      const limit = Math.min(MAX_PAGE, pageSize > 0 ? pageSize : DEFAULT_PAGE);
      const runs = await store.runs({ tenant, principalId, keyId, principalIds, before: pageToken, limit: limit + 1 });
      const page = runs.slice(0, limit);
      return {
        trajectories: page.map((run) => trajectoryOf(tenant, run)),
        nextPageToken: runs.length > limit ? (page.at(-1)?.id ?? '') : '',
      };
    },
    async getTrajectory({ tenant, id, principalIds }) {
      demandTenant(tenant);
      const run = id === '' ? undefined : await store.run(tenant, id, MAX_RECORDS);
      if (run === undefined || (principalIds.length > 0 && !principalIds.includes(run.totals.principalId))) {
        throw new GatewayError('not_found', 'There is no such trajectory.');
      }
      const records = run.records.map((record) => opened(record, seal));
      return {
        trajectory: trajectoryOf(tenant, run.totals),
        records: withUnknownOutcomes(records, now() - unknownAfterMs),
      };
    },
    async usage({ tenant, fromMs, toMs, groupBy, filters, principalIds }) {
      demandTenant(tenant);
      return { rows: await usage({ tenant, fromMs, toMs: toMs > 0 ? toMs : now(), groupBy, filters, principalIds }) };
    },
  };
}

/** TurnService over the store. A turn of another tenant or principal is as if absent. */
export function turnService(
  store: Pick<RecordStore, 'modelCalls'>,
  now: () => number = Date.now,
): ServiceImpl<typeof TurnService> {
  let looking = 0;
  return {
    async listModelCalls({ tenant, turn, principalId }) {
      demandTenant(tenant);
      if (principalId === '') throw new GatewayError('invalid_request', 'A principal must be named.');
      const beganMs = timeOfUuidv7(turn);
      if (Number.isNaN(beganMs) || beganMs > now() + CLOCKS_APART_MS) return { records: [] };
      if (looking >= MOST_LOOKED_UP) {
        throw new GatewayError('unavailable', 'Too many turns are looked up.', { retryAfterMs: 1_000 });
      }
      looking++;
      try {
        const stored = await store.modelCalls({ tenant, turn, beganMs, principalId });
        return { records: stored.map(({ body }) => readRecord(body)) };
      } finally {
        looking--;
      }
    },
  };
}

/** Says `unknown` of intents from before `beforeMs` whose outcome never came: the effect may or may not have happened. */
export function withUnknownOutcomes(records: readonly AuditRecord[], beforeMs: number): AuditRecord[] {
  const done = new Set(records.map(({ intentId }) => intentId));
  return records.map((record) => {
    const open = record.kind === Record_Kind.TOOL_INTENT && !done.has(record.id);
    return open && record.startedAtMs < beforeMs ? { ...record, outcome: 'unknown' } : record;
  });
}

function opened(stored: StoredRecord, seal: InputsSeal): AuditRecord {
  const record = readRecord(stored.body);
  if (stored.sealedInputs !== undefined) {
    record.decisionInputsJson = seal.open(stored.tenant, stored.id, stored.sealedInputs);
  }
  return record;
}

function trajectoryOf(tenant: string, run: RunTotals) {
  return { tenant, ...run };
}

// '*' would open every tenant to a reading transaction.
function demandTenant(tenant: string): void {
  if (tenant === '' || tenant === '*') throw new GatewayError('invalid_request', 'A tenant must be named.');
}
