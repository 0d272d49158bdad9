import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, type KeyObject, randomBytes } from 'node:crypto';
import { GatewayError } from './errors.ts';

/** A key by its id; 32 bytes. */
export interface SealKey {
  readonly id: string;
  readonly key: Uint8Array;
}

/** Seals bytes so that only who has the key and names the same purpose can open them. */
export interface Sealer {
  /** The sealed bytes; `aad` (tenant, row, column…) must be the same when they are opened. */
  seal(plaintext: Uint8Array, aad: string | Uint8Array): Buffer;
  /** The plain bytes. Throws `internal` when key, purpose or bytes are not the ones that were sealed. */
  open(sealed: Uint8Array, aad: string | Uint8Array): Buffer;
  /** Id of the key that sealed these bytes; undefined when they are no sealed bytes. */
  keyIdOf(sealed: Uint8Array): string | undefined;
}

const VERSION = 1;
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * AES-256-GCM with a random nonce (NIST SP 800-38D §8.2.2: at most 2^32 values under one key). The first key seals, all
 * open. Layout: version, length of the key id, key id, nonce, ciphertext, tag; the head is authenticated too.
 */
export function sealer(keys: readonly SealKey[]): Sealer {
  const current = keys[0];
  if (current === undefined) throw new Error('A sealer needs a key.');
  for (const { id, key } of keys) {
    if (key.length !== KEY_BYTES) throw new Error(`The key ${id} is not ${KEY_BYTES} bytes long.`);
    if (id === '' || Buffer.byteLength(id) > 255) throw new Error('A key id is 1 to 255 bytes long.');
  }
  // Made once: a cipher that is given bytes makes such an object of them each time, for more than sealing costs.
  const byId = new Map(keys.map(({ id, key }) => [id, createSecretKey(key)]));
  if (byId.size !== keys.length) throw new Error('Two keys have the same id.');
  const secret = byId.get(current.id) as KeyObject;
  const id = Buffer.from(current.id, 'utf8');
  const head = Buffer.concat([Buffer.from([VERSION, id.length]), id]);
  return {
    seal(plaintext, aad) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', secret, nonce);
      cipher.setAAD(authenticated(head, aad));
      const ciphertext = cipher.update(plaintext);
      cipher.final();
      return Buffer.concat([head, nonce, ciphertext, cipher.getAuthTag()]);
    },
    open(sealed, aad) {
      const parts = split(sealed);
      const key = parts === undefined ? undefined : byId.get(parts.keyId);
      if (parts === undefined || key === undefined) throw unopened();
      const decipher = createDecipheriv('aes-256-gcm', key, parts.nonce, { authTagLength: TAG_BYTES });
      decipher.setAAD(authenticated(parts.head, aad));
      decipher.setAuthTag(parts.tag);
      const plaintext = decipher.update(parts.ciphertext);
      try {
        decipher.final();
      } catch (error) {
        throw unopened(error);
      }
      return plaintext;
    },
    keyIdOf: (sealed) => split(sealed)?.keyId,
  };
}

/** A key for one purpose from a master key (HKDF-SHA256, RFC 5869): the same inputs give the same key. */
export function deriveKey(master: Uint8Array, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', master, Buffer.alloc(0), `sallyport ${purpose}`, KEY_BYTES));
}

function authenticated(head: Uint8Array, aad: string | Uint8Array): Buffer {
  return Buffer.concat([head, typeof aad === 'string' ? Buffer.from(aad, 'utf8') : aad]);
}

function split(sealed: Uint8Array) {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  const headLength = 2 + (bytes[1] ?? 0);
  if (bytes[0] !== VERSION || bytes.length < headLength + NONCE_BYTES + TAG_BYTES) return undefined;
  return {
    head: bytes.subarray(0, headLength),
    keyId: bytes.toString('utf8', 2, headLength),
    nonce: bytes.subarray(headLength, headLength + NONCE_BYTES),
    ciphertext: bytes.subarray(headLength + NONCE_BYTES, -TAG_BYTES),
    tag: bytes.subarray(-TAG_BYTES),
  };
}

function unopened(cause?: unknown): GatewayError {
  return new GatewayError('internal', 'Sealed bytes could not be opened.', { cause });
}
