import { createHash, hash } from 'node:crypto';

const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;
const INNER = 0x36;
const OUTER = 0x5c;
const START_BYTES = 16 * 1024;
/** A buffer that one long text made larger than this is given back. */
const KEPT_BYTES = 256 * 1024;

/**
 * HMAC-SHA-256 (RFC 2104) under one key, as base64url. Two hashes in one call each: an object of node:crypto is a stream
 * and a native handle, which cost more to make and to collect than the digest of a short text.
 */
export function keyedDigest(key: string | Uint8Array): (text: string) => string {
  const given = Buffer.from(key as string);
  const short = given.length > BLOCK_BYTES ? createHash('sha256').update(given).digest() : given;
  const block = Buffer.alloc(BLOCK_BYTES);
  short.copy(block);
  const padded = (pad: number) => block.map((byte) => byte ^ pad);
  const outer = Buffer.alloc(BLOCK_BYTES + DIGEST_BYTES);
  outer.set(padded(OUTER));
  const start = Buffer.allocUnsafeSlow(START_BYTES);
  start.set(padded(INNER));
  let inner = start;
  return (text) => {
    // A UTF-16 unit takes at most three bytes.
    const most = BLOCK_BYTES + text.length * 3;
    if (most > inner.length) {
      inner = Buffer.allocUnsafeSlow(most);
      inner.set(start.subarray(0, BLOCK_BYTES));
    }
    const end = BLOCK_BYTES + inner.write(text, BLOCK_BYTES, 'utf8');
    outer.write(hash('sha256', inner.subarray(0, end), 'binary'), BLOCK_BYTES, 'latin1');
    if (inner.length > KEPT_BYTES) inner = start;
    return hash('sha256', outer, 'base64url');
  };
}
