import type { Postgres, TenantClient } from '@sallyport/chassis/postgres';
import { voidEndorsementsOf } from './endorsement-store.ts';
import { keepRecords } from './outbox.ts';
import { recordOf } from './record.ts';
import type { Sealing } from './sealing.ts';

/** Somebody whose credential or rights ended: all of their ids, who ended it and why. */
export interface Ended {
  readonly tenant: string;
  /** Such as key:…, user:…, client:…, session:…; any one is enough. */
  readonly subjects: readonly string[];
  readonly by: string;
  readonly reason: string;
  /** Name that nobody has any more: what was endorsed for it is void. */
  readonly goneName?: string | undefined;
}

/** Where it is kept how far revocations were heard, and where what they end is ended. */
export interface VoidStore {
  /** Voids what was asked or granted, and not used yet, before a time; records who and why. Answers how many. */
  voidOf(ended: Ended, beforeMs: number): Promise<number>;
  /** Voids everything that stands, since nobody knows what ended meanwhile. */
  voidAll(reason: string): Promise<number>;
  /** The last sequence that was heard; undefined before the first. */
  heard(): Promise<number | undefined>;
  /** Never goes back, unless it is begun anew. */
  hear(sequence: number, anew?: boolean): Promise<void>;
}

/** Makes the store over policy's database. Doing any of it twice, on any replica, changes nothing more. */
export function createVoidStore(postgres: Postgres, sealing: Sealing): VoidStore {
  const voidWhere = async (
    client: TenantClient,
    where: string,
    values: readonly unknown[],
    ended: Pick<Ended, 'by' | 'reason'>,
  ): Promise<number> => {
    const { rows } = await client.query(
      `update approvals set state = 'void' where state in ('pending', 'approved') and ${where}
       returning tenant, id, trajectory, content`,
      values,
    );
    const atMs = Date.now();
    const records = rows.map((row) => {
      const [tenant, id, trajectory] = [row.tenant as string, row.id as string, row.trajectory as string];
      const content = sealing.openContent(tenant, id, row.content as Buffer);
      return recordOf({ tenant, id, trajectory, content, state: 'void', atMs, ended });
    });
    await keepRecords(client, records, sealing);
    return rows.length;
  };
  return {
    voidOf: (ended, beforeMs) =>
      postgres.withTenant(ended.tenant, async (client) => {
        const { tenant, subjects, by, reason, goneName } = ended;
        if (goneName !== undefined) {
          await voidEndorsementsOf(client, tenant, goneName, { by, reason, beforeMs }, sealing);
        }
        return await voidWhere(
          client,
          `tenant = $1 and created_at <= to_timestamp($3::float8 / 1000)
             and (subjects && $2::text[] or principal_id = any($2) or 'user:' || user_id = any($2))`,
          [tenant, subjects, beforeMs],
          ended,
        );
      }),
    voidAll: (reason) => postgres.withTenant('*', (client) => voidWhere(client, 'true', [], { by: '', reason })),
    async heard() {
      const { rows } = await postgres.withTenant('*', (client) =>
        client.query<{ sequence: number }>('select sequence from revocations_heard'),
      );
      return rows[0]?.sequence;
    },
    async hear(sequence, anew = false) {
      await postgres.withTenant('*', (client) =>
        client.query(
          `insert into revocations_heard (sequence) values ($1) on conflict (tenant) do update
             set sequence = case when $2 then excluded.sequence
               else greatest(revocations_heard.sequence, excluded.sequence) end, heard_at = now()`,
          [sequence, anew],
        ),
      );
    },
  };
}
