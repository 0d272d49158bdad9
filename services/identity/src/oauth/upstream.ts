import { randomBytes } from 'node:crypto';
import { GatewayError } from '@sallyport/chassis/errors';
import type { Logger } from '@sallyport/chassis/log';
import { cookieOf, sameText } from '@sallyport/chassis/pages/form';
import type { Request } from 'express';
import { importJWK, type JWK } from 'jose';
import * as oidc from 'openid-client';
import type { Directory } from '../directory/directory.ts';
import type { Person } from '../directory/person.ts';
import { saidBy } from '../sessions/person-now.ts';
import type { SaidStore } from '../sessions/said-store.ts';
import { refusesPerson } from '../tokens/claim-guards.ts';
import type { TrustedIssuer, TrustedIssuers } from '../tokens/trusted-issuers.ts';
import type { KeepSignIn } from './kept-sign-ins.ts';
import type { OutboundFetch } from './outbound-fetch.ts';
import type { SecretValue } from './secrets.ts';
import type { SignInPurpose, SignInStore } from './sign-in-store.ts';

/** Signs people in at the IdentityProviders of their tenant. */
export interface UpstreamSignIn {
  /** Names of the providers at which people of a tenant can sign in. */
  providersOf(tenant: string): string[];
  /** Where to send the browser, and the cookie that binds it. Throws `not_found`, `unavailable`. */
  begin(tenant: string, provider: string, purpose: SignInPurpose): Promise<{ url: string; cookie: string }>;
  /**
   * The person that came back, and what they left for it. Passes once. Throws `permission_denied` where the answer is not
   * for this browser, or not of who was asked, or of somebody who is not let in.
   */
  complete(tenant: string, req: Request): Promise<CompletedSignIn | SignInAgain>;
}

/** Somebody who signed in. */
export interface CompletedSignIn {
  readonly purpose: SignInPurpose;
  readonly provider: string;
  readonly person: Person;
  readonly endCookie: string;
}

/** The provider wants more of the person before it gives tokens in their name: they are sent there again, once. */
export interface SignInAgain {
  readonly again: { readonly url: string; readonly cookie: string };
}

/** What signing in upstream needs. */
export interface UpstreamOptions {
  readonly publicUrl: string;
  readonly issuers: Pick<TrustedIssuers, 'all'>;
  readonly directory: Pick<Directory, 'bind'>;
  readonly said: Pick<SaidStore, 'remember'>;
  readonly store: SignInStore;
  readonly keep: KeepSignIn;
  readonly secretOf: SecretValue;
  readonly fetch: Pick<OutboundFetch, 'public' | 'private'>;
  readonly log: Logger;
  readonly now?: () => number;
}

const COOKIE = 'sallyport-oauth-sign-in';
const PENDING_SECONDS = 600;
const METADATA_MS = 300_000;
const MAX_METADATA = 256;
const PARAMETERS = new Set(['code', 'state', 'iss', 'error', 'error_description', 'session_state']);

/** Signs in by authorization code with PKCE, nonce and state (OpenID Connect Core §3.1, RFC 9207). */
export function createUpstreamSignIn(options: UpstreamOptions): UpstreamSignIn {
  const { publicUrl, issuers, directory, said, store, log, now = Date.now } = options;
  const kept = new Map<string, { config: Promise<oidc.Configuration>; until: number }>();
  const secure = publicUrl.startsWith('https:');
  const redirectOf = (tenant: string) => `${publicUrl}/oauth/${tenant}/callback`;
  const cookie = (tenant: string, value: string, seconds: number) =>
    [
      `${COOKIE}=${value}`,
      `Max-Age=${seconds}`,
      `Path=/oauth/${tenant}`,
      'HttpOnly',
      'SameSite=Lax',
      ...(secure ? ['Secure'] : []),
    ].join('; ');
  const usable = (tenant: string) =>
    issuers.all().filter((one) => one.tenant === tenant && one.spec.type === 'OIDC' && one.spec.client !== undefined);
  const find = (tenant: string, provider: string) => {
    const issuer = usable(tenant).find((one) => one.provider === provider);
    if (issuer === undefined) throw new GatewayError('not_found', 'There is no such identity provider.');
    return issuer;
  };

  const configOf = async (issuer: TrustedIssuer): Promise<oidc.Configuration> => {
    const key = JSON.stringify([issuer.tenant, issuer.uid, issuer.generation]);
    const held = kept.get(key);
    if (held !== undefined && held.until > now()) return held.config;
    if (kept.size >= MAX_METADATA) kept.clear();
    const config = discovered(issuer, options);
    kept.set(key, { config, until: now() + METADATA_MS });
    config.catch(() => kept.delete(key));
    return config;
  };

  const begin = async (tenant: string, provider: string, purpose: SignInPurpose, claims?: string) => {
    const issuer = find(tenant, provider);
    const config = await configOf(issuer).catch((error: unknown) => {
      log.warn('an identity provider cannot be reached for sign-in', { tenant, provider, error });
      throw new GatewayError('unavailable', 'The identity provider cannot be reached now.', { cause: error });
    });
    const [state, nonce, verifier] = [oidc.randomState(), oidc.randomNonce(), oidc.randomPKCECodeVerifier()];
    const browser = randomBytes(32).toString('base64url');
    await store.begin(
      tenant,
      state,
      { ...purpose, provider, nonce, verifier, browser, ...(claims === undefined ? {} : { challenged: true }) },
      PENDING_SECONDS,
    );
    const url = oidc.buildAuthorizationUrl(config, {
      redirect_uri: redirectOf(tenant),
      scope: (issuer.spec.client?.scopes ?? ['openid']).join(' '),
      response_type: 'code',
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      state,
      nonce,
      ...(claims === undefined ? {} : { claims }),
    });
    return { url: url.href, cookie: cookie(tenant, browser, PENDING_SECONDS) };
  };

  return {
    providersOf: (tenant) => usable(tenant).map(({ provider }) => provider),
    begin: (tenant, provider, purpose) => begin(tenant, provider, purpose),
    async complete(tenant, req) {
      const query = new URL(req.originalUrl, publicUrl).searchParams;
      const pending = await store.take(tenant, query.get('state') ?? '');
      const held = cookieOf(req.headers.cookie, COOKIE) ?? '';
      if (pending === undefined || !sameText(held, pending.browser)) {
        throw new GatewayError('permission_denied', 'This answer is not for a sign-in of this browser. Start again.');
      }
      const issuer = find(tenant, pending.provider);
      const config = await configOf(issuer);
      const { claims, tokens } = await exchanged(config, redirectOf(tenant), query, pending).catch((error: unknown) => {
        log.info('a sign-in was refused', { tenant, provider: pending.provider, reason: reasonOf(error) });
        throw new GatewayError(
          'permission_denied',
          'The identity provider did not sign you in, or its answer does not hold.',
          {
            cause: error,
          },
        );
      });
      if (refusesPerson(claims, issuer.rules)) {
        log.info('a person was not let in', { tenant, provider: pending.provider, reason: 'claims' });
        throw new GatewayError('permission_denied', 'You are not let in here. Ask who administers Sallyport.');
      }
      const name = issuer.mapping.user(claims);
      if (name === undefined || name.trim() === '') {
        throw new GatewayError('permission_denied', 'The identity provider gives no name that you are known by here.');
      }
      const person = await directory
        .bind({
          tenant,
          provider: pending.provider,
          subject: String(claims.sub),
          name,
          ...(typeof claims.name === 'string' ? { displayName: claims.name.slice(0, 256) } : {}),
          linkByName: issuer.spec.linkByName,
        })
        .catch((error: unknown) => {
          if ((error as GatewayError).code !== 'unauthenticated') throw error;
          log.info('a person was not let in', { tenant, provider: pending.provider, reason: (error as Error).message });
          throw new GatewayError('permission_denied', 'You are not let in here. Ask who administers Sallyport.', {
            cause: error,
          });
        });
      await said.remember(person, pending.provider, saidBy(issuer, claims));
      const wants = await options.keep(issuer, person.name, config, tokens);
      const purpose: SignInPurpose = pending.page === undefined ? { uid: pending.uid ?? '' } : { page: pending.page };
      if (wants !== undefined && pending.challenged === undefined) {
        return { again: await begin(tenant, pending.provider, purpose, wants) };
      }
      return { purpose, provider: pending.provider, person, endCookie: cookie(tenant, '', 0) };
    },
  };
}

async function discovered(issuer: TrustedIssuer, { secretOf, fetch }: UpstreamOptions): Promise<oidc.Configuration> {
  const { spec } = issuer;
  const { client } = spec;
  if (client === undefined || spec.issuer === undefined) throw new GatewayError('not_found', 'No client is set up.');
  const ref = client.privateKeyJwt?.secretRef ?? client.secretRef;
  const origin = new URL(spec.issuer).origin;
  const { tenant, provider: name, uid } = issuer;
  const secret =
    ref === undefined ? undefined : await secretOf({ tenant, kind: 'IdentityProvider', name, uid, ref, origin });
  const config = await oidc.discovery(
    new URL(spec.issuer),
    client.clientId,
    { id_token_signed_response_alg: undefined as never },
    await authentication(secret, client.privateKeyJwt !== undefined),
    {
      [oidc.customFetch]: (spec.allowPrivateNetwork ? fetch.private : fetch.public) as never,
      execute: spec.allowPrivateNetwork ? [oidc.allowInsecureRequests] : [],
      timeout: 8,
    },
  );
  const metadata = config.serverMetadata();
  if (metadata.issuer !== spec.issuer) throw new GatewayError('upstream_invalid', 'The provider says another issuer.');
  // RFC 9700 §2.1.1: a provider that says what it can do, and not this, could be made to leave it out.
  if (metadata.code_challenge_methods_supported !== undefined && !metadata.supportsPKCE()) {
    throw new GatewayError('upstream_invalid', 'The provider does not know PKCE with S256.');
  }
  return config;
}

async function authentication(secret: string | undefined, asKey: boolean): Promise<oidc.ClientAuth> {
  if (secret === undefined) return oidc.None();
  if (!asKey) return oidc.ClientSecretBasic(secret);
  const jwk = JSON.parse(secret) as JWK;
  const key = await importJWK(jwk, jwk.alg ?? 'ES256');
  if (key instanceof Uint8Array) throw new GatewayError('unavailable', 'The Secret holds no private key.');
  return oidc.PrivateKeyJwt(jwk.kid === undefined ? key : { key, kid: jwk.kid });
}

/** Tokens that the code stands for, and the claims of the ID token, checked against what was asked. */
async function exchanged(
  config: oidc.Configuration,
  redirect: string,
  query: URLSearchParams,
  pending: { readonly nonce: string; readonly verifier: string },
): Promise<{ readonly claims: Readonly<Record<string, unknown>>; readonly tokens: oidc.TokenEndpointResponse }> {
  const url = new URL(redirect);
  for (const [name, value] of query) if (PARAMETERS.has(name)) url.searchParams.append(name, value);
  const answer = await oidc.authorizationCodeGrant(config, url, {
    pkceCodeVerifier: pending.verifier,
    expectedState: query.get('state') ?? '',
    expectedNonce: pending.nonce,
    idTokenExpected: true,
  });
  const claims = answer.claims();
  if (claims === undefined) throw new Error('no ID token');
  return { claims, tokens: answer };
}

/** The kind of a failure, without anything that a token or code holds. */
function reasonOf(error: unknown): string {
  const { code, name } = error as { code?: unknown; name?: unknown };
  return String(code ?? name ?? 'unknown');
}
