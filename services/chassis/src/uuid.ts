import { randomFillSync } from 'node:crypto';

// Random bytes are drawn in blocks: one call to the kernel for 256 ids instead of one for each.
const POOL_BYTES = 256 * 8;
const pool = Buffer.alloc(POOL_BYTES);
let used = POOL_BYTES;
let lastMs = 0;
let sequence = 0;

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

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
  const low = lastMs & 0xffff;
  const h = (byte: number) => HEX[byte & 0xff] as string;
  const r = (index: number) => pool[at + index] as number;
  return `${h(high >>> 24)}${h(high >>> 16)}${h(high >>> 8)}${h(high)}-${h(low >>> 8)}${h(low)}-${h(0x70 | (sequence >>> 8))}${h(sequence)}-${h(0x80 | (r(0) & 0x3f))}${h(r(1))}-${h(r(2))}${h(r(3))}${h(r(4))}${h(r(5))}${h(r(6))}${h(r(7))}`;
}

/** Epoch milliseconds in a version-7 UUID; NaN when the text is none. */
export function timeOfUuidv7(id: string): number {
  return /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id)
    ? Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)
    : Number.NaN;
}
