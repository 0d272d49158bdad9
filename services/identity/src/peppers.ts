import { createHmac, timingSafeEqual } from 'node:crypto';

/** A key of the HMAC over secrets; it lives in a file, never in the database. */
export interface Pepper {
  readonly id: string;
  readonly key: Uint8Array;
}

/** The digest of a secret and the pepper it was made with. */
export interface SecretDigest {
  readonly pepperId: string;
  readonly digest: Buffer;
}

/** HMAC-SHA-256 over secrets with the newest pepper, and comparison with any that is still in the file. */
export interface Peppers {
  /** Id of the pepper that new digests are made with: the first of the file. */
  readonly currentId: string;
  digest(secret: string): SecretDigest;
  /** The secret's digest under every pepper, the current first. */
  candidates(secret: string): readonly SecretDigest[];
}

/** Makes peppers from the keys of the file, newest first. Throws without any. */
export function createPeppers(keys: readonly Pepper[]): Peppers {
  const current = keys[0];
  if (current === undefined) throw new Error('at least one pepper is needed');
  const digestWith = (pepper: Pepper, secret: string): SecretDigest => ({
    pepperId: pepper.id,
    digest: createHmac('sha256', pepper.key).update(secret, 'utf8').digest(),
  });
  return {
    currentId: current.id,
    digest: (secret) => digestWith(current, secret),
    candidates: (secret) => keys.map((pepper) => digestWith(pepper, secret)),
  };
}

const NOTHING = Buffer.alloc(32);

/**
 * Tells whether a stored digest is one of the candidates, in constant time; without a stored one it compares all the
 * same, so that an unknown prefix takes as long as a wrong secret.
 */
export function matchesDigest(candidates: readonly SecretDigest[], stored: SecretDigest | undefined): boolean {
  let matched = false;
  for (const candidate of candidates) {
    const same = timingSafeEqual(candidate.digest, stored?.digest ?? NOTHING);
    matched = (same && candidate.pepperId === stored?.pepperId) || matched;
  }
  return matched;
}
