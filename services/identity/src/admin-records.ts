import type { Logger } from '@sallyport/chassis/log';
import { type Outbox, outbox } from '@sallyport/chassis/outbox';
import type { Postgres, TenantClient } from '@sallyport/chassis/postgres';
import type { Client } from '@sallyport/chassis/rpc/client';
import { codecOf } from '@sallyport/chassis/rpc/codec/codec';
import { uuidv7 } from '@sallyport/chassis/uuid';
import { Record_Kind, RecordSchema, type RecordService } from '@sallyport/proto/audit/v1/audit_pb';

/** Something that a person or client did here, as the log tells of it; never a secret. */
export interface AdminAct {
  /** For example `consents.give`. */
  readonly action: string;
  /** Principal id of who did it. */
  readonly by: string;
  /** Name of the person whom it is about; empty: nobody. */
  readonly user?: string;
  readonly client?: string;
  readonly target: Readonly<Record<string, unknown>>;
}

/** Where acts are written down until audit has them. */
export interface AdminRecords {
  add(tenant: string, act: AdminAct): Promise<void>;
}

const BATCH = 64;
const SEND_MS = 5_000;
const codec = codecOf(RecordSchema);

/** Writes acts into Postgres: once it resolves they are not lost. */
export function createAdminRecords(postgres: Postgres): AdminRecords {
  return {
    add: (tenant, act) => postgres.withTenant(tenant, (connection) => keepAdminRecord(connection, tenant, act)),
  };
}

/** Writes an act down within the transaction that does it. */
export async function keepAdminRecord(connection: TenantClient, tenant: string, act: AdminAct): Promise<void> {
  const { action, by, user = '', client = '', target } = act;
  const id = uuidv7();
  const record = codec.encode({
    id,
    kind: Record_Kind.ADMIN,
    tenant,
    step: 1,
    startedAtMs: Date.now(),
    principalKind: by.slice(0, by.indexOf(':')),
    principalId: by,
    user,
    client,
    outcome: 'ok',
    detailJson: JSON.stringify({ action, target, by }),
  });
  await connection.query('insert into record_outbox (tenant, id, record) values ($1, $2, $3)', [
    tenant,
    id,
    Buffer.from(record),
  ]);
}

/** Sends what was written down to audit, oldest first, and forgets it then. Any number of replicas may do so. */
export function sendingAdminRecords(options: {
  readonly postgres: Postgres;
  readonly client: Pick<Client<typeof RecordService>, 'commit'>;
  readonly retryMs: number;
  readonly log: Logger;
}): Outbox {
  const { postgres, client, retryMs, log } = options;
  // The rows stay locked while audit is asked, so that no two replicas send the same; records are idempotent by id.
  const sendSome = () =>
    postgres.withTenant('*', async (transaction) => {
      const { rows } = await transaction.query<{ tenant: string; id: string; record: Buffer }>(
        `select tenant, id, record from record_outbox order by id limit ${BATCH} for update skip locked`,
      );
      if (rows.length === 0) return 0;
      await client.commit({ records: rows.map(({ record }) => record) }, { timeoutMs: SEND_MS });
      await transaction.query(
        `delete from record_outbox o using unnest($1::text[], $2::text[]) as s (tenant, id)
          where o.tenant = s.tenant and o.id = s.id`,
        [rows.map(({ tenant }) => tenant), rows.map(({ id }) => id)],
      );
      return rows.length;
    });
  const waiting = 'records of what people did wait for audit';
  return outbox({ name: 'admin-records', sendSome, batch: BATCH, retryMs, waiting, log });
}
