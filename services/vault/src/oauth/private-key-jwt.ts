import type { webcrypto } from 'node:crypto';
import { GatewayError } from '@sallyport/chassis/errors';
import * as oauth from 'oauth4webapi';

const ALGORITHMS: Readonly<
  Record<string, webcrypto.RsaHashedImportParams | webcrypto.EcKeyImportParams | webcrypto.Algorithm>
> = {
  RS256: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  PS256: { name: 'RSA-PSS', hash: 'SHA-256' },
  ES256: { name: 'ECDSA', namedCurve: 'P-256' },
  EdDSA: { name: 'Ed25519' },
};

/**
 * A client that proves itself by a signed assertion (RFC 7523 §2.2). `jwk` is a private key as JWK, whose `alg` (default ES256)
 * and `kid` are used. Throws `upstream_credentials` when it is none, as soon as it is asked to sign.
 */
export function privateKeyJwt(jwk: string): oauth.ClientAuth {
  return async (as, client, body, headers) => {
    const { key, kid } = await privateKey(jwk);
    await oauth.PrivateKeyJwt(kid === undefined ? key : { key, kid })(as, client, body, headers);
  };
}

async function privateKey(
  text: string,
): Promise<{ readonly key: webcrypto.CryptoKey; readonly kid: string | undefined }> {
  try {
    const jwk = JSON.parse(text) as webcrypto.JsonWebKey & { readonly kid?: unknown };
    const algorithm = ALGORITHMS[jwk.alg ?? 'ES256'] as webcrypto.Algorithm;
    const { key_ops: _operations, use: _use, ...bare } = jwk;
    const key = await crypto.subtle.importKey('jwk', bare, algorithm, false, ['sign']);
    return { key, kid: typeof jwk.kid === 'string' ? jwk.kid : undefined };
  } catch {
    // The parser's words would quote the key.
    throw new GatewayError('upstream_credentials', 'The Secret holds no private key as JWK.', {
      details: { missing: 'secret' },
    });
  }
}
