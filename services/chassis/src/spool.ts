import {
  type FileHandle,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  stat,
  truncate,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { GatewayError } from './errors.ts';
import type { Logger } from './log.ts';
import { batcher } from './queue.ts';
import { FRAME_BYTES, frame, readFrames, syncFolder } from './spool-segment.ts';

/** Where records wait on disk, and how many bytes of them. */
export interface SpoolOptions {
  /** Belongs to one process alone. */
  readonly dir: string;
  /** Most bytes that may wait; an append beyond is refused with `unavailable`. */
  readonly maxBytes: number;
  /** False only for tests of other things. */
  readonly fsync: boolean;
  readonly log?: Logger;
  /** Bytes after which a new file is begun; default 8 MiB. */
  readonly segmentBytes?: number;
}

/** A durable queue of records: what `append` resolved for survives a crash of the process or the machine. */
export interface Spool {
  /** Resolves when the records are on disk; appends at the same time share one fsync. All or none of a call's records. */
  append(records: readonly Uint8Array[]): Promise<void>;
  /** The oldest records that are not acknowledged; `position` is for `ack` once they are dealt with. */
  read(limit: number): Promise<{ readonly entries: Buffer[]; readonly position: number }>;
  /** Everything before the position is done with. After a crash some of it may be read once more. */
  ack(position: number): Promise<void>;
  /** Bytes that wait. */
  size(): number;
  close(): Promise<void>;
}

// A position counts bytes since the spool was first made; a segment's name is the position of its first byte.
interface Segment {
  readonly start: number;
  size: number;
  readonly file: FileHandle;
}

const SEGMENT_BYTES = 8 * 1024 * 1024;
const ACK_FILE = 'acknowledged';
const nameOf = (start: number) => `${String(start).padStart(16, '0')}.spool`;

/** Opens a spool and cuts off what a crash left half written. Rejects when the folder cannot be used. */
export async function openSpool(options: SpoolOptions): Promise<Spool> {
  const { dir, log } = options;
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const segments = await openSegments(dir, log);
  let acked = Math.max(await readAck(dir), segments[0]?.start ?? 0);
  const endOf = () => {
    const last = segments.at(-1);
    return last === undefined ? acked : last.start + last.size;
  };
  // An acknowledgement beyond the end belongs to bytes that are gone: new ones begin behind it.
  const beginSegment = async (): Promise<Segment> => {
    const start = Math.max(endOf(), acked);
    const file = await open(join(dir, nameOf(start)), 'wx+', 0o600);
    if (options.fsync) await syncFolder(dir);
    const segment = { start, size: 0, file };
    segments.push(segment);
    return segment;
  };

  const write = async (blocks: Buffer[]): Promise<void> => {
    let segment = segments.at(-1);
    const full = segment !== undefined && segment.size >= (options.segmentBytes ?? SEGMENT_BYTES);
    if (segment === undefined || full || segment.start + segment.size < acked) segment = await beginSegment();
    const bytes = blocks.length === 1 ? (blocks[0] as Buffer) : Buffer.concat(blocks);
    try {
      await writeWhole(segment.file, bytes, segment.size);
      if (options.fsync) await segment.file.datasync();
    } catch (error) {
      // A later write starts at the same offset; until then the half-written tail must not look like records.
      await segment.file.truncate(segment.size).catch(() => undefined);
      throw new GatewayError('unavailable', 'The spool cannot be written.', { cause: error });
    }
    segment.size += bytes.length;
  };
  let waiting = 0;
  const commits = batcher<Buffer>({ maxItems: 512, maxDelayMs: 0, maxWaiting: Number.POSITIVE_INFINITY, flush: write });

  const drop = async () => {
    while (segments.length > 0) {
      const first = segments[0] as Segment;
      const done = first.start + first.size <= acked;
      // The last segment is still written to, unless it is full.
      if (!done || (segments.length === 1 && first.size < (options.segmentBytes ?? SEGMENT_BYTES))) return;
      segments.shift();
      await first.file.close();
      await unlink(join(dir, nameOf(first.start)));
    }
  };
  const size = () => Math.max(0, endOf() - acked) + waiting;

  // Acknowledgements and appends change the list of segments: one after the other.
  let turn: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const next = turn.then(work, work);
    turn = next.catch(() => undefined);
    return next;
  };
  return {
    async append(records) {
      if (records.length === 0) return;
      const bytes = frame(records);
      if (size() + bytes.length > options.maxBytes) {
        throw new GatewayError('unavailable', 'The spool is full.', { details: { maxBytes: options.maxBytes } });
      }
      waiting += bytes.length;
      try {
        await commits.add(bytes);
      } finally {
        waiting -= bytes.length;
      }
    },
    async read(limit) {
      const entries: Buffer[] = [];
      let position = acked;
      for (const segment of segments) {
        const end = segment.start + segment.size;
        if (end <= position || entries.length >= limit) continue;
        const from = Math.max(position, segment.start);
        const frames = await readFrames(segment.file, from - segment.start, segment.size, limit - entries.length);
        for (const { payload } of frames) entries.push(payload);
        position = segment.start + (frames.at(-1)?.end ?? from - segment.start);
        if (entries.length < limit && position < end) {
          // Bytes that were on disk have changed: what follows in this file has no known borders any more.
          log?.error('spooled records are damaged and lost', { segment: nameOf(segment.start), bytes: end - position });
          position = end;
        }
      }
      // Nothing but damage was passed over: nobody acknowledges an empty page.
      if (entries.length === 0) acked = Math.max(acked, position);
      return { entries, position };
    },
    ack: (position) =>
      inTurn(async () => {
        if (position <= acked) return;
        acked = position;
        const path = join(dir, ACK_FILE);
        await writeFile(`${path}.new`, String(position), { mode: 0o600 });
        await rename(`${path}.new`, path);
        await drop();
      }),
    size,
    async close() {
      await commits.drain();
      await turn;
      await Promise.all(segments.splice(0).map(({ file }) => file.close()));
    },
  };
}

async function openSegments(dir: string, log: Logger | undefined): Promise<Segment[]> {
  const names = (await readdir(dir)).filter((name) => /^\d{16}\.spool$/.test(name)).sort();
  const segments: Segment[] = [];
  for (const name of names) {
    const path = join(dir, name);
    let { size } = await stat(path);
    if (name === names.at(-1)) {
      const whole = await wholeBytes(path, size);
      if (whole < size) {
        log?.warn('the spool was cut while it was written', { segment: name, bytes: size - whole });
        await truncate(path, whole);
        size = whole;
      }
    }
    segments.push({ start: Number(name.slice(0, 16)), size, file: await open(path, 'r+') });
  }
  return segments;
}

// One write may take fewer bytes than it was given.
async function writeWhole(file: FileHandle, bytes: Buffer, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, at + done)).bytesWritten;
  }
}

async function wholeBytes(path: string, size: number): Promise<number> {
  const file = await open(path, 'r');
  try {
    let at = 0;
    while (at + FRAME_BYTES <= size) {
      const frames = await readFrames(file, at, size, 256);
      const end = frames.at(-1)?.end;
      if (end === undefined) break;
      at = end;
    }
    return at;
  } finally {
    await file.close();
  }
}

async function readAck(dir: string): Promise<number> {
  const text = await readFile(join(dir, ACK_FILE), 'utf8').catch(() => '0');
  const position = Number(text);
  return Number.isSafeInteger(position) && position >= 0 ? position : 0;
}
