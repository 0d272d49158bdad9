// Where messages are written: one buffer for the process, since encoding never waits. What is finished is copied out.

const START_BYTES = 64 * 1024;
/** A buffer that one large message made larger than this is given back. */
const KEPT_BYTES = 1024 * 1024;
/** Up to this length a loop beats a call into native code. */
const LOOP_LENGTH = 12;

let bytes = Buffer.allocUnsafeSlow(START_BYTES);
let view = new DataView(bytes.buffer);
let at = 0;

/** Starts a message; what an encoding that failed left is dropped. */
export function begin(): void {
  at = 0;
}

/** The bytes written since `begin`, in a buffer of their own. */
export function finish(): Buffer {
  const written = Buffer.allocUnsafe(at);
  bytes.copy(written, 0, 0, at);
  if (bytes.length > KEPT_BYTES) resize(START_BYTES);
  at = 0;
  return written;
}

/** Where encoded bytes are put. */
export interface ByteSink {
  /** Copies the first `length` of `bytes`, which are written over afterwards. */
  put(bytes: Buffer, length: number): void;
}

/** Hands over the bytes written since `begin`. */
export function finishInto(sink: ByteSink): void {
  sink.put(bytes, at);
  if (bytes.length > KEPT_BYTES) resize(START_BYTES);
  at = 0;
}

function resize(size: number): void {
  const larger = Buffer.allocUnsafeSlow(size);
  bytes.copy(larger, 0, 0, Math.min(at, size));
  bytes = larger;
  view = new DataView(larger.buffer);
}

function room(count: number): void {
  if (at + count > bytes.length) resize(Math.max(bytes.length * 2, at + count));
}

/** Writes an unsigned 32-bit number as varint. */
export function writeVarint(value: number): void {
  room(5);
  let rest = value;
  while (rest > 0x7f) {
    bytes[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[at++] = rest;
}

/** Writes the tag of a field. */
export function writeTag(tag: number): void {
  room(5);
  if (tag < 0x80) {
    bytes[at++] = tag;
    return;
  }
  if (tag < 0x4000) {
    bytes[at++] = (tag & 0x7f) | 0x80;
    bytes[at++] = tag >>> 7;
    return;
  }
  writeVarint(tag);
}

/** Writes fields that were unknown when they were read. */
export function writeUnknown(fields: readonly { no: number; wireType: number; data: Uint8Array }[]): void {
  for (const { no, wireType, data } of fields) {
    writeVarint(((no << 3) | wireType) >>> 0);
    writeRaw(data);
  }
}

/** Writes an int32; a negative one takes ten bytes, as its 64-bit form. Throws RangeError for what is none. */
export function writeInt32(value: number): void {
  if ((value | 0) !== value) throw new RangeError(`no int32: ${value}`);
  if (value >= 0) {
    writeVarint(value);
    return;
  }
  room(10);
  let rest = value;
  for (let count = 0; count < 9; count++) {
    bytes[at++] = (rest & 0x7f) | 0x80;
    rest >>= 7;
  }
  bytes[at++] = 1;
}

/** Writes a uint32. Throws RangeError for what is none. */
export function writeUint32(value: number): void {
  if (value >>> 0 !== value) throw new RangeError(`no uint32: ${value}`);
  writeVarint(value);
}

/** Writes a double, little endian. */
export function writeDouble(value: number): void {
  room(8);
  view.setFloat64(at, value, true);
  at += 8;
}

/** Writes a boolean. */
export function writeBool(value: boolean): void {
  room(1);
  bytes[at++] = value ? 1 : 0;
}

/** Writes bytes as they are. */
export function writeRaw(value: Uint8Array): void {
  room(value.length);
  bytes.set(value, at);
  at += value.length;
}

/** Writes bytes behind their length. */
export function writeBytes(value: Uint8Array): void {
  writeVarint(value.length);
  writeRaw(value);
}

/** Writes text as UTF-8 behind its length; lone surrogates become U+FFFD. */
export function writeString(value: string): void {
  const { length } = value;
  if (length <= LOOP_LENGTH) {
    room(length + 1);
    const start = at;
    let to = start + 1;
    let index = 0;
    for (; index < length; index++) {
      const code = value.charCodeAt(index);
      if (code > 0x7f) break;
      bytes[to++] = code;
    }
    if (index === length) {
      bytes[start] = length;
      at = to;
      return;
    }
  }
  // A UTF-16 unit takes at most three bytes, a length at most five.
  room(length * 3 + 5);
  const mark = openLength(length);
  at += bytes.write(value, at, 'utf8');
  closeLength(mark, length);
}

/** Leaves room for the length of what follows, as if that were `guess` bytes. Hand the result to `closeLength`. */
export function openLength(guess: number): number {
  room(5);
  const mark = at;
  at += sizeOf(guess);
  return mark;
}

/** Writes the length of what was written since `openLength`, moving it where the guess was wrong, and answers it. */
export function closeLength(mark: number, guess: number): number {
  const start = mark + sizeOf(guess);
  const length = at - start;
  const size = sizeOf(length);
  if (mark + size !== start) {
    room(5);
    bytes.copyWithin(mark + size, start, at);
  }
  at = mark;
  writeVarint(length);
  at = mark + size + length;
  return length;
}

function sizeOf(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x200000) return 3;
  return value < 0x10000000 ? 4 : 5;
}
