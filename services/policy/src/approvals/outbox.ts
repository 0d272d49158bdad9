import { create, toBinary } from '@bufbuild/protobuf';
import { GatewayError } from '@sallyport/chassis/errors';
import type { Logger } from '@sallyport/chassis/log';
import type { Postgres, Statement, TenantClient } from '@sallyport/chassis/postgres';
import type { Component } from '@sallyport/chassis/process';
import type { Client } from '@sallyport/chassis/rpc/client';
import { type Record as AuditRecord, RecordSchema, type RecordService } from '@sallyport/proto/audit/v1/audit_pb';
import type { Sealing } from './sealing.ts';

/** A record on its way to audit. */
export type OutgoingRecord = Partial<Omit<AuditRecord, '$typeName' | '$unknown'>> & {
  readonly id: string;
  readonly tenant: string;
};

const BATCH = 64;
const SEND_MS = 5_000;
const WAITING: readonly Statement[] = Object.freeze([
  {
    sql: 'select from outgoing_records limit 1',
    values: [],
    options: { prepared: 'records wait' },
  },
]);

const purposeOf = (tenant: string, id: string) => JSON.stringify(['record', tenant, id]);

/** Keeps records inside the transaction of what they tell of: neither is there without the other. */
export async function keepRecords(
  client: TenantClient,
  records: readonly OutgoingRecord[],
  sealing: Sealing,
): Promise<void> {
  for (const record of records) {
    const { tenant, id } = record;
    const bytes = Buffer.from(toBinary(RecordSchema, create(RecordSchema, record))).toString('base64');
    await client.query('insert into outgoing_records (tenant, id, record) values ($1, $2, $3)', [
      tenant,
      id,
      sealing.value(purposeOf(tenant, id), bytes),
    ]);
  }
}

/** Sends records to audit, oldest first, and forgets them once it has them. Any number of replicas may do so. */
export function sendingRecords(options: {
  readonly postgres: Postgres;
  readonly sealing: Sealing;
  readonly client: Pick<Client<typeof RecordService>, 'commit'>;
  readonly intervalMs: number;
  readonly log: Logger;
}): Component {
  const { postgres, sealing, client, log } = options;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let stopped = false;

  // The rows stay locked while audit is asked, so that no two replicas send the same; records are idempotent by id.
  const sendSome = () =>
    postgres.withTenant('*', async (transaction) => {
      const { rows } = await transaction.query<{ tenant: string; id: string; record: Buffer }>(
        `select tenant, id, record from outgoing_records order by id limit ${BATCH} for update skip locked`,
      );
      if (rows.length === 0) return 0;
      const records = rows.map(({ tenant, id, record }) =>
        Buffer.from(sealing.openValue<string>(purposeOf(tenant, id), record), 'base64'),
      );
      await client.commit({ records }, { timeoutMs: SEND_MS });
      await transaction.query(
        `delete from outgoing_records where (tenant, id) in (select * from unnest($1::text[], $2::text[]))`,
        [rows.map((row) => row.tenant), rows.map((row) => row.id)],
      );
      return rows.length;
    });
  const sendAll = async () => {
    try {
      // Looked at several times a second, nearly always for nothing: then in one trip instead of three.
      const [waiting = []] = await postgres.together('*', WAITING);
      if (waiting.length === 0) return;
      while (!stopped && (await sendSome()) === BATCH);
    } catch (error) {
      const level = error instanceof GatewayError && error.code === 'unavailable' ? 'debug' : 'warn';
      log[level]('records of approvals wait for audit', { error });
    }
  };
  return {
    name: 'approval-records',
    start() {
      timer = setInterval(() => {
        running ??= sendAll().finally(() => {
          running = undefined;
        });
      }, options.intervalMs);
      timer.unref();
    },
    async stop() {
      stopped = true;
      clearInterval(timer);
      await running;
    },
  };
}
