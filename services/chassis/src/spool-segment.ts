import { type FileHandle, open } from 'node:fs/promises';
import { crc32 } from 'node:zlib';

/** Length (4 bytes, big endian) and CRC-32 of the payload stand before each payload. */
export const FRAME_BYTES = 8;

/** One record as it stands in a segment. */
export interface Framed {
  readonly payload: Buffer;
  /** Offset within the segment behind this record. */
  readonly end: number;
}

/** Puts records behind each other as they stand in a segment. */
export function frame(records: readonly Uint8Array[]): Buffer {
  const size = records.reduce((sum, record) => sum + FRAME_BYTES + record.length, 0);
  const bytes = Buffer.allocUnsafe(size);
  let at = 0;
  for (const record of records) {
    bytes.writeUInt32BE(record.length, at);
    bytes.writeUInt32BE(crc32(record), at + 4);
    bytes.set(record, at + FRAME_BYTES);
    at += FRAME_BYTES + record.length;
  }
  return bytes;
}

/** Reads whole records from an offset on, until `limit` of them, the end, or the first that is cut or altered. */
export async function readFrames(file: FileHandle, from: number, to: number, limit: number): Promise<Framed[]> {
  const frames: Framed[] = [];
  const head = Buffer.allocUnsafe(FRAME_BYTES);
  let at = from;
  while (frames.length < limit && at + FRAME_BYTES <= to) {
    await file.read(head, 0, FRAME_BYTES, at);
    const length = head.readUInt32BE(0);
    const end = at + FRAME_BYTES + length;
    if (end > to) break;
    const payload = Buffer.allocUnsafe(length);
    await file.read(payload, 0, length, at + FRAME_BYTES);
    if (crc32(payload) !== head.readUInt32BE(4)) break;
    frames.push({ payload, end });
    at = end;
  }
  return frames;
}

/** Makes names in a folder durable: a new file's own fsync does not cover its directory entry. */
export async function syncFolder(dir: string): Promise<void> {
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
