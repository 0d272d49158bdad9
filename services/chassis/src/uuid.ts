import { randomFillSync } from 'node:crypto';

// Random bytes are drawn in blocks: one call to the kernel for 256 ids instead of one for each.
const POOL_BYTES = 256 * 8;
const pool = Buffer.alloc(POOL_BYTES);
let used = POOL_BYTES;
let lastMs = 0;
let sequence = 0;

const HEX = Buffer.from('0123456789abcdef');
/** The id in the making, in letters: read as one flat string, where joining pieces would leave twenty behind. */
const letters = Buffer.from('00000000-0000-0000-0000-000000000000');
/** Where the two digits of each of the sixteen bytes stand. */
const PLACES = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

/**
 * A new UUID of version 7 (RFC 9562 §5.7): 48 bits of epoch milliseconds, a 12-bit counter so that ids of one
 * process ascend within a millisecond (§6.2 method 1), 62 random bits. Lower case with dashes.
 */
export function uuidv7(): string {
  const now = Date.now();
  if (now > lastMs) {
    lastMs = now;
    sequence = 0;
  } else if (++sequence > 0xfff) {
    // The counter is spent, or the clock stepped back: borrow from the future, as §6.2 allows.
    lastMs += 1;
    sequence = 0;
  }
  if (used + 8 > POOL_BYTES) {
    randomFillSync(pool);
    used = 0;
  }
  const at = used;
  used += 8;
  const high = Math.floor(lastMs / 0x1_0000);
  put(0, high >>> 24);
  put(1, high >>> 16);
  put(2, high >>> 8);
  put(3, high);
  put(4, lastMs >>> 8);
  put(5, lastMs);
  put(6, 0x70 | (sequence >>> 8));
  put(7, sequence);
  put(8, 0x80 | ((pool[at] as number) & 0x3f));
  for (let index = 1; index < 8; index++) put(8 + index, pool[at + index] as number);
  return letters.toString('latin1');
}

/** Writes the low eight bits of a value as byte `index` of the id. */
function put(index: number, value: number): void {
  const place = PLACES[index] as number;
  letters[place] = HEX[(value >>> 4) & 0xf] as number;
  letters[place + 1] = HEX[value & 0xf] as number;
}

/** Epoch milliseconds in a version-7 UUID; NaN when the text is none. */
export function timeOfUuidv7(id: string): number {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id)
    ? Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)
    : Number.NaN;
}
