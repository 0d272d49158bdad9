// Array parameters in Postgres's binary format (array_recv): for the server and for us much cheaper than JSON or the text
// that pg writes of JavaScript arrays. Each function answers a Buffer, which pg hands on as a binary parameter.

const OIDS = { bool: 16, bytea: 17, int8: 20, int2: 21, int4: 23, text: 25, float8: 701, uuid: 2950 } as const;
// Dimensions, whether there are nulls, the type, then length and lower bound of the one dimension.
const HEAD_BYTES = 20;
const LENGTH_BYTES = 4;
const NULL = -1;
const UUID_BYTES = 16;
/** Up to this length a loop beats a call into native code. */
const LOOP_LENGTH = 40;

function begin(bytes: Buffer, oid: number, count: number, hasNulls: boolean): number {
  bytes.writeInt32BE(count === 0 ? 0 : 1, 0);
  bytes.writeInt32BE(hasNulls ? 1 : 0, 4);
  bytes.writeInt32BE(oid, 8);
  bytes.writeInt32BE(count, 12);
  bytes.writeInt32BE(1, 16);
  return HEAD_BYTES;
}

// An empty array has no dimensions, hence ends before their lengths.
const whole = (bytes: Buffer, at: number, count: number) =>
  count === 0 ? bytes.subarray(0, 12) : bytes.subarray(0, at);

/**
 * The values, or the first alone where all are the same, which most columns of a batch are. `unnest` fills the shorter of its
 * arrays up with nulls: where the column holds none, `coalesce(it, ($n)[1])` is the value again.
 */
export function oneForAll<T extends string | number | boolean | null>(values: readonly T[]): readonly T[] {
  for (const value of values) if (value !== values[0]) return values;
  return values.slice(0, 1);
}

const SCRATCH_BYTES = 256 * 1024;
const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);

/** `text[]`. Postgres refuses U+0000; lone surrogates become U+FFFD. */
export function textArray(values: readonly string[]): Buffer {
  let most = HEAD_BYTES;
  // A UTF-16 unit takes at most three bytes, but mostly one: what is kept is copied, so that it is no larger than need be.
  for (const value of values) most += LENGTH_BYTES + value.length * 3;
  const bytes = most <= SCRATCH_BYTES ? scratch : Buffer.allocUnsafeSlow(most);
  let at = begin(bytes, OIDS.text, values.length, false);
  for (const value of values) {
    const start = at + LENGTH_BYTES;
    const end = writeText(bytes, value, start);
    bytes.writeInt32BE(end - start, at);
    at = end;
  }
  return Buffer.from(whole(bytes, at, values.length));
}

function writeText(bytes: Buffer, value: string, start: number): number {
  const { length } = value;
  if (length <= LOOP_LENGTH) {
    let at = start;
    let index = 0;
    for (; index < length; index++) {
      const code = value.charCodeAt(index);
      if (code > 0x7f) break;
      bytes[at++] = code;
    }
    if (index === length) return at;
  }
  return start + bytes.write(value, start, 'utf8');
}

/** `bytea[]`. */
export function byteaArray(values: readonly (Uint8Array | null)[]): Buffer {
  let size = HEAD_BYTES;
  for (const value of values) size += LENGTH_BYTES + (value?.length ?? 0);
  const bytes = Buffer.allocUnsafe(size);
  let at = begin(bytes, OIDS.bytea, values.length, values.includes(null));
  for (const value of values) {
    at = bytes.writeInt32BE(value?.length ?? NULL, at);
    if (value === null) continue;
    bytes.set(value, at);
    at += value.length;
  }
  return whole(bytes, at, values.length);
}

/** `uuid[]` of UUIDs in their usual form of 36 characters. */
export function uuidArray(values: readonly (string | null)[]): Buffer {
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + values.length * (LENGTH_BYTES + UUID_BYTES));
  let at = begin(bytes, OIDS.uuid, values.length, values.includes(null));
  for (const value of values) {
    at = bytes.writeInt32BE(value === null ? NULL : UUID_BYTES, at);
    if (value === null) continue;
    for (let index = 0, end = at + UUID_BYTES; at < end; index += 2) {
      if (value.charCodeAt(index) === HYPHEN) index++;
      bytes[at++] = (digit(value.charCodeAt(index)) << 4) | digit(value.charCodeAt(index + 1));
    }
  }
  return whole(bytes, at, values.length);
}

const HYPHEN = 0x2d;

// '0' to '9' end in 0 to 9, 'A' and 'a' in 1, where bit 6 is set.
function digit(code: number): number {
  return (code & 15) + (code >> 6) * 9;
}

/** `int8[]` of safe integers. */
export function int8Array(values: readonly (number | null)[]): Buffer {
  return fixed(OIDS.int8, 8, values, (bytes, value, at) => {
    const high = Math.floor(value / 2 ** 32);
    bytes.writeInt32BE(high, at);
    bytes.writeUInt32BE(value - high * 2 ** 32, at + 4);
  });
}

/** `int4[]`. */
export function int4Array(values: readonly (number | null)[]): Buffer {
  return fixed(OIDS.int4, 4, values, (bytes, value, at) => void bytes.writeInt32BE(value, at));
}

/** `int2[]`. */
export function int2Array(values: readonly (number | null)[]): Buffer {
  return fixed(OIDS.int2, 2, values, (bytes, value, at) => void bytes.writeInt16BE(value, at));
}

/** `float8[]`. */
export function float8Array(values: readonly (number | null)[]): Buffer {
  return fixed(OIDS.float8, 8, values, (bytes, value, at) => void bytes.writeDoubleBE(value, at));
}

/** `bool[]`. */
export function boolArray(values: readonly boolean[]): Buffer {
  return fixed(OIDS.bool, 1, values, (bytes, value, at) => void bytes.writeInt8(value ? 1 : 0, at));
}

function fixed<T extends number | boolean>(
  oid: number,
  size: number,
  values: readonly (T | null)[],
  write: (bytes: Buffer, value: T, at: number) => void,
): Buffer {
  const bytes = Buffer.allocUnsafe(HEAD_BYTES + values.length * (LENGTH_BYTES + size));
  let at = begin(bytes, oid, values.length, values.includes(null));
  for (const value of values) {
    at = bytes.writeInt32BE(value === null ? NULL : size, at);
    if (value === null) continue;
    write(bytes, value, at);
    at += size;
  }
  return whole(bytes, at, values.length);
}
