import { gathering } from '@sallyport/chassis/gathering';
import type { Postgres, Row } from '@sallyport/chassis/postgres';
import { textArray } from '@sallyport/chassis/postgres-arrays';
import { fromValue } from '@sallyport/turn/label';
import type { KnownRuns, SeenRun } from './known-runs.ts';

/** What is asked of the database before calls are decided. */
export interface KeptLookup {
  readonly tenant: string;
  /** Empty: the calls belong to no run. */
  readonly trajectory: string;
  readonly user: string;
  /** Fingerprints of values that untrusted content may have brought. */
  readonly fingerprints: readonly string[];
}

/** What is kept that decisions on calls need, of one moment. */
export interface Kept {
  /** Absent where nothing is known of it. Of whatever owner. */
  readonly run: SeenRun | undefined;
  /** Fingerprints of untrusted values of this user, with the source. */
  readonly sources: ReadonlyMap<string, string>;
}

const NOTHING: Kept = { run: undefined, sources: new Map() };
const MOST = 128;
const PARALLEL = 2;

/** Looks up runs and untrusted values in one transaction and one round trip, for all that ask at once. */
export function createKept(postgres: Postgres, runs: KnownRuns): (lookup: KeptLookup) => Promise<Kept> {
  const ofTenant = async (tenant: string, lookups: readonly KeptLookup[]): Promise<Map<KeptLookup, Kept>> => {
    const ids = [...new Set(lookups.map(({ trajectory }) => trajectory).filter((id) => id !== ''))];
    const pairs = lookups.flatMap(({ user, fingerprints }) => fingerprints.map((digest) => ({ user, digest })));
    const [found = [], brought = []] = await postgres.together(tenant, [
      {
        sql: `select t.id, t.principal_id, t.user_id, t.label, t.steps::float8 as steps,
                     extract(epoch from t.expires_at)::float8 * 1000 as expires_at_ms
                from trajectories t where t.tenant = $1 and t.id = any($2::text[]) and t.expires_at > now()`,
        values: [tenant, textArray(ids)],
        options: { prepared: 'find runs' },
      },
      ...(pairs.length === 0
        ? []
        : [
            {
              sql: `select u.user_id, u.digest, u.source from untrusted_values u
                     where u.tenant = $1 and u.expires_at > now() and (u.user_id, u.digest) in
                       (select * from unnest($2::text[], $3::text[]))`,
              values: [tenant, textArray(pairs.map(({ user }) => user)), textArray(pairs.map(({ digest }) => digest))],
              options: { prepared: 'find values' },
            },
          ]),
    ]);
    const byId = new Map(found.map((row) => [row.id as string, runOf(row)]));
    for (const run of byId.values()) runs.saw(tenant, run);
    const sources = new Map<string, Map<string, string>>();
    for (const row of brought) {
      const user = row.user_id as string;
      const own = sources.get(user) ?? new Map<string, string>();
      sources.set(user, own.set(row.digest as string, row.source as string));
    }
    return new Map(
      lookups.map((one) => [one, { run: byId.get(one.trajectory), sources: sources.get(one.user) ?? NOTHING.sources }]),
    );
  };
  const ask = gathering<KeptLookup, Kept>({
    most: MOST,
    parallel: PARALLEL,
    async answer(group) {
      const tenants = [...Map.groupBy(group, ({ tenant }) => tenant)];
      const found = await Promise.all(tenants.map(([tenant, lookups]) => ofTenant(tenant, lookups)));
      const all = new Map(found.flatMap((one) => [...one]));
      return group.map((one) => all.get(one) ?? NOTHING);
    },
  });
  return async ({ trajectory, ...lookup }) => {
    // No run has such an id, and Postgres would refuse it and all that is asked with it.
    const named = trajectory.includes('\0') ? '' : trajectory;
    return named === '' && lookup.fingerprints.length === 0 ? NOTHING : ask({ ...lookup, trajectory: named });
  };
}

function runOf(row: Row): SeenRun {
  return {
    id: row.id as string,
    principalId: row.principal_id as string,
    user: row.user_id as string,
    label: fromValue(row.label as Parameters<typeof fromValue>[0]),
    steps: row.steps as number,
    expiresAtMs: row.expires_at_ms as number,
  };
}
