import type { Logger } from '@sallyport/chassis/log';
import type { Client } from '@sallyport/chassis/rpc/client';
import type { SignInService } from '@sallyport/proto/vault/v1/sign_ins_pb';
import type * as oidc from 'openid-client';
import type { TrustedIssuer } from '../tokens/trusted-issuers.ts';

/**
 * Hands what a provider gave at a sign-in to vault, where the provider's resource says so. Nothing of it stays here. Gives the
 * `claims` that the provider wants this person to be asked for beside; undefined: none.
 */
export type KeepSignIn = (
  issuer: TrustedIssuer,
  user: string,
  config: oidc.Configuration,
  tokens: oidc.TokenEndpointResponse,
) => Promise<string | undefined>;

const TIMEOUT_MS = 2_000;

/** Keeps sign-ins at vault. A sign-in goes on where one cannot be kept: what would have been had by it is asked for anew. */
export function keepingSignIns(
  client: Pick<Client<typeof SignInService>, 'keep'> | undefined,
  log: Logger,
): KeepSignIn {
  return async ({ tenant, uid, provider, spec }, user, config, tokens) => {
    if (client === undefined || spec.client?.keepGrant !== true) return undefined;
    const {
      issuer,
      token_endpoint: tokenEndpoint = '',
      token_endpoint_auth_methods_supported: methods = [],
    } = config.serverMetadata();
    const { access_token: accessToken, refresh_token: refreshToken = '', id_token: idToken = '' } = tokens;
    const { expires_in: seconds, scope = spec.client.scopes.join(' ') } = tokens;
    try {
      const { claims } = await client.keep(
        {
          tenant,
          user,
          uid,
          issuer,
          tokenEndpoint,
          tokenEndpointAuthMethods: [...methods],
          accessToken,
          refreshToken,
          idToken,
          expiresAtMs: seconds === undefined ? 0 : Date.now() + seconds * 1000,
          scopes: scope.split(' ').filter((one) => one !== ''),
        },
        { timeoutMs: TIMEOUT_MS },
      );
      return claims === '' ? undefined : claims;
    } catch (error) {
      log.warn('a sign-in could not be kept', { tenant, provider, error });
      return undefined;
    }
  };
}
