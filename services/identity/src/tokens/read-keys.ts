import { GatewayError } from '@sallyport/chassis/errors';
import type { Outbound } from '@sallyport/chassis/http/fetch';
import { parseJson } from '@sallyport/chassis/http/json';
import type { PublicKey } from './key-guards.ts';
import type { KeySource } from './key-sets.ts';

/** Reads the keys of an issuer. Rejects with GatewayError: whatever is not a set of usable keys is no answer. */
export type ReadKeys = (source: KeySource) => Promise<readonly PublicKey[]>;

const TIMEOUT_MS = 5_000;
const MAX_BYTES = 262_144;
const MAX_KEYS = 256;
const MAX_DEPTH = 16;

/**
 * Reads over the guarded way out: the set's URL, else what discovery names (OpenID Connect Discovery §4, its issuer must
 * be the very one). Redirects are not followed: where keys come from is what the resource says, not what a host says.
 */
export function createReadKeys(ways: { readonly open: Outbound; readonly guarded: Outbound }): ReadKeys {
  return async (source) => {
    const way = source.allowPrivate ? ways.open : ways.guarded;
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const url = source.jwksUrl ?? (await discovered(way, source.issuer, signal));
    const keys = keysOf(await document(way, url, signal));
    // A set that is empty all at once is a fault of the host; all else would end every session of a company.
    if (keys.length === 0) throw fault('The issuer has no usable keys.');
    return keys;
  };
}

/** The usable keys of a JWK Set; private and shared ones are none. Throws GatewayError `upstream_invalid`. */
export function keysOf(jwks: unknown): readonly PublicKey[] {
  const keys = (jwks as { keys?: unknown } | null | undefined)?.keys;
  if (!Array.isArray(keys)) throw fault('What the issuer answered is no JWK Set.');
  if (keys.length > MAX_KEYS) throw fault(`The issuer has more than ${MAX_KEYS} keys.`);
  return keys.filter(
    (key): key is PublicKey =>
      typeof key === 'object' && key !== null && typeof key.kty === 'string' && key.kty !== 'oct' && !('d' in key),
  );
}

async function discovered(way: Outbound, issuer: string, signal: AbortSignal): Promise<string> {
  const found = (await document(way, `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, signal)) as {
    issuer?: unknown;
    jwks_uri?: unknown;
  };
  if (found.issuer !== issuer) throw fault('Discovery names another issuer.');
  if (typeof found.jwks_uri !== 'string') throw fault('Discovery names no keys.');
  return found.jwks_uri;
}

async function document(way: Outbound, url: string, signal: AbortSignal): Promise<object> {
  const answer = await way.request(url, { headers: { accept: 'application/json' }, signal, redirects: 0 });
  if (answer.status !== 200) {
    await answer.discard();
    throw fault(`The issuer answered ${answer.status}.`);
  }
  const bytes = Buffer.from(await answer.text(MAX_BYTES));
  let value: unknown;
  try {
    value = parseJson(bytes, { maxDepth: MAX_DEPTH });
  } catch (error) {
    throw new GatewayError('upstream_invalid', 'What the issuer answered is no JSON as we read it.', { cause: error });
  }
  if (typeof value !== 'object' || value === null) throw fault('What the issuer answered is no object.');
  return value;
}

function fault(message: string): GatewayError {
  return new GatewayError('upstream_invalid', message);
}
