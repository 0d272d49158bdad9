import { GatewayError } from '@sallyport/chassis/errors';
import type { Logger } from '@sallyport/chassis/log';
import { batcher } from '@sallyport/chassis/queue';
import type { Record as AuditRecord } from '@sallyport/proto/audit/v1/audit_pb';
import { faultOf, type Row, readRecord, rowOf, type SealInputs } from './row.ts';

/** Takes records in; what waits is written in one commit (group commit). */
export interface Intake {
  /** Takes encoded records. Resolves once all of them are durable; rejects when they are not: they may be given again. */
  add(records: readonly Uint8Array[]): Promise<void>;
  /** Writes what waits. */
  drain(): Promise<void>;
}

/** What an intake works with. */
export interface IntakeOptions {
  /** Writes rows in one transaction; those whose id is there already are left alone. */
  readonly insert: (rows: readonly Row[]) => Promise<void>;
  readonly seal: SealInputs;
  readonly maxWaiting: number;
  readonly log: Logger;
  /** Told of each commit: how many rows it had. */
  readonly onCommit?: (rows: number) => void;
  /** Told of each record that could not be kept. */
  readonly onRefused?: () => void;
}

const MAX_ROWS = 1_000;

/** Makes an intake. One commit is under way at a time; what comes meanwhile forms the next. */
export function createIntake(options: IntakeOptions): Intake {
  // How many rows wait or are being written.
  let waiting = 0;
  const queue = batcher<readonly Row[]>({
    maxItems: MAX_ROWS,
    maxDelayMs: 0,
    maxWaiting: options.maxWaiting,
    async flush(lists) {
      const rows = lists.flat();
      for (let at = 0; at < rows.length; at += MAX_ROWS) {
        const page = rows.slice(at, at + MAX_ROWS);
        await insertEach(options, page);
        options.onCommit?.(page.length);
      }
    },
  });
  return {
    async add(records) {
      if (waiting + records.length > options.maxWaiting) {
        throw new GatewayError('unavailable', 'Too many records wait to be written.', { retryAfterMs: 1_000 });
      }
      const rows: Row[] = [];
      for (const bytes of records) {
        const row = take(options, bytes);
        if (row !== undefined) rows.push(row);
      }
      if (rows.length === 0) return;
      waiting += rows.length;
      try {
        await queue.add(rows);
      } finally {
        waiting -= rows.length;
      }
    },
    drain: () => queue.drain(),
  };
}

/** The row of a record; undefined where it cannot be kept, which is counted. */
function take(options: IntakeOptions, bytes: Uint8Array): Row | undefined {
  let record: AuditRecord;
  try {
    record = readRecord(bytes);
  } catch (error) {
    refuse(options, { id: '', tenant: '' }, 'it is no record', error);
    return undefined;
  }
  const fault = faultOf(record);
  if (fault === undefined) return rowOf(record, bytes, options.seal);
  refuse(options, record, fault);
  return undefined;
}

/** Writes a batch; when the data of one row is at fault, row by row, so that it takes no others with it. */
async function insertEach(options: IntakeOptions, rows: readonly Row[]): Promise<void> {
  try {
    await options.insert(rows);
  } catch (error) {
    if (!isDataFault(error)) throw error;
    if (rows.length === 1) return refuse(options, rows[0] as Row, 'the database refused it', error);
    const middle = Math.ceil(rows.length / 2);
    await insertEach(options, rows.slice(0, middle));
    await insertEach(options, rows.slice(middle));
  }
}

/** SQLSTATE classes 22 (data exception) and 23 (integrity constraint violation): trying again changes nothing. */
function isDataFault(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('code' in at && typeof at.code === 'string' && /^2[23]\w{3}$/.test(at.code)) return true;
  }
  return false;
}

// Refusing the call would make its sender give the same record again for ever.
function refuse(options: IntakeOptions, record: { id: string; tenant: string }, fault: string, error?: unknown): void {
  options.log.error('a record cannot be kept', { id: record.id, tenant: record.tenant, fault, error });
  options.onRefused?.();
}
