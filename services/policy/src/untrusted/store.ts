import type { Postgres, Statement } from '@sallyport/chassis/postgres';
import { textArray } from '@sallyport/chassis/postgres-arrays';
import { fromValue, join, type Label, toJson } from '@sallyport/turn/label';

/** A value that untrusted content brought, by keyed digest of one of its forms. */
export interface UntrustedValue {
  readonly user: string;
  readonly digest: string;
  readonly source: string;
}

/** Remembers values with the transaction that remembers the runs they came into; undefined where there are none. */
export function valuesStatement(
  tenant: string,
  values: readonly UntrustedValue[],
  ttlMs: number,
): Statement | undefined {
  if (values.length === 0) return undefined;
  const byKey = new Map(values.map((one) => [`${one.user}\0${one.digest}`, one]));
  // In one order, so that two writers never wait for each other in a circle.
  const rows = [...byKey.keys()].sort().map((key) => byKey.get(key) as UntrustedValue);
  return {
    sql: `insert into untrusted_values (tenant, user_id, digest, source, expires_at)
          select $1, v.user_id, v.digest, v.source, now() + make_interval(secs => $5::float8 / 1000)
            from unnest($2::text[], $3::text[], $4::text[]) as v (user_id, digest, source)
          on conflict (tenant, user_id, digest) do update set seen_at = now(), expires_at = excluded.expires_at`,
    values: [
      tenant,
      textArray(rows.map((one) => one.user)),
      textArray(rows.map((one) => one.digest)),
      textArray(rows.map((one) => one.source.slice(0, 200))),
      ttlMs,
    ],
    options: { prepared: 'add values' },
  };
}

/** Something with a label, by keyed digest. */
export interface LabelledDigest {
  readonly digest: string;
  readonly label: Label;
}

/** What untrusted content left behind. Digests only, never content. */
export interface UntrustedStore {
  /** Labels objects; labels join, so nothing here ever raises one. */
  labelObjects(tenant: string, objects: readonly LabelledDigest[]): Promise<void>;
  /** Labels calls whose result will name the object that they made. */
  labelCalls(tenant: string, calls: readonly LabelledDigest[]): Promise<void>;
  /** Labels of those objects and calls that have one: digest → label. */
  labels(tenant: string, objects: readonly string[], calls: readonly string[]): Promise<ReadonlyMap<string, Label>>;
  /** Deletes some of what expired, and the oldest values of who has too many; answers how much went. */
  sweep(): Promise<number>;
}

/** Bounds of what is kept. */
export interface UntrustedBounds {
  readonly objectTtlMs: number;
  readonly maxValuesPerUser: number;
}

const SWEEP_ROWS = 500;
// Who has too many is found by counting all, which is not done at each sweep.
const TRIM_EVERY_MS = 600_000;
const TRIM_ROWS = 20_000;

/** Keeps digests in Postgres, for each tenant and user. */
export function createUntrustedStore(postgres: Postgres, bounds: UntrustedBounds): UntrustedStore {
  let nextTrimMs = 0;
  const label = async (
    table: 'untrusted_objects' | 'untrusted_calls',
    tenant: string,
    entries: readonly LabelledDigest[],
  ) => {
    const joined = new Map<string, Label>();
    for (const one of entries) joined.set(one.digest, join(joined.get(one.digest) ?? one.label, one.label));
    if (joined.size === 0) return;
    await postgres.withTenant(tenant, async (client) => {
      // In one order, so that two writers never wait for each other in a circle.
      for (const digest of [...joined.keys()].sort()) {
        const added = joined.get(digest) as Label;
        const { rows } = await client.query(
          `select label from ${table} where tenant = $1 and digest = $2 and expires_at > now() for update`,
          [tenant, digest],
        );
        const before = rows[0] === undefined ? added : fromValue(rows[0].label as Parameters<typeof fromValue>[0]);
        await client.query(
          `insert into ${table} (tenant, digest, label, expires_at)
           values ($1, $2, $3::jsonb, now() + make_interval(secs => $4::float8 / 1000))
           on conflict (tenant, digest) do update set label = excluded.label, expires_at = excluded.expires_at`,
          [tenant, digest, toJson(join(before, added)), bounds.objectTtlMs],
        );
      }
    });
  };

  return {
    labelObjects: (tenant, objects) => label('untrusted_objects', tenant, objects),
    labelCalls: (tenant, calls) => label('untrusted_calls', tenant, calls),
    async labels(tenant, objects, calls) {
      if (objects.length + calls.length === 0) return new Map();
      return postgres.withTenant(tenant, async (client) => {
        const { rows } = await client.query(
          `select digest, label from untrusted_objects
            where tenant = $1 and digest = any($2::text[]) and expires_at > now()
           union all
           select digest, label from untrusted_calls
            where tenant = $1 and digest = any($3::text[]) and expires_at > now()`,
          [tenant, objects, calls],
        );
        return new Map(
          rows.map((row) => [row.digest as string, fromValue(row.label as Parameters<typeof fromValue>[0])]),
        );
      });
    },
    sweep: () =>
      postgres.withTenant('*', async (client) => {
        let gone = 0;
        for (const [table, key] of [
          ['untrusted_values', 'tenant, user_id, digest'],
          ['untrusted_objects', 'tenant, digest'],
          ['untrusted_calls', 'tenant, digest'],
        ] as const) {
          const { rowCount } = await client.query(
            `delete from ${table} where (${key}) in
               (select ${key} from ${table} where expires_at < now() order by expires_at limit ${SWEEP_ROWS}
                   for update skip locked)`,
          );
          gone += rowCount ?? 0;
        }
        if (Date.now() < nextTrimMs) return gone;
        nextTrimMs = Date.now() + TRIM_EVERY_MS;
        const { rowCount } = await client.query(
          `delete from untrusted_values where (tenant, user_id, digest) in
             (select v.tenant, v.user_id, v.digest from
                (select tenant, user_id from untrusted_values group by tenant, user_id having count(*) > $1 limit 10) u,
                lateral (select * from untrusted_values v where v.tenant = u.tenant and v.user_id = u.user_id
                          order by v.seen_at desc offset $1 limit ${TRIM_ROWS}) v)`,
          [bounds.maxValuesPerUser],
        );
        return gone + (rowCount ?? 0);
      }),
  };
}
