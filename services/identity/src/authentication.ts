import type { MessageInitShape } from '@bufbuild/protobuf';
import { GatewayError } from '@sallyport/chassis/errors';
import { networksOf } from '@sallyport/chassis/net/networks';
import type { PrincipalSchema } from '@sallyport/proto/principal/v1/principal_pb';
import type { Directory, Standing } from './directory/directory.ts';
import { type KeyRecord, principalOf, stateOf } from './key.ts';
import type { KeyStore, KeyUse, SecretMatch } from './key-store.ts';
import { matchesDigest, type Peppers } from './peppers.ts';
import { CHOSEN_SECRET_LENGTH, lookupPrefixOf } from './secret.ts';
import { looksLikeToken } from './tokens/token.ts';

/** Who presented a secret, and how long that answer may be kept. */
export interface Authenticated {
  readonly principal: MessageInitShape<typeof PrincipalSchema>;
  readonly cacheTtlMs: number;
  /** CIDR networks from which the credential may be used; none: any. */
  readonly networks?: readonly string[];
}

/** What authentication needs. */
export interface AuthenticatorOptions {
  readonly store: Pick<KeyStore, 'secretsByPrefix' | 'secretsByDigest'>;
  readonly peppers: Peppers;
  /** Says what the owner of a key may lend it now. */
  readonly directory: Pick<Directory, 'standingOf'>;
  /** Longest time in ms that a caller may keep an answer. */
  readonly cacheTtlMs: number;
  /** Told of each success, so that last use can be written in batches. */
  readonly onUse: (use: KeyUse) => void;
  /** Told of a secret that matched under an older pepper. */
  readonly onOldPepper: (match: SecretMatch, secret: string) => void;
  readonly now?: () => number;
}

/** Turns secrets into principals. */
export type Authenticate = (secret: string, endpoint: string, address?: string) => Promise<Authenticated>;

/**
 * Sends a credential where its form says: what looks like a JWT is verified as one and is never looked up as a key,
 * everything else is a key. Without `token` no tokens are accepted.
 */
export function byForm(key: Authenticate, token: Authenticate | undefined): Authenticate {
  return (credential, endpoint, address) => {
    if (!looksLikeToken(credential)) return key(credential, endpoint, address);
    return token === undefined ? Promise.reject(refused()) : token(credential, endpoint, address);
  };
}

/**
 * Makes the authenticator. Unknown, wrong, revoked, disabled, expired and ambiguous secrets are refused by the same
 * error after the same work: one look-up and a comparison in constant time. A failing store is not a refusal. A key acts
 * for its owner: one who is known and not active has no keys, and lends none of their teams that they are not in (DESIGN §2).
 */
export function createAuthenticator(options: AuthenticatorOptions): Authenticate {
  const { store, peppers, directory, cacheTtlMs, onUse, onOldPepper, now = Date.now } = options;
  return async (secret, endpoint, address = '') => {
    if (secret === '' || secret.length > CHOSEN_SECRET_LENGTH.max) throw refused();
    const candidates = peppers.candidates(secret);
    const prefix = lookupPrefixOf(secret);
    const found =
      prefix === undefined
        ? await store.secretsByDigest(candidates.map((candidate) => candidate.digest))
        : await store.secretsByPrefix(prefix);
    if (found.length === 0) matchesDigest(candidates, undefined);
    const matches = found.filter((match) => matchesDigest(candidates, match.secret));
    const match = matches[0];
    const atMs = now();
    // Two keys with one secret cannot be told apart, and guessing would hand one tenant the other's rights.
    if (match === undefined || matches.length > 1) throw refused();
    if (stateOf(match.key, atMs) !== 'active') throw refused();
    if (match.validUntilMs !== undefined && match.validUntilMs <= atMs) throw refused();

    const { key } = match;
    const { networks } = key.spec;
    // Where the caller cannot tell the address, it is not one of those networks.
    if (networks.length > 0 && !networksOf(networks)(address)) throw refused();
    const standing = await standingOf(key, directory);
    onUse({ tenant: key.tenant, keyId: key.id, endpoint, atMs });
    if (match.secret.pepperId !== peppers.currentId) onOldPepper(match, secret);
    const endsAtMs = Math.min(key.spec.expiresAtMs || Number.POSITIVE_INFINITY, match.validUntilMs ?? Infinity);
    return { principal: principalOf(key, standing), cacheTtlMs: Math.min(cacheTtlMs, endsAtMs - atMs), networks };
  };
}

/** As what a key acts now, for who has shown it before; undefined where it does not authenticate any more. */
export async function principalNow(
  key: KeyRecord,
  directory: Pick<Directory, 'standingOf'>,
  nowMs: number,
): Promise<Authenticated['principal'] | undefined> {
  if (stateOf(key, nowMs) !== 'active') return undefined;
  try {
    return principalOf(key, await standingOf(key, directory));
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'unauthenticated') return undefined;
    throw error;
  }
}

/** What the owner of a key may lend it; undefined where nobody stands behind it. Throws where they may not. */
async function standingOf(key: KeyRecord, directory: Pick<Directory, 'standingOf'>): Promise<Standing | undefined> {
  const { owner, teams } = key.spec;
  if (owner === '') return undefined;
  const standing = await directory.standingOf(key.tenant, owner, teams);
  // The key was made for somebody else who had the name before.
  const inherited = standing.heirSinceMs !== undefined && key.createdAtMs < standing.heirSinceMs;
  if (standing.state === 'ended' || inherited) throw refused();
  return standing;
}

/** The refusal of a credential: the same whatever is wrong with it. */
export function refused(): GatewayError {
  return new GatewayError('unauthenticated', 'The credential is not valid.');
}
