// Where messages are read from: one position for the process, since decoding never waits.

const NOTHING = Buffer.alloc(0);
// A leading U+FEFF is text; invalid UTF-8 is a fault (proto3 strings).
const STRICT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

let bytes: Buffer = NOTHING;
let view: DataView = new DataView(NOTHING.buffer, NOTHING.byteOffset, 0);
let at = 0;
let limit = 0;

/** Starts to read a message. */
export function open(source: Buffer): void {
  bytes = source;
  view = new DataView(source.buffer, source.byteOffset, source.byteLength);
  at = 0;
  limit = source.length;
}

/** Lets go of the bytes. */
export function close(): void {
  bytes = NOTHING;
}

/** Whether there is more before `end`. Throws RangeError when a value reached beyond it. */
export function isBefore(end: number): boolean {
  if (at > end) throw tooShort();
  return at < end;
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
  const value = view.getFloat64(at, true);
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
  for (let index = start; index < end; index++) {
    if ((bytes[index] as number) > 0x7f) return STRICT.decode(bytes.subarray(start, end));
  }
  return start === end ? '' : bytes.toString('latin1', start, end);
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
