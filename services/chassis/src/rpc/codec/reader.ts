import { textAt, WORD_BYTES, wordAt } from './text.ts';

// Where messages are read from: one position for the process, since decoding never waits.

const NOTHING = Buffer.alloc(0);
/** Memory larger than this is not held on to between messages. */
const KEPT_BYTES = 64 * 1024;

let bytes: Buffer = NOTHING;
/** Sees all the memory that the bytes are a part of: many messages lie in the same. */
let view: DataView = new DataView(NOTHING.buffer);
/** Where in it the bytes begin. */
let base = 0;
let at = 0;
let limit = 0;

/** Starts to read a message. */
export function open(source: Buffer): void {
  bytes = source;
  if (view.buffer !== source.buffer) view = new DataView(source.buffer);
  base = source.byteOffset;
  at = 0;
  limit = source.length;
}

/** Lets go of the bytes. */
export function close(): void {
  bytes = NOTHING;
  if (view.byteLength > KEPT_BYTES) view = new DataView(NOTHING.buffer);
}

/** Whether there is more before `end`. Throws RangeError when a value reached beyond it. */
export function isBefore(end: number): boolean {
  if (at > end) throw tooShort();
  return at < end;
}

/** Reads the tag of the next field; 0 at `end`. Throws RangeError when a value reached beyond it, or for a tag of 0. */
export function readTag(end: number): number {
  if (at >= end) {
    if (at > end) throw tooShort();
    return 0;
  }
  const tag = readVarint();
  if (tag === 0) throw new RangeError('A field has no number.');
  return tag;
}

/** Where the next byte is read. */
export function position(): number {
  return at;
}

/** Reads a varint, of which the lowest 32 bits count. */
export function readVarint(): number {
  const first = bytes[at] as number;
  if (at < limit && first < 0x80) {
    at++;
    return first;
  }
  let value = 0;
  for (let shift = 0; shift < 70; shift += 7) {
    if (at >= limit) throw tooShort();
    const byte = bytes[at++] as number;
    if (shift < 32) value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return value >>> 0;
  }
  throw new RangeError('A varint is too long.');
}

/** Reads an int32. */
export function readInt32(): number {
  return readVarint() | 0;
}

/** Reads a boolean: any bit of a varint. */
export function readBool(): boolean {
  let any = false;
  for (let count = 0; count < 10; count++) {
    if (at >= limit) throw tooShort();
    const byte = bytes[at++] as number;
    any ||= (byte & 0x7f) !== 0;
    if (byte < 0x80) return any;
  }
  throw new RangeError('A varint is too long.');
}

/** Reads a double, little endian. */
export function readDouble(): number {
  if (at + 8 > limit) throw tooShort();
  const value = view.getFloat64(base + at, true);
  at += 8;
  return value;
}

/** Reads a length and answers where what it counts ends. */
export function readEnd(): number {
  const end = readVarint() + at;
  if (end > limit) throw tooShort();
  return end;
}

/** Reads bytes behind their length; they share memory with what is read from. */
export function readBytes(): Buffer {
  const end = readEnd();
  const value = bytes.subarray(at, end);
  at = end;
  return value;
}

/** Reads text behind its length. Throws TypeError when it is not UTF-8. */
export function readString(): string {
  const end = readEnd();
  const start = at;
  at = end;
  if (start === end) return '';
  return end - start <= WORD_BYTES ? wordAt(bytes, start, end, view, base + start) : textAt(bytes, start, end);
}

/** Passes over a value of this wire type and answers its bytes. Throws RangeError for groups, which proto3 has not. */
export function skip(wireType: number): Buffer {
  const start = at;
  if (wireType === 0) readBool();
  else if (wireType === 1) at += 8;
  else if (wireType === 2) at = readEnd();
  else if (wireType === 5) at += 4;
  else throw new RangeError(`A value of wire type ${wireType} cannot be read.`);
  if (at > limit) throw tooShort();
  return bytes.subarray(start, at);
}

function tooShort(): RangeError {
  return new RangeError('The message is cut short.');
}
