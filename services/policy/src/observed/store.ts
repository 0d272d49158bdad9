import type { Postgres } from '@sallyport/chassis/postgres';

/** How often a rule would have acted, and for whom. */
export interface ObservedRule {
  readonly tenant: string;
  readonly policy: string;
  /** Digest of the policy's spec: counts begin anew with each change. */
  readonly revision: string;
  readonly rule: string;
  readonly count: number;
}

/** New counts, with digests of the principals. */
export interface ObservedDelta extends ObservedRule {
  readonly principals: readonly string[];
}

/** Where counts of all replicas meet. */
export interface ObservedStore {
  add(deltas: readonly ObservedDelta[]): Promise<void>;
  /** All counts of all tenants, with the number of principals. */
  totals(): Promise<readonly (ObservedRule & { readonly principals: number })[]>;
  /** Forgets revisions that are not in force any more. */
  forget(rules: readonly Pick<ObservedRule, 'tenant' | 'policy' | 'revision'>[]): Promise<void>;
}

/** More principals of one rule are not counted. */
export const MAX_PRINCIPALS = 10_000;

/** Keeps counts in Postgres. */
export function createObservedStore(postgres: Postgres): ObservedStore {
  return {
    async add(deltas) {
      for (const [tenant, ours] of Map.groupBy(deltas, (one) => one.tenant)) {
        // In one order, so that two replicas never wait for each other in a circle.
        const sorted = [...ours].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
        await postgres.withTenant(tenant, async (client) => {
          for (const { policy, revision, rule, count, principals } of sorted) {
            await client.query(
              `insert into observed_rules as o (tenant, policy, revision, rule, count) values ($1, $2, $3, $4, $5)
               on conflict (tenant, policy, revision, rule) do update
                 set count = o.count + excluded.count, updated_at = now()`,
              [tenant, policy, revision, rule, count],
            );
            await client.query(
              `insert into observed_principals (tenant, policy, revision, rule, principal)
               select $1, $2, $3, $4, p from unnest($5::text[]) p
                where (select count(*) from observed_principals o
                        where o.tenant = $1 and o.policy = $2 and o.revision = $3 and o.rule = $4) < ${MAX_PRINCIPALS}
               on conflict do nothing`,
              [tenant, policy, revision, rule, [...principals].sort()],
            );
          }
        });
      }
    },
    totals: () =>
      postgres.withTenant('*', async (client) => {
        const { rows } = await client.query(
          `select r.tenant, r.policy, r.revision, r.rule, r.count::float8 as count, count(p.principal)::float8 as principals
             from observed_rules r
             left join observed_principals p using (tenant, policy, revision, rule)
            group by r.tenant, r.policy, r.revision, r.rule, r.count`,
        );
        return rows.map((row) => ({
          tenant: row.tenant as string,
          policy: row.policy as string,
          revision: row.revision as string,
          rule: row.rule as string,
          count: row.count as number,
          principals: row.principals as number,
        }));
      }),
    async forget(rules) {
      if (rules.length === 0) return;
      await postgres.withTenant('*', async (client) => {
        for (const table of ['observed_principals', 'observed_rules']) {
          await client.query(
            `delete from ${table} where (tenant, policy, revision) in (select * from unnest($1::text[], $2::text[], $3::text[]))
                and updated_at < now() - interval '1 hour'`,
            [rules.map((one) => one.tenant), rules.map((one) => one.policy), rules.map((one) => one.revision)],
          );
        }
      });
    },
  };
}

function keyOf({ policy, revision, rule }: ObservedRule): string {
  return JSON.stringify([policy, revision, rule]);
}
