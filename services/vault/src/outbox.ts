import type { Logger } from '@sallyport/chassis/log';
import { type Outbox, outbox } from '@sallyport/chassis/outbox';
import type { Postgres } from '@sallyport/chassis/postgres';
import type { Client } from '@sallyport/chassis/rpc/client';
import { codecOf } from '@sallyport/chassis/rpc/codec/codec';
import { uuidv7 } from '@sallyport/chassis/uuid';
import { Record_Kind, RecordSchema, type RecordService } from '@sallyport/proto/audit/v1/audit_pb';

const codec = codecOf(RecordSchema);
const BATCH = 200;
const TIMEOUT_MS = 5_000;

/** Who did something, as records say it. */
export interface RecordedActor {
  readonly principalKind?: string;
  readonly principalId: string;
  readonly user?: string;
  readonly teams?: readonly string[];
  readonly keyId?: string;
}

/** Something that happened to credentials; by reference, never a value. */
export interface VaultEvent {
  /** For example `credentials.bind`. */
  readonly action: string;
  readonly target: Readonly<Record<string, unknown>>;
  /** Further facts, for example what it was before and is after. */
  readonly change?: Readonly<Record<string, unknown>>;
  readonly actor: RecordedActor;
  /** Epoch ms; default now. */
  readonly atMs?: number;
}

/** A record as it waits in the outbox. */
export interface WaitingRecord {
  readonly id: string;
  readonly bytes: Uint8Array;
}

/** The record of an event, encoded once: audit takes it in by its id, however often it is sent. */
export function recordOf(
  tenant: string,
  { action, target, change, actor, atMs = Date.now() }: VaultEvent,
): WaitingRecord {
  const id = uuidv7();
  const bytes = codec.encode({
    id,
    tenant,
    kind: Record_Kind.ADMIN,
    step: 1,
    startedAtMs: atMs,
    principalKind: 'client',
    ...actor,
    endpoint: 'vault',
    outcome: 'ok',
    detailJson: JSON.stringify({ action, target, ...(change === undefined ? {} : { change }) }),
  });
  return { id, bytes };
}

/**
 * Sends what changes and leases wrote beside themselves, in the same transaction, to audit. It is taken out only when
 * audit has it, so neither a crash nor an outage of audit loses a record.
 */
export function outboxSender(options: {
  readonly postgres: Postgres;
  readonly records: Pick<Client<typeof RecordService>, 'commit'>;
  readonly log: Logger;
  readonly retryMs: number;
}): Outbox {
  const { postgres, records, log, retryMs } = options;
  const sendSome = () =>
    postgres.withTenant('*', async (client) => {
      const { rows } = await client.query(
        `select tenant, id, record from record_outbox order by id limit ${BATCH} for update skip locked`,
      );
      if (rows.length === 0) return 0;
      await records.commit({ records: rows.map((row) => row.record as Buffer) }, { timeoutMs: TIMEOUT_MS });
      await client.query(
        `delete from record_outbox o using unnest($1::text[], $2::text[]) as sent (tenant, id)
          where o.tenant = sent.tenant and o.id = sent.id`,
        [rows.map((row) => row.tenant), rows.map((row) => row.id)],
      );
      return rows.length;
    });
  const waiting = 'records of what happened to credentials wait for audit';
  const sending = outbox({ name: 'record outbox', sendSome, batch: BATCH, retryMs, waiting, log });
  return {
    ...sending,
    async stop() {
      await sending.stop();
      // What was written down while the others stopped; what audit does not take now waits for the next start.
      await sendSome().catch((error: unknown) => log.debug(waiting, { error }));
    },
  };
}
