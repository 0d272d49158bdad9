import { randomBytes } from 'node:crypto';
import { asGatewayError } from '@sallyport/chassis/errors';
import type { SigningKeys } from '@sallyport/chassis/signing-keys';
import { uuidv7 } from '@sallyport/chassis/uuid';
import { type Configuration, errors, interactionPolicy, type KoaContextWithOIDC, Provider } from 'oidc-provider';
import { accountOf, userOf } from './account.ts';
import { type AdapterOptions, createAdapter } from './adapter.ts';
import { applicationType, foreignFault, withoutScope } from './client-metadata.ts';
import type { ConsentStore } from './consent-store.ts';
import type { OAuthKeys } from './keys.ts';
import { isKnownScope, PLAIN_SCOPES, RESOURCE_PATHS, scopesAt } from './vocabulary.ts';

/** What one tenant's issuer is made of. */
export interface IssuerOptions extends AdapterOptions {
  /** `<public URL>/oauth/<tenant>`. */
  readonly issuer: string;
  /** URLs that the gateway is reached under for this tenant; the first is the public one. */
  readonly bases: readonly string[];
  readonly keys: OAuthKeys;
  readonly signing: SigningKeys;
  readonly registration: { readonly dynamic: boolean; readonly metadataDocuments: boolean };
  /** Whether a person is there and active now, and was the one of this name at a time (epoch ms) if one is given. */
  readonly isActive: (user: string, sinceMs?: number) => Promise<boolean>;
  readonly consents: ConsentStore;
  /** Calls out for documents and keys of clients, through the URL guard. */
  readonly fetch: (url: string, options: RequestInit) => Promise<Response>;
  readonly renderError: (context: KoaContextWithOIDC, code: string, description: string) => void;
  /** Told of faults of our own, which clients only see as such. */
  readonly onFault: (error: unknown) => void;
  readonly extraClaims: (context: KoaContextWithOIDC, token: object) => Promise<Record<string, unknown> | undefined>;
}

/** Longest life of an access token, s. */
export const ACCESS_SECONDS = 600;
const CODE_SECONDS = 60;
const INTERACTION_SECONDS = 900;
const SESSION_SECONDS = 8 * 3600;
const REFRESH_SECONDS = 14 * 86_400;
const GRANT_SECONDS = 90 * 86_400;
const KIND = 'sallyport_kind';

/** Scopes that a client may have at all: what its resource says; others everything but administration. */
export function scopesOfClient(
  options: Pick<IssuerOptions, 'tenant' | 'clients'>,
  clientId: string,
): readonly string[] {
  const declared = options.clients.declared(options.tenant, clientId);
  if (declared === undefined || declared.spec.scopes.length === 0) return ['mcp', 'models'];
  return declared.spec.scopes;
}

/** Makes the issuer: authorization code with PKCE S256, rotated refresh tokens, client credentials; all tokens ES256 at+jwt. */
export function createIssuer(options: IssuerOptions): Provider {
  const { issuer, tenant, keys, signing, registration, clients, bases } = options;
  const path = new URL(issuer).pathname;
  const secure = issuer.startsWith('https:');
  const cookie = { httpOnly: true, sameSite: 'lax', signed: true, secure, overwrite: true } as const;
  const defaultResource = `${bases[0]}${RESOURCE_PATHS[0]}`;

  const configuration: Configuration = {
    adapter: (model: string) => createAdapter(model, options),
    jwks: { keys: signing.keys as never },
    clientAuthMethods: ['none', 'client_secret_basic', 'private_key_jwt'],
    clientDefaults: {
      grant_types: ['authorization_code'],
      id_token_signed_response_alg: 'ES256',
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic',
    },
    responseTypes: ['code'],
    subjectTypes: ['public'],
    // Scopes of the resources are not the library's: it asks which of them a resource has.
    scopes: ['offline_access'],
    claims: { sub: null } as never,
    clockTolerance: 5,
    conformIdTokenClaims: true,
    allowOmittingSingleRegisteredRedirectUri: false,
    enabledJWA: {
      clientAuthSigningAlgValues: ['ES256', 'RS256', 'PS256', 'EdDSA'],
      idTokenSigningAlgValues: ['ES256'],
    },
    pkce: { required: () => true },
    cookies: {
      keys: [...keys.cookieKeys],
      names: {
        session: 'sallyport-oauth',
        interaction: 'sallyport-oauth-interaction',
        resume: 'sallyport-oauth-resume',
      },
      long: { ...cookie, path },
      short: cookie,
    },
    features: {
      devInteractions: { enabled: false },
      dPoP: { enabled: false },
      userinfo: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      pushedAuthorizationRequests: { enabled: false },
      claimsParameter: { enabled: false },
      clientCredentials: { enabled: true },
      revocation: { enabled: true },
      introspection: { enabled: true, allowedPolicy: (_ctx, client, token) => client.clientId === token.clientId },
      registration: {
        enabled: registration.dynamic,
        idFactory: () => `dyn-${uuidv7()}`,
        secretFactory: async () => randomBytes(32).toString('base64url'),
        issueRegistrationAccessToken: false,
      },
      ...(registration.metadataDocuments
        ? {
            clientIdMetadataDocument: {
              enabled: true,
              ack: 'draft-02' as never,
              allowFetch: async (_ctx: unknown, id: string) => mayFetch(id),
            },
          }
        : {}),
      resourceIndicators: {
        enabled: true,
        defaultResource: async (_ctx, _client, oneOf) => {
          if (oneOf === undefined) return defaultResource;
          return Array.isArray(oneOf) && oneOf.length === 1 ? (oneOf[0] as string) : (oneOf as never);
        },
        useGrantedResource: async () => true,
        async getResourceServerInfo(ctx, resource, client) {
          const known = scopesAt(resource, wantedScopes(ctx), bases);
          if (known === undefined) throw new errors.InvalidTarget('The resource is none of this gateway.');
          const allowed = scopesOfClient(options, client.clientId);
          const scopes = known.filter((scope) => allowed.includes(scope) || allowed.includes(plainOf(scope)));
          return {
            scope: scopes.join(' '),
            audience: resource,
            accessTokenTTL: ACCESS_SECONDS,
            accessTokenFormat: 'jwt',
            jwt: { sign: { alg: 'ES256', kid: signing.current.kid } },
          };
        },
      },
    } as Configuration['features'],
    extraClientMetadata: {
      properties: [KIND],
      validator(_ctx, _key, _value, metadata) {
        const id = String(metadata.client_id ?? '');
        if (clients.declared(tenant, id) !== undefined) return;
        const fault = foreignFault(metadata as never);
        if (fault !== undefined) throw new errors.InvalidClientMetadata(fault);
        (metadata as Record<string, unknown>).application_type = applicationType(metadata.redirect_uris ?? []);
      },
    },
    formats: {
      customizers: {
        async jwt(_ctx, token, parts) {
          // RFC 9068 §2.2: where no person is involved, sub is the client; the prefix keeps it from being taken for one.
          if ((token as { accountId?: string }).accountId === undefined) {
            parts.payload.sub = `client:${String(parts.payload.client_id)}`;
          }
        },
      },
    },
    extraTokenClaims: options.extraClaims as never,
    ttl: {
      AccessToken: (_ctx, token) => token.resourceServer?.accessTokenTTL ?? ACCESS_SECONDS,
      AuthorizationCode: CODE_SECONDS,
      ClientCredentials: (_ctx, token) => token.resourceServer?.accessTokenTTL ?? ACCESS_SECONDS,
      Grant: GRANT_SECONDS,
      Interaction: INTERACTION_SECONDS,
      RefreshToken: REFRESH_SECONDS,
      Session: SESSION_SECONDS,
    },
    expiresWithSession: async () => false,
    issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: true,
    revokeGrantPolicy: () => true,
    routes: {
      authorization: '/authorize',
      token: '/token',
      jwks: '/jwks',
      registration: '/register',
      revocation: '/revoke',
      introspection: '/introspect',
    },
    interactions: {
      policy: policyOf(),
      url: (_ctx, interaction) => `${issuer}/interaction/${interaction.uid}`,
    },
    async findAccount(ctx, sub, token) {
      const user = userOf(sub);
      // What began before somebody took over the name is not theirs: a refresh token, the session of a browser.
      const since = token?.iat ?? ctx.oidc?.session?.loginTs;
      const sinceMs = since === undefined ? undefined : since * 1000;
      if (user === undefined || !(await options.isActive(user, sinceMs))) return undefined;
      return { accountId: accountOf(user), claims: async () => ({ sub: accountOf(user) }) };
    },
    async loadExistingGrant(ctx) {
      const chosen = ctx.oidc.result?.consent?.grantId;
      if (chosen !== undefined) return ctx.oidc.provider.Grant.find(chosen);
      return rememberedGrant(ctx, options);
    },
    renderError(ctx, out) {
      options.renderError(ctx, out.error, out.error_description ?? '');
    },
    async fetch(url: string | URL | Request, init?: RequestInit) {
      const { status, headers, ...answer } = await fetched(options.fetch, String(url), init ?? {});
      return new Response(answer.body, { status, headers });
    },
    fetchResponseBodyLimits: {
      'client_id metadata document': 16 * 1024,
      jwks_uri: 64 * 1024,
      sector_identifier_uri: 1,
    },
  };

  const provider = new Provider(issuer, configuration);
  provider.proxy = true;
  provider.use(async (ctx, next) => {
    await next();
    // What clients may ask for is what resources have; of OpenID there is nothing but sign-in of our own.
    if ((ctx as unknown as KoaContextWithOIDC).oidc?.route === 'discovery') {
      ctx.body = { ...(ctx.body as object), scopes_supported: [...PLAIN_SCOPES, 'offline_access'] };
    }
  });
  provider.on('server_error', (ctx, error) => {
    const { code, status, message, retryAfterMs } = asGatewayError(error);
    if (code === 'internal') return options.onFault(error);
    // What is away for a moment says nothing against who asks (RFC 6749 §4.1.2.1).
    ctx.status = status;
    if (retryAfterMs !== undefined) ctx.set('retry-after', String(Math.ceil(retryAfterMs / 1000)));
    if (ctx.oidc.route !== 'authorization' && ctx.oidc.route !== 'resume') {
      ctx.body = { error: 'temporarily_unavailable', error_description: message };
    }
  });
  return provider;
}

/** A grant of its own for each authorization, made without asking where the person has said yes to all of it before. */
async function rememberedGrant(ctx: KoaContextWithOIDC, { tenant, consents }: IssuerOptions) {
  const { account, client, params } = ctx.oidc;
  if (account === undefined || client === undefined || ctx.oidc.prompts.has('consent')) return undefined;
  if (client.applicationType === 'native') return undefined;
  const user = userOf(account.accountId) ?? '';
  const wanted = [...ctx.oidc.requestParamScopes];
  const servers = Object.entries(ctx.oidc.resourceServers ?? {});
  const grant = new ctx.oidc.provider.Grant({ accountId: account.accountId, clientId: client.clientId });
  for (const [resource, server] of servers) {
    const scopes = wanted.filter((scope) => server.scopes.has(scope));
    if (!(await consents.covers(tenant, { user, client: client.clientId, resource }, scopes))) return undefined;
    grant.addResourceScope(resource, scopes.join(' '));
  }
  if (servers.length === 0 || params?.scope === undefined) return undefined;
  if (wanted.includes('offline_access')) grant.addOIDCScope('offline_access');
  await grant.save();
  return grant;
}

/** Scopes that a request is about: what it asks for, else what its code or refresh token has. */
function wantedScopes(ctx: KoaContextWithOIDC): string[] {
  const { params, entities } = ctx.oidc;
  const held = entities.AuthorizationCode?.scope ?? entities.RefreshToken?.scope;
  return `${String(params?.scope ?? '')} ${held ?? ''}`.split(' ').filter(isKnownScope);
}

function plainOf(scope: string): string {
  return scope.startsWith('tool:') ? 'mcp' : scope.startsWith('model:') ? 'models' : scope;
}

/** A document of a client, without what it says of scopes. */
async function fetched(fetch: IssuerOptions['fetch'], url: string, init: RequestInit) {
  const answer = await fetch(url, init);
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, body: text === '' ? null : withoutScope(text) };
}

function mayFetch(id: string): boolean {
  return id.length <= 2048;
}

function policyOf() {
  const { base, Check } = interactionPolicy;
  const policy = base();
  // The browser's session is of somebody who is not there any more, or who had the name before.
  policy
    .get('login')
    ?.checks.add(
      new Check('ended_person', 'sign in again', ({ oidc }) => oidc.session?.accountId !== undefined && !oidc.account),
    );
  // Without a scope in the request there would be nothing to say yes to.
  policy
    .get('consent')
    ?.checks.add(new Check('no_grant', 'nothing was granted yet', (ctx) => ctx.oidc.grant?.jti === undefined));
  return policy;
}
