import { GatewayError } from '@sallyport/chassis/errors';
import { createLogger } from '@sallyport/chassis/log';
import type { LeasePrincipal } from '../leasing.ts';
import { createDiscovery } from '../oauth/discovery.ts';
import type { FetchInit } from '../oauth/http.ts';
import type { GrantRecord } from '../vault-store.ts';
import type { DelegationType, KeptSignIn } from './adapter.ts';
import { createDelegation } from './delegation.ts';
import type { DelegationGuards } from './guards.ts';
import { noSignIn } from './refusals.ts';
import { createSubjects } from './subjects.ts';
import { createTokenCache } from './token-cache.ts';

/** What a token endpoint answers. */
export interface WireAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: unknown;
}

/** A request as it went out. */
export interface WireRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly form: URLSearchParams;
}

/** What is otherwise than it should be. */
export interface Change {
  readonly auth?: Readonly<Record<string, unknown>>;
  readonly person?: Partial<LeasePrincipal>;
  /** The answer that gives the access token; of the provider with `at: 'provider'`. */
  readonly answer?: (good: WireAnswer, request: WireRequest) => WireAnswer | Error;
  readonly at?: 'provider';
  /** Claims and header of the token that stands for the person; null: they have no sign-in. */
  readonly signIn?: Readonly<Record<string, unknown>> | null;
  /** False: identity does not vouch for them. */
  readonly vouched?: false;
  readonly grant?: { readonly header?: object; readonly claims?: object };
  readonly secret?: string | undefined;
}

/** 2026-11-21, in seconds. */
export const NOW = 1_795_000_000;
/** Where each adapter's tokens come from. */
export const ISSUERS: Readonly<Record<DelegationType, string>> = {
  TokenExchange: 'https://sts.example',
  EntraOnBehalfOf: 'https://login.example/tid',
  IdentityAssertion: 'https://as.example',
};
/** The provider at which people sign in for ID-JAG. */
export const PROVIDER = 'https://idp.example';
const TYPE = 'urn:ietf:params:oauth:token-type:';

const AUTH: Readonly<Record<DelegationType, Readonly<Record<string, unknown>>>> = {
  TokenExchange: { audience: 'crm-api', scopes: ['crm.read'], clientId: 'gateway' },
  EntraOnBehalfOf: { scopes: ['api://crm/.default'], clientId: 'gateway' },
  IdentityAssertion: {
    audience: ISSUERS.IdentityAssertion,
    scopes: ['crm.read'],
    clientId: 'at-as',
    identityIssuer: PROVIDER,
  },
};

/** Somebody who calls through a key. */
export const DANA: LeasePrincipal = { tenant: 'acme', id: 'key:k1', user: 'dana', teams: [], keyId: 'k1', actors: [] };

/** A JWT with these parts and no signature worth the name. */
export function jwt(header: object, claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part(header)}.${part(claims)}.c2ln`;
}

/** A tool server with an adapter, every peer of it in this process. */
export function delegationHouse(type: DelegationType, change: Change = {}, guards?: DelegationGuards) {
  const requests: WireRequest[] = [];
  const records: string[] = [];
  const asked: string[] = [];
  const challenges: string[] = [];
  const cache = createTokenCache();
  /** `well`: as if nothing were changed. */
  const now = { known: true, well: false, signedOut: new Set<string>() };
  const changes = () => (now.well ? {} : change);
  let given = 0;
  const issuer = ISSUERS[type];
  const auth: Readonly<Record<string, unknown>> = { type, issuer, ...AUTH[type], ...change.auth };
  const server: GrantRecord = {
    kind: 'ToolServer',
    uid: 'u1',
    resourceName: 'crm',
    ref: { name: 'crm', key: 'secret' },
    origin: 'https://tools.example:443',
    owners: [],
    auth,
    url: 'https://tools.example/mcp',
    allowPrivate: false,
  };

  const fetchFor =
    () =>
    async (url: string, init: FetchInit = {}) => {
      if (url.includes('/.well-known/')) {
        return Response.json({ issuer, token_endpoint: `${issuer}/token` });
      }
      const form = new URLSearchParams(String(init.body ?? ''));
      const request = { url, headers: Object.fromEntries(new Headers(init.headers).entries()), form };
      requests.push(request);
      const provider = url.startsWith(PROVIDER);
      const good = { status: 200, type: 'application/json', body: provider ? grantBody(form) : tokenBody(form) };
      const { at, answer: instead } = changes();
      const changed = (at === 'provider') === provider ? instead?.(good, request) : undefined;
      if (changed instanceof Error) throw changed;
      const answer = changed ?? good;
      const text = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body);
      return new Response(text, { status: answer.status, headers: { 'content-type': answer.type } });
    };
  const tokenBody = (form: URLSearchParams) => ({
    access_token: `token-${++given}`,
    token_type: 'Bearer',
    expires_in: 3600,
    ...(form.get('requested_token_type') === null ? {} : { issued_token_type: form.get('requested_token_type') }),
  });
  const grantBody = (form: URLSearchParams) => ({
    access_token: jwt(
      { alg: 'ES256', typ: 'oauth-id-jag+jwt', ...changes().grant?.header },
      {
        iss: PROVIDER,
        aud: form.get('audience'),
        sub: 'sub-of-dana',
        client_id: 'at-as',
        resource: form.get('resource'),
        jti: 'j1',
        iat: NOW,
        exp: NOW + 300,
        ...changes().grant?.claims,
      },
    ),
    issued_token_type: `${TYPE}id-jag`,
    token_type: 'N_A',
    expires_in: 300,
  });

  const signInAt = (at: string): KeptSignIn => {
    const forUs = {
      aud: 'gateway',
      sub: 'sub-of-dana',
      iss: at,
      exp: NOW + 300,
      iat: NOW,
      scp: 'access',
      ...change.signIn,
    };
    return {
      provider: 'people',
      accessToken: jwt({ alg: 'RS256', typ: 'JWT' }, { ...forUs, use: 'access' }),
      idToken: jwt({ alg: 'RS256', typ: 'JWT' }, { ...forUs, use: 'id' }),
      client: { clientId: 'gateway', secret: 'secret-at-provider' },
      as: { issuer: at, token_endpoint: `${at}/token` },
      allowPrivate: false,
    };
  };
  const lease = createDelegation({
    http: { fetchFor },
    discovery: createDiscovery({ fetchFor }),
    subjects: createSubjects({
      identity: {
        async assert({ principal, audience }) {
          if (changes().vouched === false) throw new GatewayError('permission_denied', 'not vouched for');
          const token = jwt({ typ: 'JWT', alg: 'ES256' }, { sub: principal.user, aud: audience });
          return { token };
        },
      },
      signIns: {
        async find({ server: of }, at) {
          if (changes().signIn === null) throw noSignIn(of.resourceName, 'people');
          return signInAt(at);
        },
        stands: async (_tenant, { user }) => !now.signedOut.has(user),
        challenged: async ({ person }, at, claims) => void challenges.push(`${person.user} ${at} ${claims}`),
      },
    }),
    ...(guards === undefined ? {} : { guards }),
    now: () => NOW * 1000,
    cache,
    known: () => now.known,
    listen: async () => undefined,
    secretOf: async () => ('secret' in changes() ? changes().secret : 'secret-of-crm'),
    signInLink: (tenant, provider) => `https://gateway.example/${tenant}/${provider}`,
    onAsked: (of, outcome) => void asked.push(`${of} ${outcome}`),
    record: async (_tenant, { bytes }) => void records.push(Buffer.from(bytes).toString('latin1')),
    log: createLogger({ service: 'vault', write: () => undefined }),
  });
  return {
    requests,
    records,
    asked,
    challenges,
    cache,
    now,
    /** Leases as the broker asks for it; gives the token, or throws. */
    lease: (person: Partial<LeasePrincipal> = {}, of: Partial<GrantRecord> = {}, refused = '') =>
      lease(
        'acme',
        { ...server, ...of },
        {
          tenant: 'acme',
          ref: undefined,
          kind: 'ToolServer',
          uid: 'u1',
          origin: server.origin,
          principal: { ...DANA, ...changes().person, ...person },
          refused,
        },
      ),
    auth,
  };
}

/** What came of an attempt: `accepted`, or the code and what it names. */
export async function outcomeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'accepted';
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    const { guard, oauth, missing } = error.details ?? {};
    return [error.code, missing, oauth, guard].filter((one) => one !== undefined).join(' ');
  }
}
