import type { TokenFaultReason } from './token-fault.ts';

/** A public key as a JWK Set has it (RFC 7517); members that do not concern us are kept. */
export type PublicKey = Readonly<Record<string, unknown>>;

/** A reason for which a key does not fit a token. The key is looked over, as if it were not in the set. */
export interface KeyGuard {
  readonly reason: TokenFaultReason;
  readonly refuses: (key: PublicKey, algorithm: string) => boolean;
}

/** Smallest RSA modulus, in bits (RFC 7518 §3.3). */
const MIN_RSA_BITS = 2048;

/** Guards on the keys of an issuer against the algorithm that a token claims to be signed with. */
export const keyGuards: readonly KeyGuard[] = [
  {
    reason: 'key-use',
    refuses: ({ use, key_ops: operations }) =>
      (use !== undefined && use !== 'sig') ||
      (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))),
  },
  { reason: 'key-algorithm', refuses: ({ alg }, algorithm) => alg !== undefined && alg !== algorithm },
  { reason: 'key-type', refuses: (key, algorithm) => !typesOf(algorithm).includes(`${key.kty}/${key.crv ?? ''}`) },
  { reason: 'key-strength', refuses: (key) => key.kty === 'RSA' && bitsOf(key.n) < MIN_RSA_BITS },
];

/** Types and curves of the keys of an algorithm (RFC 7518 §3.1, RFC 8037 §3.1). A shared secret (`oct`) is in none. */
function typesOf(algorithm: string): readonly string[] {
  if (algorithm === 'EdDSA') return ['OKP/Ed25519'];
  if (!algorithm.startsWith('ES')) return ['RSA/'];
  return [{ ES256: 'EC/P-256', ES384: 'EC/P-384', ES512: 'EC/P-521' }[algorithm] ?? ''];
}

function bitsOf(modulus: unknown): number {
  if (typeof modulus !== 'string') return 0;
  const bytes = Buffer.from(modulus, 'base64url');
  const first = bytes.findIndex((byte) => byte !== 0);
  return first < 0 ? 0 : (bytes.length - first) * 8 - Math.clz32(bytes[first] as number) + 24;
}
