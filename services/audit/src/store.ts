import type { Postgres, TenantClient } from '@sallyport/chassis/postgres';
import { INSERT, insertValues } from './columns.ts';
import type { Row } from './row.ts';

/** The schema version this store needs: the number of its newest migration. */
export const SCHEMA_VERSION = 1;

/** A record as it is kept. */
export interface StoredRecord {
  readonly tenant: string;
  readonly id: string;
  readonly body: Uint8Array;
  readonly sealedInputs: Uint8Array | undefined;
}

/** Totals of a run. */
export interface RunTotals {
  readonly id: string;
  readonly principalId: string;
  readonly user: string;
  readonly keyId: string;
  readonly startedAtMs: number;
  readonly lastAtMs: number;
  readonly steps: number;
  readonly modelCalls: number;
  readonly toolCalls: number;
  readonly refusals: number;
  readonly quarantines: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly costNanoUsd: number;
  /** A model was asked with anything untrusted in its context. */
  readonly untrusted: boolean;
  /** Results of tools that a model was not shown as they were. */
  readonly quarantinedResults: number;
}

/** A run with its records. */
export interface Run {
  readonly totals: RunTotals;
  readonly records: readonly StoredRecord[];
}

/** Which runs are listed; empty texts select all. */
export interface RunSelection {
  readonly tenant: string;
  readonly principalId: string;
  readonly keyId: string;
  /** Any: only runs of one of these. */
  readonly principalIds: readonly string[];
  /** Runs before this id only; empty: from the newest. */
  readonly before: string;
  readonly limit: number;
}

/** Which turn is meant; it is found only if it is the principal's. */
export interface TurnSelection {
  readonly tenant: string;
  readonly turn: string;
  /** When it began, as its id says. */
  readonly beganMs: number;
  readonly principalId: string;
}

/** Reads and adds records. Rejects with `unavailable` when the database is. */
export interface RecordStore {
  insert(rows: readonly Row[]): Promise<void>;
  /** Runs, newest first. */
  runs(selection: RunSelection): Promise<RunTotals[]>;
  /** A run and its records in order, at most `limit`: of one moment, so that the totals are those of the records. */
  run(tenant: string, id: string, limit: number): Promise<Run | undefined>;
  /** The model calls of a turn, oldest first. */
  modelCalls(selection: TurnSelection): Promise<StoredRecord[]>;
}

// Kinds by number in proto: 1 model call, 2 intent, 3 outcome, 4 refusal, 5 quarantine, 7 refused before any step.
// A call that only reads has no intent of its own, one without an answer has no outcome: the intent's id counts once.
const TOTALS = `r.trajectory as id,
  (array_agg(r.principal_id order by r.started_at, r.id))[1] as principal_id,
  (array_agg(r.user_id order by r.started_at, r.id))[1] as user_id,
  (array_agg(r.key_id order by r.started_at, r.id))[1] as key_id,
  (extract(epoch from min(r.started_at)) * 1000)::float8 as started_at_ms,
  (extract(epoch from max(r.started_at)) * 1000 + coalesce(max(r.duration_ms) filter (where r.started_at = l.last), 0))::float8
    as last_at_ms,
  count(distinct (r.turn, r.step)) filter (where r.kind between 1 and 5)::float8 as steps,
  count(*) filter (where r.kind = 1)::float8 as model_calls,
  count(distinct coalesce(r.intent_id, r.id)) filter (where r.kind in (2, 3))::float8 as tool_calls,
  count(*) filter (where r.kind in (4, 7))::float8 as refusals,
  count(*) filter (where r.kind = 5)::float8 as quarantines,
  coalesce(sum(r.input_tokens) filter (where r.kind = 1), 0)::float8 as input_tokens,
  coalesce(sum(r.output_tokens) filter (where r.kind = 1), 0)::float8 as output_tokens,
  coalesce(sum(r.cost_nano_usd) filter (where r.kind = 1), 0)::float8 as cost_nano_usd,
  coalesce(bool_or(not r.label_trusted) filter (where r.kind = 1), false) as untrusted,
  count(*) filter (where r.kind = 3 and r.enforced = 'quarantine')::float8 as quarantined_results`;

/** Keeps records in Postgres; row-level security bounds each reading transaction to its tenant. */
export function createRecordStore(postgres: Postgres): RecordStore {
  return {
    async insert(rows) {
      await postgres.together('*', [
        { sql: INSERT, values: insertValues(rows), options: { prepared: 'insert records' } },
      ]);
    },
    runs: ({ tenant, principalId, keyId, principalIds, before, limit }) =>
      postgres.withTenant(tenant, async (client) => {
        // A loose index scan: one index probe a run instead of a pass over all records of the tenant.
        const next = (below: string) => `select n.trajectory from records n
          where n.tenant = $1 and n.trajectory <> '' and ${below}
            ${principalId === '' ? '' : 'and n.principal_id = $4'} ${keyId === '' ? '' : 'and n.key_id = $5'}
            ${principalIds.length === 0 ? '' : 'and n.principal_id = any ($6)'}
          order by n.trajectory desc limit 1`;
        const { rows } = await client.query(
          `with recursive found (trajectory) as (
             (${next(`($2 = '' or n.trajectory < $2)`)})
             union all
             select (${next('n.trajectory < found.trajectory')}) from found where found.trajectory is not null
           ), page as (select trajectory from found where trajectory is not null limit $3)
           select ${TOTALS}
             from page p
             cross join lateral (
               select max(started_at) as last from records where tenant = $1 and trajectory = p.trajectory) l
             join records r on r.tenant = $1 and r.trajectory = p.trajectory
            where $4::text is not null and $5::text is not null and $6::text[] is not null
            group by r.trajectory, l.last order by r.trajectory desc`,
          [tenant, before, limit, principalId, keyId, principalIds],
        );
        return rows.map(totalsOf);
      }),
    run: (tenant, id, limit) =>
      postgres.withTenant(
        tenant,
        async (client) => {
          const { rows } = await client.query(
            `select ${TOTALS} from records r
               cross join (select max(started_at) as last from records where tenant = $1 and trajectory = $2) l
              where r.tenant = $1 and r.trajectory = $2 group by r.trajectory, l.last`,
            [tenant, id],
          );
          if (rows[0] === undefined) return undefined;
          return { totals: totalsOf(rows[0]), records: await recordsOf(client, tenant, id, limit) };
        },
        { snapshot: true },
      ),
    modelCalls: ({ tenant, turn, beganMs, principalId }) =>
      postgres.withTenant(tenant, async (client) => {
        const { rows } = await client.query(MODEL_CALLS, [tenant, turn, beganMs, principalId]);
        return rows.map(storedOf);
      }),
  };
}

/** The clock of a replica that was set back is behind its ids. */
const SET_BACK_MS = 250;
const BEGINS_WITHIN_MS = 60_000;
/** Most records that are looked at for one turn. */
const LOOKED_AT = 20_000;
const MOST_CALLS = 1_000;

// No index has the turn, which each record would pay for. Its first record begins when its id was made, or soon after, and
// names the run, in which the others stand: the inner limit keeps an id that is none from being searched for long.
const MODEL_CALLS = `with near as (
    select turn, principal_id, trajectory from records
     where tenant = $1 and started_at >= to_timestamp(($3::float8 - ${SET_BACK_MS}) / 1000)
       and started_at < to_timestamp(($3::float8 + ${BEGINS_WITHIN_MS}) / 1000)
     order by started_at limit ${LOOKED_AT}),
  run as (select trajectory from near where turn = $2 and principal_id = $4 limit 1)
  select r.tenant, r.id, r.body, null as sealed_inputs from run join records r on r.tenant = $1
     and r.trajectory = run.trajectory and r.started_at >= to_timestamp(($3::float8 - ${SET_BACK_MS}) / 1000)
   where r.turn = $2 and r.kind = 1
   order by r.started_at, r.id limit ${MOST_CALLS}`;

async function recordsOf(client: TenantClient, tenant: string, trajectory: string, limit: number) {
  // Steps of one run may come from two services, whose clocks differ a little: within a turn the step decides.
  const { rows } = await client.query(
    `select tenant, id, body, sealed_inputs from (
       select r.*, min(r.started_at) over (partition by r.turn) as turn_at from records r
        where r.tenant = $1 and r.trajectory = $2) r
      order by turn_at, turn, step, kind = 3, started_at, id limit $3`,
    [tenant, trajectory, limit],
  );
  return rows.map(storedOf);
}

function storedOf(row: Record<string, unknown>): StoredRecord {
  return {
    tenant: row.tenant as string,
    id: row.id as string,
    body: row.body as Uint8Array,
    sealedInputs: (row.sealed_inputs as Uint8Array | null) ?? undefined,
  };
}

function totalsOf(row: Record<string, unknown>): RunTotals {
  return {
    id: row.id as string,
    principalId: row.principal_id as string,
    user: row.user_id as string,
    keyId: row.key_id as string,
    startedAtMs: row.started_at_ms as number,
    lastAtMs: row.last_at_ms as number,
    steps: row.steps as number,
    modelCalls: row.model_calls as number,
    toolCalls: row.tool_calls as number,
    refusals: row.refusals as number,
    quarantines: row.quarantines as number,
    inputTokens: row.input_tokens as number,
    outputTokens: row.output_tokens as number,
    costNanoUsd: row.cost_nano_usd as number,
    untrusted: row.untrusted as boolean,
    quarantinedResults: row.quarantined_results as number,
  };
}
