import { compactVerify, importJWK, type JWK } from 'jose';
import { type ClaimsCase, GUARDS, type Guards, pass } from './guards.ts';
import type { KeyGuard, PublicKey } from './key-guards.ts';
import type { KeySet } from './key-sets.ts';
import { type Token, tokenOf } from './token.ts';
import { TokenFault, type TokenFaultReason } from './token-fault.ts';
import type { TokenRules } from './token-rules.ts';

/** An issuer as far as verification goes: its rules and its keys. */
export interface Issuer {
  readonly rules: TokenRules;
  readonly keys: KeySet;
}

/** A genuine token and the issuer under whose rules it is one. */
export interface Verified<I extends Issuer> {
  readonly token: Token;
  readonly issuer: I;
}

/** Whether a signature is that of a key; the algorithm was agreed on before. */
export type CheckSignature = (text: string, key: PublicKey, algorithm: string) => Promise<boolean>;

/** Reads a credential of the form of a token and holds it against everything that needs no issuer. Throws TokenFault. */
export function readToken(text: string, guards: Guards = GUARDS): Token {
  pass(guards.text, text);
  const token = tokenOf(text);
  pass(guards.header, token);
  return token;
}

/**
 * The one issuer under whose rules a token stands, of those that have its `iss`: several tenants may trust the same
 * provider, each for an audience of its own. None: TokenFault of the rules that came nearest; several: `ambiguous`.
 */
export function issuerOf<I extends Issuer>(
  token: Token,
  issuers: readonly I[],
  nowSeconds: number,
  guards: Guards = GUARDS,
): I {
  const fitting: I[] = [];
  let nearest = -1;
  let reason: TokenFaultReason = 'issuer';
  for (const issuer of issuers) {
    const failed = guards.claims.findIndex(({ refuses }) =>
      refuses({ token, rules: issuer.rules, nowSeconds } satisfies ClaimsCase),
    );
    if (failed < 0) fitting.push(issuer);
    else if (failed > nearest) {
      nearest = failed;
      reason = guards.claims[failed]?.reason ?? 'issuer';
    }
  }
  const [first] = fitting;
  if (first === undefined) throw new TokenFault(reason);
  // Guessing would hand one tenant what was meant for another.
  if (fitting.length > 1) throw new TokenFault('ambiguous');
  return first;
}

/**
 * Verifies a credential: form, header, issuer and claims, then the signature with a key of that issuer and no other.
 * `issuersOf` gives those whose tokens have an `iss`. Throws TokenFault; GatewayError `unavailable` where the keys of a
 * trusted issuer cannot be had, which says nothing against the token.
 */
export async function verifyToken<I extends Issuer>(
  text: string,
  issuersOf: (iss: string) => readonly I[],
  options: { readonly nowMs: number; readonly guards?: Guards; readonly checkSignature?: CheckSignature },
): Promise<Verified<I>> {
  const { nowMs, guards = GUARDS, checkSignature = signedBy } = options;
  const token = readToken(text, guards);
  const { iss } = token.claims;
  const issuer = issuerOf(token, typeof iss === 'string' ? issuersOf(iss) : [], nowMs / 1000, guards);
  const algorithm = token.header.alg as string;
  const key = await keyOf(token, issuer.keys, guards.key);
  if (!(await checkSignature(text, key, algorithm))) throw new TokenFault('signature');
  return { token, issuer };
}

async function keyOf(token: Token, keys: KeySet, guards: readonly KeyGuard[]): Promise<PublicKey> {
  const named = await keys.find(token.header.kid as string | undefined);
  let reason: TokenFaultReason = 'unknown-key';
  const fitting = named.filter((key) => {
    const guard = guards.find(({ refuses }) => refuses(key, token.header.alg as string));
    if (guard !== undefined) reason = guard.reason;
    return guard === undefined;
  });
  const [first] = fitting;
  if (first === undefined) throw new TokenFault(reason);
  // One name for two keys, or none for any: trying them in turn would let a set with a planted key pass for the old one.
  if (fitting.length > 1) throw new TokenFault('several-keys');
  return first;
}

type Imported = ReturnType<typeof importJWK>;

// An imported key is one of its algorithm, and a key without `alg` may be used with several.
const imported = new WeakMap<PublicKey, Map<string, Imported>>();

const signedBy: CheckSignature = async (text, key, algorithm) => {
  try {
    const held = imported.get(key) ?? new Map<string, Imported>();
    imported.set(key, held);
    const { kty, crv, x, y, n, e } = key;
    const made = held.get(algorithm) ?? importJWK({ kty, crv, x, y, n, e } as JWK, algorithm);
    held.set(algorithm, made);
    await compactVerify(text, await made, { algorithms: [algorithm] });
    return true;
  } catch {
    // Whatever jose has against it: a key that is no point of its curve, a signature of the wrong length, a wrong one.
    return false;
  }
};
