import { createHash } from 'node:crypto';
import { keyedDigest as keyedDigestOf } from '@sallyport/chassis/keyed-digest';
import type { Digest, Sha256 } from '@sallyport/turn';

/** SHA-256 of a text in hex. */
export const sha256: Sha256 = (text) => createHash('sha256').update(text).digest('hex');

/** Digests of content under a secret; the same form as model-proxy's, so that each plane knows what the other gave. */
export function keyedDigest(secret: string): Digest {
  const digest = keyedDigestOf(secret);
  return (key, text) => digest(`${key}\n${text}`);
}
