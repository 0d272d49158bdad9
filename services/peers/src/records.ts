import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { GatewayError } from '@sallyport/chassis/errors';
import type { Logger } from '@sallyport/chassis/log';
import type { Metrics } from '@sallyport/chassis/metrics';
import type { Client } from '@sallyport/chassis/rpc/client';
import type { Spool } from '@sallyport/chassis/spool';
import { type Record as AuditRecord, RecordSchema, type RecordService } from '@sallyport/proto/audit/v1/audit_pb';

/** A record to be kept; fields left out are empty. */
export type RecordInit = MessageInitShape<typeof RecordSchema>;

/** Takes records to audit. */
export interface Recorder {
  readonly name: string;
  start(): void;
  stop(deadlineMs: number): Promise<void>;
  /** Sends a record in the next batch; does not wait. While audit is away it goes to the spool. */
  append(record: RecordInit): void;
  /** Returns once the records are durable: committed by audit, else fsynced in the spool; else audit_unavailable. */
  commit(records: readonly RecordInit[]): Promise<void>;
}

const BATCH = 256;
const EVERY_MS = 25;
const MAX_WAITING = 20_000;
const COMMIT_MS = 1_500;
const DRAIN_EVERY_MS = 500;

/**
 * Batches records to audit and keeps them in the fsynced spool while audit is away (DESIGN section 7). Records are
 * idempotent by id, so that a batch whose answer was lost is sent again.
 */
export function recorder(options: {
  readonly client: Pick<Client<typeof RecordService>, 'commit'>;
  readonly spool: Spool;
  readonly log: Logger;
  readonly metrics: Metrics;
}): Recorder {
  const { client, spool, log } = options;
  const dropped = options.metrics.counter(
    'records_dropped_total',
    'Model call records lost because queue and spool were full.',
    [],
  );
  const spooled = options.metrics.counter(
    'records_spooled_total',
    'Records kept in the spool while audit was away.',
    [],
  );
  const waiting: AuditRecord[] = [];
  let timer: NodeJS.Timeout | undefined;
  let drainTimer: NodeJS.Timeout | undefined;
  let sending: Promise<void> | undefined;
  let draining: Promise<void> | undefined;

  const keep = async (records: readonly AuditRecord[]) => {
    await spool.append(records.map((record) => toBinary(RecordSchema, record)));
    spooled.inc(records.length);
  };

  const send = async () => {
    while (waiting.length > 0) {
      const batch = waiting.splice(0, BATCH);
      try {
        await client.commit({ records: batch }, { timeoutMs: COMMIT_MS });
      } catch (error) {
        try {
          await keep(batch);
          log.warn('Audit took no records; they are in the spool', { records: batch.length, error });
        } catch (spoolError) {
          dropped.inc(batch.length);
          log.error('Records were lost: neither audit nor the spool took them', {
            records: batch.length,
            error: spoolError,
          });
        }
      }
    }
  };

  const flush = (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    sending ??= send().finally(() => {
      sending = undefined;
      if (waiting.length > 0) void flush();
    });
    return sending;
  };

  const drainSpool = async () => {
    for (;;) {
      const page = await spool.read(BATCH);
      if (page.entries.length === 0) return;
      const records = page.entries.map((bytes) => fromBinary(RecordSchema, bytes));
      await client.commit({ records }, { timeoutMs: COMMIT_MS });
      await spool.ack(page.position);
    }
  };

  const drain = () => {
    draining ??= drainSpool()
      .catch((error: unknown) => log.debug('The spool waits for audit', { error }))
      .finally(() => {
        draining = undefined;
      });
    return draining;
  };

  return {
    name: 'records',
    start() {
      drainTimer = setInterval(drain, DRAIN_EVERY_MS);
      drainTimer.unref();
    },
    async stop() {
      clearInterval(drainTimer);
      await flush();
      await flush();
      await drain();
      await spool.close();
    },
    append(record) {
      if (waiting.length >= MAX_WAITING) {
        dropped.inc(1);
        return;
      }
      waiting.push(create(RecordSchema, record));
      if (waiting.length >= BATCH) void flush();
      else timer ??= setTimeout(flush, EVERY_MS);
    },
    async commit(records) {
      const whole = records.map((record) => create(RecordSchema, record));
      try {
        await client.commit({ records: whole }, { timeoutMs: COMMIT_MS });
      } catch (error) {
        try {
          await keep(whole);
        } catch (spoolError) {
          throw new GatewayError('audit_unavailable', 'The intent could not be recorded, so nothing was done.', {
            cause: new AggregateError([error, spoolError]),
            retryAfterMs: 1_000,
          });
        }
      }
    },
  };
}
