import { createHash, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { createRemoteJWKSet, decodeJwt, jwtVerify, SignJWT } from 'jose';
import type { TokenFacts } from './authorization-server.ts';
import type { FakeIdentityProvider, FakePerson } from './identity-provider.ts';
import { listen, type RecordedRequest, recordRequest } from './listening.ts';

/** Somebody whom we are a client of. */
export interface FakeClientFacts {
  readonly clientId: string;
  readonly clientSecret: string;
}

/** A server that gives access tokens for tokens about people. */
export interface FakeExchange extends FakeClientFacts {
  readonly issuer: string;
  /** Every request, in order of arrival. */
  readonly requests: RecordedRequest[];
  /** What an access token of it stands for. */
  holder(token: string): (TokenFacts & { readonly act?: unknown }) | undefined;
  /** Refuses all exchanges by this error from now on; undefined: no more. */
  refuse(error: string | undefined): void;
  close(): Promise<void>;
}

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const TYPE = 'urn:ietf:params:oauth:token-type:';
const MINUTES = 60;

type Exchange = (
  form: URLSearchParams,
) => Promise<
  { readonly facts: Omit<TokenFacts, 'clientId' | 'expiresAtMs'> & object; readonly type?: string } | string
>;

/**
 * A security token service (RFC 8693) that trusts one issuer by its published keys, and gives tokens for whatever resource is
 * asked for.
 */
export function startTokenService(trusted: () => string): Promise<FakeExchange> {
  return startExchange('sts', async (form) => {
    if (form.get('grant_type') !== EXCHANGE) return 'unsupported_grant_type';
    const asked = form.get('requested_token_type') === `${TYPE}access_token`;
    if (!asked || form.get('subject_token_type') !== `${TYPE}jwt`) return 'invalid_request';
    const keys = createRemoteJWKSet(new URL(`${trusted()}/jwks`));
    const verified = await jwtVerify(form.get('subject_token') ?? '', keys, {
      issuer: trusted(),
      audience: form.get('issuer') ?? '',
      algorithms: ['ES256'],
    }).catch(() => undefined);
    if (verified === undefined) return 'invalid_grant';
    const { sub = '', act } = verified.payload;
    return {
      facts: { user: sub, act, resource: form.get('resource') ?? '', scopes: scopesOf(form) },
      type: `${TYPE}access_token`,
    };
  });
}

/** The authorization server of a resource that takes ID-JAGs of one provider, each once. */
export function startAssertedServer(provider: () => FakeWorkforce): Promise<FakeExchange> {
  const seen = new Set<string>();
  return startExchange('as', async (form, self) => {
    if (form.get('grant_type') !== BEARER) return 'unsupported_grant_type';
    const verified = await provider().verified(form.get('assertion') ?? '', 'oauth-id-jag+jwt', self.issuer);
    const { jti = '', sub = '', resource = '', client_id: clientId, scope = '' } = verified ?? {};
    if (verified === undefined || clientId !== self.clientId || seen.has(jti)) return 'invalid_grant';
    seen.add(jti);
    return { facts: { user: sub, resource: String(resource), scopes: String(scope).split(' ') } };
  });
}

async function startExchange(
  name: string,
  exchange: (form: URLSearchParams, self: FakeExchange) => ReturnType<Exchange>,
): Promise<FakeExchange> {
  const requests: RecordedRequest[] = [];
  const given = new Map<string, TokenFacts & { readonly act?: unknown }>();
  let refusal: string | undefined;
  const listening = await listen(async (req, res) => {
    const request = await recordRequest(req);
    requests.push(request);
    if (request.path.startsWith('/.well-known/')) {
      return send(res, 200, { issuer: self.issuer, token_endpoint: `${self.issuer}/token` });
    }
    const form = new URLSearchParams(request.body);
    if (!isClient(request, form, self)) return send(res, 401, { error: 'invalid_client' });
    form.set('issuer', self.issuer);
    const answer = refusal ?? (await exchange(form, self));
    if (typeof answer === 'string') return send(res, 400, { error: answer, error_description: 'no <b>way</b>' });
    const token = `${name}-${secret()}`;
    given.set(token, { ...answer.facts, clientId: self.clientId, expiresAtMs: Date.now() + MINUTES * 60_000 });
    const type = answer.type === undefined ? {} : { issued_token_type: answer.type };
    send(res, 200, { access_token: token, token_type: 'Bearer', expires_in: MINUTES * 60, ...type });
  }, {});
  const self: FakeExchange = {
    issuer: listening.url,
    clientId: `gateway-at-${name}`,
    clientSecret: `secret of the gateway at ${name}`,
    requests,
    holder: (token) => given.get(token),
    refuse(error) {
      refusal = error;
    },
    close: listening.close,
  };
  return self;
}

/** An identity provider that gives more for a sign-in: on behalf of people, and by identity assertions. */
export interface FakeWorkforce extends FakeIdentityProvider, Pick<FakeExchange, 'requests' | 'holder' | 'refuse'> {
  /** Claims of a JWT of this provider, of a type and for an audience. */
  verified(
    token: string,
    type: string,
    audience: string,
  ): Promise<(Readonly<Record<string, unknown>> & { jti?: string; sub?: string }) | undefined>;
  /** Resources by the scope that stands for each. */
  readonly resources: Map<string, string>;
  /** Client ids at other servers that it gives ID-JAGs for, by the issuer of each. */
  readonly clients: Map<string, string>;
  /** Seconds that access and ID tokens live. */
  lifetimeS: number;
  /** From now on nothing is given on behalf of who has not signed in with this `claims` parameter; undefined: no more. */
  challenge(claims: string | undefined): void;
  /** Whether a refresh token is good until the next one was shown: answers may get lost. */
  refreshGrace: boolean;
  /** What was shown although it had been used up. */
  readonly replays: { codes: number; refreshTokens: number };
  /** Ends all sessions, so that none is refreshed any more. */
  endSessions(): void;
}

/** A sign-in as it was asked for. */
interface Session {
  readonly login: string;
  readonly nonce: string;
  readonly claims: string;
  /** Refresh token in the place of which it was given. */
  readonly before?: string | undefined;
}

/**
 * A provider that speaks what is documented of Microsoft Entra ID's on-behalf-of wire, and ID-JAG beside it. It is no Entra ID:
 * what that does and does not say of it, it cannot know.
 */
export async function startWorkforce(
  redirectUris: readonly string[],
  people: Readonly<Record<string, FakePerson>>,
): Promise<FakeWorkforce> {
  const known = new Map(Object.entries(people));
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const codes = new Map<string, Session & { readonly challenge: string }>();
  const sessions = new Map<string, Session>();
  const given = new Map<string, TokenFacts>();
  const spent = new Set<string>();
  const requests: RecordedRequest[] = [];
  let refusal: string | undefined;
  let demanded: string | undefined;

  const signed = (claims: object, audience: string, typ = 'JWT', seconds = self.lifetimeS) =>
    new SignJWT({ jti: secret(), ...claims })
      .setProtectedHeader({ alg: 'ES256', typ, kid: 'w1' })
      .setIssuer(self.issuer)
      .setAudience(audience)
      .setIssuedAt()
      .setExpirationTime(`${seconds}s`)
      .sign(privateKey as KeyObject);
  const verified: FakeWorkforce['verified'] = async (token, typ, audience) => {
    const options = { issuer: self.issuer, audience, typ, algorithms: ['ES256'] };
    return (await jwtVerify(token, publicKey, options).catch(() => undefined))?.payload;
  };

  const tokensOf = async (session: Session) => {
    const { sub, email, emailVerified = true, groups = [] } = known.get(session.login) as FakePerson;
    const refresh = `refresh-${secret()}`;
    sessions.set(refresh, session);
    const person = { sub, email, email_verified: emailVerified, name: session.login, groups };
    return {
      token_type: 'Bearer',
      expires_in: self.lifetimeS,
      scope: 'openid profile email offline_access',
      access_token: await signed(
        { sub, scp: 'access_as_user', azp: self.clientId, met: session.claims },
        self.clientId,
      ),
      id_token: await signed({ ...person, nonce: session.nonce }, self.clientId),
      refresh_token: refresh,
    };
  };
  const redeem = async (form: URLSearchParams) => {
    const shown = form.get('code') ?? '';
    const code = codes.get(shown);
    codes.delete(shown);
    if (spent.has(shown)) self.replays.codes += 1;
    spent.add(shown);
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url');
    return code === undefined || code.challenge !== challenge ? 'invalid_grant' : await tokensOf(code);
  };
  const refresh = async (form: URLSearchParams) => {
    const shown = form.get('refresh_token') ?? '';
    const session = sessions.get(shown);
    if (spent.has(shown)) self.replays.refreshTokens += 1;
    if (session === undefined) return 'invalid_grant';
    for (const gone of [session.before, self.refreshGrace ? undefined : shown]) {
      if (gone !== undefined && sessions.delete(gone)) spent.add(gone);
    }
    return await tokensOf({ ...session, before: shown });
  };
  const onBehalfOf = async (form: URLSearchParams) => {
    if (form.get('requested_token_use') !== 'on_behalf_of') return 'invalid_request';
    const person = await verified(form.get('assertion') ?? '', 'JWT', self.clientId);
    const resource = self.resources.get(form.get('scope') ?? '');
    if (person?.scp === undefined) return 'invalid_grant';
    if (demanded !== undefined && person.met !== demanded) return 'interaction_required';
    if (resource === undefined) return 'invalid_scope';
    const token = await signed({ sub: person.sub, azp: self.clientId, scp: 'use' }, resource);
    const expiresAtMs = Date.now() + self.lifetimeS * 1_000;
    given.set(token, {
      user: String(person.sub),
      clientId: self.clientId,
      scopes: scopesOf(form),
      resource,
      expiresAtMs,
    });
    return {
      token_type: 'Bearer',
      scope: form.get('scope'),
      expires_in: self.lifetimeS,
      ext_expires_in: 1,
      access_token: token,
    };
  };
  const assertion = async (form: URLSearchParams) => {
    const person = await verified(form.get('subject_token') ?? '', 'JWT', self.clientId);
    const [audience, resource] = [form.get('audience') ?? '', form.get('resource') ?? ''];
    const clientId = self.clients.get(audience);
    if (form.get('requested_token_type') !== `${TYPE}id-jag` || person === undefined) return 'invalid_grant';
    if (clientId === undefined) return 'invalid_target';
    const claims = { sub: person.sub, client_id: clientId, resource, scope: form.get('scope') ?? '' };
    const grant = await signed(claims, audience, 'oauth-id-jag+jwt', 300);
    return { issued_token_type: `${TYPE}id-jag`, token_type: 'N_A', access_token: grant, expires_in: 300 };
  };

  const listening = await listen(async (req, res) => {
    const request = await recordRequest(req);
    requests.push(request);
    if (request.path === '/jwks') {
      const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'w1', alg: 'ES256', use: 'sig' };
      return send(res, 200, { keys: [jwk] });
    }
    if (request.path.startsWith('/.well-known/')) {
      const at = (path: string) => `${self.issuer}${path}`;
      const methods = ['client_secret_post', 'client_secret_basic'];
      const places = { authorization_endpoint: at('/authorize'), token_endpoint: at('/token'), jwks_uri: at('/jwks') };
      const more = { response_types_supported: ['code'], code_challenge_methods_supported: ['S256'] };
      return send(res, 200, {
        issuer: self.issuer,
        ...places,
        ...more,
        id_token_signing_alg_values_supported: ['ES256'],
        token_endpoint_auth_methods_supported: methods,
      });
    }
    const form = new URLSearchParams(request.body);
    if (!isClient(request, form, self)) return send(res, 401, { error: 'invalid_client' });
    const grant = form.get('grant_type') ?? '';
    const wanted = { authorization_code: redeem, refresh_token: refresh, [BEARER]: onBehalfOf, [EXCHANGE]: assertion }[
      grant
    ];
    const refused = grant === BEARER || grant === EXCHANGE ? refusal : undefined;
    const answer = refused ?? (await wanted?.(form)) ?? 'unsupported_grant_type';
    if (typeof answer !== 'string') return send(res, 200, answer);
    const challenge = answer === 'interaction_required' ? { claims: demanded ?? '{"access_token":{}}' } : {};
    send(res, 400, {
      error: answer,
      error_description: 'AADSTS50079: a stranger says',
      error_codes: [50_079],
      ...challenge,
    });
  }, {});

  const self: FakeWorkforce = {
    issuer: listening.url,
    clientId: 'gateway-at-work',
    clientSecret: 'secret of the gateway at the provider',
    people: known,
    requests,
    resources: new Map(),
    clients: new Map(),
    lifetimeS: 3_600,
    refreshGrace: false,
    replays: { codes: 0, refreshTokens: 0 },
    verified,
    holder: (token) => given.get(token),
    endSessions: () => sessions.clear(),
    challenge(claims) {
      demanded = claims;
    },
    refuse(error) {
      refusal = error;
    },
    async signIn(url, login) {
      const asked = new URL(url).searchParams;
      const back = new URL(asked.get('redirect_uri') ?? '');
      if (!redirectUris.includes(back.href)) throw new Error(`not registered: ${back.href}`);
      const code = `code-${secret()}`;
      const [nonce, challenge] = [asked.get('nonce') ?? '', asked.get('code_challenge') ?? ''];
      codes.set(code, { login, nonce, challenge, claims: asked.get('claims') ?? '' });
      back.searchParams.set('code', code);
      back.searchParams.set('state', asked.get('state') ?? '');
      return back.href;
    },
    close: listening.close,
  };
  return self;
}

/** Claims of a JWT that a fake gave or got, unverified. */
export const claimsOf = (token: string) => decodeJwt(token) as Readonly<Record<string, unknown>>;

function isClient({ headers }: RecordedRequest, form: URLSearchParams, { clientId, clientSecret }: FakeClientFacts) {
  const basic = /^Basic (.+)$/.exec(headers.authorization ?? '')?.[1];
  if (basic === undefined) return form.get('client_id') === clientId && form.get('client_secret') === clientSecret;
  // Form encoding, RFC 6749 §2.3.1.
  const [id, own] = Buffer.from(basic, 'base64')
    .toString()
    .split(':')
    .map((part) => new URLSearchParams(`a=${part}`).get('a'));
  return id === clientId && own === clientSecret;
}

function scopesOf(form: URLSearchParams): string[] {
  return (form.get('scope') ?? '').split(' ').filter(Boolean);
}

function secret(): string {
  return randomBytes(18).toString('base64url');
}

function send(res: ServerResponse, status: number, body: object): void {
  res.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(JSON.stringify(body));
}
