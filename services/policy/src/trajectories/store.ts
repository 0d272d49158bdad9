import type { Postgres, Statement, TenantClient } from '@sallyport/chassis/postgres';
import { int8Array, oneForAll, textArray } from '@sallyport/chassis/postgres-arrays';
import { fromValue, join, type Label, TRUSTED, toJson } from '@sallyport/turn/label';
import { valuesStatement } from '../untrusted/store.ts';
import type { KnownRuns, SeenRun } from './known-runs.ts';
import type {
  DigestKind,
  FoundDigest,
  Holder,
  Pointers,
  Release,
  ReleasedDigest,
  Trajectory,
  TrajectoryStore,
} from './trajectory.ts';

/** The schema version this store needs: the number of its newest migration. */
export const SCHEMA_VERSION = 1;

type Row = Record<string, unknown>;

const COLUMNS = 't.id, t.principal_id, t.user_id, t.label, t.steps::float8 as steps';
const SWEEP_ROWS = 500;
// Many runs may have said "Done."; the newest are enough to find the right one.
const MARK_ROWS = 50;

/** What the store of runs needs beside the database. */
export interface TrajectoryStoreOptions {
  readonly runs: KnownRuns;
  /** How long untrusted values are known. */
  readonly valueTtlMs: number;
}

/** Keeps runs in Postgres; row-level security bounds each transaction to its tenant. */
export function createTrajectoryStore(
  postgres: Postgres,
  { runs, valueTtlMs }: TrajectoryStoreOptions,
): TrajectoryStore {
  const additions = (tenant: string, releases: readonly Release[]): Statement[] => {
    const untrusted = releases.filter(({ values }) => values.length > 0);
    const values = untrusted.flatMap(({ user, values: own }) => own.map((one) => ({ user, ...one })));
    const statements = [
      digestsStatement(tenant, releases),
      marksStatement(tenant, releases),
      valuesStatement(tenant, values, valueTtlMs),
    ];
    return statements.filter((one) => one !== undefined);
  };
  return {
    find: (tenant, pointers) => postgres.withTenant(tenant, (client) => find(client, tenant, pointers)),
    known: (tenant, holder, trajectory, digests) =>
      digests.length === 0
        ? Promise.resolve([])
        : postgres.withTenant(tenant, (client) => known(client, tenant, holder, trajectory, digests)),
    async remember(tenant, releases, expiresAtMs) {
      // Most releases change nothing of their run: then its row is neither read nor locked.
      if (releases.every((release) => runs.covers(tenant, release, expiresAtMs))) {
        const statements = additions(tenant, releases);
        if (statements.length > 0) await postgres.together(tenant, statements);
        return [];
      }
      const renewed: SeenRun[] = [];
      const refused = await postgres.withTenant(tenant, async (client) => {
        const sorted = await joinRuns(client, tenant, releases, expiresAtMs, renewed);
        for (const { sql, values, options } of additions(tenant, sorted.kept)) await client.query(sql, values, options);
        return sorted.refused;
      });
      for (const run of renewed) runs.saw(tenant, run);
      return refused;
    },
    steps: (tenant, trajectory) =>
      postgres.withTenant(tenant, async (client) => {
        const { rows } = await client.query(
          `select t.steps::float8 as steps from trajectories t where t.tenant = $1 and t.id = $2`,
          [tenant, trajectory],
        );
        return (rows[0]?.steps as number | undefined) ?? 0;
      }),
    sweep: (nowMs) =>
      postgres.withTenant('*', async (client) => {
        // Nobody adds to a run whose row is locked, hence nothing of it is left behind.
        const { rows } = await client.query(
          `with gone as (
             delete from trajectories where (tenant, id) in
               (select tenant, id from trajectories where expires_at < to_timestamp($1::float8 / 1000)
                 order by expires_at limit ${SWEEP_ROWS} for update skip locked)
             returning tenant, id
           ), digests as (
             delete from released_digests d using gone where d.tenant = gone.tenant and d.trajectory = gone.id
           ), marks as (
             delete from released_marks m using gone where m.tenant = gone.tenant and m.trajectory = gone.id
           )
           select count(*)::int as gone from gone`,
          [nowMs],
        );
        return (rows[0]?.gone as number | undefined) ?? 0;
      }),
  };
}

async function find(client: TenantClient, tenant: string, pointers: Pointers) {
  const claimed =
    pointers.claimed === ''
      ? []
      : await client
          .query(`select ${COLUMNS} from trajectories t where t.tenant = $1 and t.id = $2 and t.expires_at > now()`, [
            tenant,
            pointers.claimed,
          ])
          .then(({ rows }) => rows.map(trajectoryOf));
  return {
    claimed: claimed[0],
    byCall: await byMark(client, tenant, 'call', pointers.callIds),
    byMessage: await byMark(
      client,
      tenant,
      'message',
      pointers.lastAssistantDigest === '' ? [] : [pointers.lastAssistantDigest],
    ),
  };
}

async function byMark(client: TenantClient, tenant: string, kind: 'call' | 'message', marks: readonly string[]) {
  if (marks.length === 0) return [];
  const { rows } = await client.query(
    `select distinct ${COLUMNS} from released_marks m
       join trajectories t on t.tenant = m.tenant and t.id = m.trajectory
      where m.tenant = $1 and m.kind = $2 and m.mark = any($3::text[]) and t.expires_at > now()
      order by t.id desc limit ${MARK_ROWS}`,
    [tenant, kind, marks],
  );
  return rows.map(trajectoryOf);
}

async function known(
  client: TenantClient,
  tenant: string,
  holder: Holder,
  trajectory: string,
  digests: readonly string[],
): Promise<FoundDigest[]> {
  const { rows } = await client.query(
    `select d.digest, d.trajectory, d.kind, d.tool, d.label from released_digests d
       join trajectories t on t.tenant = d.tenant and t.id = d.trajectory
      where d.tenant = $1 and d.digest = any($2::text[]) and t.expires_at > now() and (
        (d.trajectory = $3 and d.principal_id = $4 and d.user_id = $5)
        or (d.label ->> 'integrity' is distinct from 'trusted'
            and (d.principal_id = $4 or (d.user_id = $5 and d.user_id <> ''))))`,
    [tenant, digests, trajectory, holder.principalId, holder.user],
  );
  return rows.map(digestOf);
}

async function joinRuns(
  client: TenantClient,
  tenant: string,
  releases: readonly Release[],
  expiresAtMs: number,
  renewed: SeenRun[],
): Promise<{ kept: Release[]; refused: string[] }> {
  // In the order of their ids, so that two batches never wait for each other in a circle.
  const sorted = [...releases].sort((a, b) => (a.trajectory < b.trajectory ? -1 : 1));
  const isFirst = ({ trajectory }: Release, index: number) => sorted[index - 1]?.trajectory !== trajectory;
  const rows = sorted.filter(isFirst);
  // Which are new is told only where not all are: for most batches that is one value, not a row a run.
  const made = await client.query<{ fresh: string[] | null }>(
    `with made as (
       insert into trajectories (tenant, id, principal_id, user_id, label, steps, expires_at)
       select $1, r.id, coalesce(r.principal_id, ($4::text[])[1]), coalesce(r.user_id, ($5::text[])[1]),
              coalesce(r.label, ($6::text[])[1])::jsonb, coalesce(r.steps, ($7::int8[])[1]), to_timestamp($2::float8 / 1000)
         from unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::int8[])
           as r (id, principal_id, user_id, label, steps)
        order by r.id on conflict (tenant, id) do nothing returning id
     )
     select case when count(*) < cardinality($3::text[]) then coalesce(json_agg(id), '[]') end as fresh from made`,
    [
      tenant,
      expiresAtMs,
      textArray(rows.map((row) => row.trajectory)),
      textArray(oneForAll(rows.map((row) => row.principalId))),
      textArray(oneForAll(rows.map((row) => row.user))),
      textArray(oneForAll(rows.map((row) => jsonOf(row.label)))),
      int8Array(oneForAll(rows.map((row) => row.steps))),
    ],
    { prepared: 'add runs' },
  );
  const told = made.rows[0]?.fresh;
  const fresh = told && new Set(told);
  const kept: Release[] = [];
  const refused: string[] = [];
  for (const [index, release] of sorted.entries()) {
    const isNew = isFirst(release, index) && fresh?.has(release.trajectory) !== false;
    const run = isNew ? undefined : await renew(client, tenant, release, expiresAtMs);
    if (isNew || run !== undefined) kept.push(release);
    else refused.push(release.trajectory);
    if (run !== undefined) renewed.push(run);
  }
  return { kept, refused };
}

/** Joins a release into a run that is known already; undefined where the run is somebody else's. */
async function renew(
  client: TenantClient,
  tenant: string,
  release: Release,
  expiresAtMs: number,
): Promise<SeenRun | undefined> {
  const { trajectory, principalId, user } = release;
  const { rows } = await client.query(
    `select ${COLUMNS} from trajectories t where t.tenant = $1 and t.id = $2 for update`,
    [tenant, trajectory],
  );
  const before = rows.map(trajectoryOf)[0];
  if (before === undefined || before.principalId !== principalId || before.user !== user) return undefined;
  const label = join(before.label, release.label);
  await client.query(
    `update trajectories set label = $3::jsonb, steps = greatest(steps, $4), updated_at = now(),
            expires_at = to_timestamp($5::float8 / 1000)
      where tenant = $1 and id = $2`,
    [tenant, trajectory, toJson(label), release.steps, expiresAtMs],
  );
  return { ...before, label, steps: Math.max(before.steps, release.steps), expiresAtMs };
}

function digestsStatement(tenant: string, releases: readonly Release[]): Statement | undefined {
  // One row a digest and run: an insert may not touch the same row twice. Untrusted wins.
  const places = new Map<string, number>();
  const owners: Release[] = [];
  const ones: ReleasedDigest[] = [];
  for (const release of releases) {
    for (const one of release.digests) {
      const key = `${release.trajectory} ${one.digest}`;
      const place = places.get(key) ?? places.size;
      const before = ones[place];
      places.set(key, place);
      owners[place] = release;
      ones[place] = before === undefined ? one : { ...one, label: join(before.label, one.label) };
    }
  }
  if (ones.length === 0) return undefined;
  // In one order, so that two writers never wait for each other in a circle.
  const order = [...places.keys()].sort().map((key) => places.get(key) as number);
  const ofOwners = (read: (release: Release) => string) => order.map((place) => read(owners[place] as Release));
  const ofDigests = (read: (one: ReleasedDigest) => string) =>
    order.map((place) => read(ones[place] as ReleasedDigest));
  return {
    sql: `insert into released_digests (tenant, digest, trajectory, principal_id, user_id, kind, tool, label)
     select $1, d.digest, d.trajectory, coalesce(d.principal_id, ($4::text[])[1]), coalesce(d.user_id, ($5::text[])[1]),
            coalesce(d.kind, ($6::text[])[1]), coalesce(d.tool, ($7::text[])[1]), coalesce(d.label, ($8::text[])[1])::jsonb
       from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[])
         as d (digest, trajectory, principal_id, user_id, kind, tool, label)
     on conflict (tenant, digest, trajectory) do update set label = excluded.label
      where released_digests.label ->> 'integrity' = 'trusted'`,
    values: [
      tenant,
      textArray(ofDigests(({ digest }) => digest)),
      textArray(ofOwners(({ trajectory }) => trajectory)),
      textArray(oneForAll(ofOwners(({ principalId }) => principalId))),
      textArray(oneForAll(ofOwners(({ user }) => user))),
      textArray(oneForAll(ofDigests(({ kind }) => kind))),
      textArray(oneForAll(ofDigests(({ tool }) => tool))),
      textArray(oneForAll(ofDigests(({ label }) => jsonOf(label)))),
    ],
    options: { prepared: 'add digests' },
  };
}

function marksStatement(tenant: string, releases: readonly Release[]): Statement | undefined {
  const kinds: string[] = [];
  const marks: string[] = [];
  const trajectories: string[] = [];
  const add = (kind: 'call' | 'message', mark: string, trajectory: string) => {
    kinds.push(kind);
    marks.push(mark);
    trajectories.push(trajectory);
  };
  for (const { trajectory, callIds, assistantDigest } of releases) {
    if (callIds.length > 0) for (const mark of [...new Set(callIds)].sort()) add('call', mark, trajectory);
    if (assistantDigest !== '') add('message', assistantDigest, trajectory);
  }
  if (marks.length === 0) return undefined;
  return {
    sql: `insert into released_marks (tenant, kind, mark, trajectory)
     select $1, coalesce(m.kind, ($2::text[])[1]), m.mark, m.trajectory
       from unnest($2::text[], $3::text[], $4::text[]) as m (kind, mark, trajectory)
     on conflict do nothing`,
    values: [tenant, textArray(oneForAll(kinds)), textArray(marks), textArray(trajectories)],
    options: { prepared: 'add marks' },
  };
}

const TRUSTED_JSON = toJson(TRUSTED);

/** Most labels are TRUSTED itself, see `readLabel`. */
function jsonOf(label: Label): string {
  return label === TRUSTED ? TRUSTED_JSON : toJson(label);
}

function trajectoryOf(row: Row): Trajectory {
  return {
    id: row.id as string,
    principalId: row.principal_id as string,
    user: row.user_id as string,
    label: fromValue(row.label as Parameters<typeof fromValue>[0]),
    steps: row.steps as number,
  };
}

function digestOf(row: Row): FoundDigest {
  return {
    digest: row.digest as string,
    trajectory: row.trajectory as string,
    kind: row.kind as DigestKind,
    tool: row.tool as string,
    label: fromValue(row.label as Parameters<typeof fromValue>[0]),
  };
}
