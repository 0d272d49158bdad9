import type { MessageInitShape } from '@bufbuild/protobuf';
import { GatewayError } from '@sallyport/chassis/errors';
import type { Logger } from '@sallyport/chassis/log';
import type { Metrics } from '@sallyport/chassis/metrics';
import type { Client } from '@sallyport/chassis/rpc/client';
import { codecOf } from '@sallyport/chassis/rpc/codec/codec';
import { EncodedList } from '@sallyport/chassis/rpc/encoded';
import type { Spool } from '@sallyport/chassis/spool';
import { CommitRequestSchema, RecordSchema, type RecordService } from '@sallyport/proto/audit/v1/audit_pb';
import { gatherMs } from './batch-time.ts';
import { commitTogether } from './commit-together.ts';
import { portionLength } from './portion.ts';

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

/** What is sent at once: as a request, and record by record. */
interface Portion {
  readonly request: { records: Uint8Array[] };
  readonly records: () => readonly Uint8Array[];
  readonly bytes: number;
}

const codec = codecOf(RecordSchema);
/** Audit commits as many at once. */
const BATCH = 1_000;
/** How many spooled records are read at once. */
const PAGE = 256;
/** A batch ends once it has this many bytes: audit takes messages of 32 MiB at most. */
const BATCH_BYTES = 4 * 1024 * 1024;
const MAX_WAITING = 20_000;
const COMMIT_MS = 1_500;
/** A long message has longer: one that never came over in time would keep all behind it in the spool for good. */
const BYTES_A_MS = 10_000;
const DRAIN_EVERY_MS = 500;
/** How long audit is taken for gone at least. */
const AWAY_MS = 1_000;

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
  /** Batches of records, oldest first; the last gathers. They are written once, for audit and the spool alike. */
  const batches: EncodedList[] = [];
  let waiting = 0;
  let spare: EncodedList | undefined;
  let timer: NodeJS.Timeout | undefined;
  // The oldest that waits has waited long enough.
  let due = false;
  let everyMs = gatherMs(0);
  let drainTimer: NodeJS.Timeout | undefined;
  let sending: Promise<void> | undefined;
  let draining: Promise<void> | undefined;
  // While audit is away nothing waits for it: records go to the spool at once, and draining finds out when it is back.
  let away = false;
  let awaySince = 0;

  const give = async ({ request, bytes }: Portion) => {
    try {
      await client.commit(request, { timeoutMs: COMMIT_MS + Math.floor(bytes / BYTES_A_MS) });
    } catch (error) {
      if (!refuses(error)) {
        away = true;
        awaySince = performance.now();
      }
      throw error;
    }
  };

  const keep = async (portion: Portion) => {
    const records = portion.records();
    await spool.append(records);
    spooled.inc(records.length);
  };

  /**
   * Makes records durable in one of the two places, first where it is likelier; true where that one took them. AggregateError
   * where neither does.
   */
  const place = async (portion: Portion): Promise<boolean> => {
    const errors: unknown[] = [];
    for (const way of away ? [keep, give] : [give, keep]) {
      try {
        await way(portion);
        if (way === keep && errors.length > 0) {
          log.warn('Audit took no records; they are in the spool', {
            records: portion.records().length,
            error: errors[0],
          });
        }
        return errors.length === 0;
      } catch (error) {
        errors.push(error);
        if (refuses(error)) break;
      }
    }
    throw new AggregateError(errors, 'Neither audit nor the spool took the records.');
  };

  const refused = (error: unknown) => (error instanceof AggregateError ? error.errors.some(refuses) : refuses(error));
  const commit = commitTogether({
    place: (records) => place(portionOf(records)),
    refuses: refused,
    maxBytes: BATCH_BYTES,
    maxWaitMs: 2 * COMMIT_MS,
  });

  const lose = (records: number, error: unknown) => {
    dropped.inc(records);
    log.error('Records were lost: neither audit nor the spool took them', { records, error });
  };

  /** A record that audit refuses costs none of those that were sent with it. */
  const placeEach = async (records: readonly Uint8Array[]) => {
    for (const record of records) await place(portionOf([record])).catch((error: unknown) => lose(1, error));
  };

  const begin = (): EncodedList => {
    const made = spare ?? new EncodedList(RecordSchema, CommitRequestSchema.field.records.number);
    spare = undefined;
    batches.push(made);
    return made;
  };

  /** The oldest batch, where it is full or due; another one gathers behind a full one. */
  const next = (): EncodedList | undefined => {
    const [first] = batches;
    if (first === undefined || !(due || isFull(first) || batches.length > 1)) return undefined;
    waiting -= first.length;
    return batches.shift();
  };

  const send = async () => {
    // What comes while a batch is under way waits for its own time: sent at once, batches would be as small as the
    // network is fast.
    for (let batch = next(); batch !== undefined; batch = next()) {
      due = false;
      everyMs = gatherMs(batch.length);
      clearTimeout(timer);
      timer = waiting > 0 ? setTimeout(onDue, everyMs) : undefined;
      const sent = batch;
      try {
        const atOnce = await place({ request: sent.request(), records: () => sent.each(), bytes: sent.byteLength });
        // A call that failed may hold its request still.
        if (atOnce) {
          sent.clear();
          spare = sent;
        }
      } catch (error) {
        if (refused(error) && sent.length > 1) await placeEach(sent.each());
        else lose(sent.length, error);
      }
    }
  };

  const flush = (): Promise<void> => {
    sending ??= send().finally(() => {
      sending = undefined;
    });
    return sending;
  };

  const onDue = () => {
    timer = undefined;
    due = true;
    void flush();
  };

  const flushAll = async () => {
    while (waiting > 0 || sending !== undefined) {
      due = true;
      await flush();
    }
    clearTimeout(timer);
  };

  const drainSpool = async () => {
    for (;;) {
      const page = await spool.read(PAGE);
      if (page.entries.length === 0) return;
      for (let at = 0; at < page.entries.length; ) {
        const records = page.entries.slice(at, at + batchOf(page.entries.slice(at)));
        at += records.length;
        try {
          await give(portionOf(records));
        } catch (error) {
          if (!refuses(error)) throw error;
          await giveEach(records);
        }
      }
      await spool.ack(page.position);
    }
  };

  // One record that audit cannot take must not keep all behind it in the spool for good.
  const giveEach = async (records: readonly Uint8Array[]) => {
    for (const record of records) {
      try {
        await give(portionOf([record]));
      } catch (error) {
        if (!refuses(error)) throw error;
        dropped.inc(1);
        log.error('A record was lost: audit refuses it', { bytes: record.length, error });
      }
    }
  };

  const drain = () => {
    draining ??= drainSpool()
      .then(() => {
        // What failed a moment ago may not have reached the spool yet, so an empty one says nothing.
        if (performance.now() - awaySince > AWAY_MS) away = false;
      })
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
      await flushAll();
      await drain();
      await spool.close();
    },
    append(record) {
      if (waiting >= MAX_WAITING) {
        dropped.inc(1);
        return;
      }
      let last = batches.at(-1);
      if (last === undefined || isFull(last)) last = begin();
      last.add(record);
      // A record that makes too much of a batch goes by itself: audit may take no message with it.
      if (last.byteLength > BATCH_BYTES && last.length > 1) last.moveLast(begin());
      waiting++;
      timer ??= setTimeout(onDue, everyMs);
      if (isFull(last) || batches.length > 1) void flush();
    },
    async commit(records) {
      try {
        await commit(records.map((record) => codec.encode(record)));
      } catch (cause) {
        throw new GatewayError('audit_unavailable', 'The intent could not be recorded, so nothing was done.', {
          cause,
          retryAfterMs: 1_000,
        });
      }
    },
  };
}

function isFull(batch: EncodedList): boolean {
  return batch.length >= BATCH || batch.byteLength >= BATCH_BYTES;
}

function portionOf(records: readonly Uint8Array[]): Portion {
  const bytes = records.reduce((sum, { length }) => sum + length, 0);
  return { request: { records: records as Uint8Array[] }, records: () => records, bytes };
}

/** How many of the first records make a batch; at least one. */
function batchOf(records: readonly Uint8Array[]): number {
  return portionLength(records, (record) => record.length, { most: BATCH, total: BATCH_BYTES });
}

// Audit looked at the records and will never take them; anything else passes.
function refuses(error: unknown): boolean {
  return error instanceof GatewayError && (error.code === 'invalid_request' || error.code === 'body_too_large');
}
