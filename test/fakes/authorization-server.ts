import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type ListenOptions, listen, type RecordedRequest, recordRequest } from './listening.ts';

/** What a token of the fake stands for. */
export interface TokenFacts {
  readonly user: string;
  readonly clientId: string;
  readonly scopes: readonly string[];
  /** What it was asked for (RFC 8707). */
  readonly resource: string;
  readonly expiresAtMs: number;
}

/** Ways to answer wrongly, and what is announced; tests change them while it runs. */
export interface AuthorizationFaults {
  /** Laid over the metadata; undefined takes a member away. */
  metadata: Record<string, unknown>;
  /** How the metadata is answered. */
  metadataAnswer: 'well' | 'oversized' | 'slow' | 'dripping' | 'redirected';
  /** `iss` of authorization answers: its own, none, or another. */
  iss: 'own' | 'none' | string;
  /** Seconds that an access token lives. */
  lifetimeS: number;
  /** Milliseconds before a token request is answered, when its effect is there already. */
  tokenDelayMs: number;
  /** What becomes of token requests: answered, done but never answered, or refused by this error code. */
  token: 'well' | 'cut' | 'status-500' | string;
  /** A refresh token still works until its successor was used, as servers do whose answers may get lost. */
  refreshGrace: boolean;
  /** Gives no refresh tokens. */
  noRefreshTokens: boolean;
}

/** An OAuth authorization server under a test's control: RFC 8414, 7591, 7009, 9207, PKCE, rotation of refresh tokens. */
export interface FakeAuthorizationServer {
  readonly issuer: string;
  /** Every HTTP request, in order of arrival. */
  readonly requests: RecordedRequest[];
  readonly faults: AuthorizationFaults;
  /** How often something happened that an honest client never does: a code or a spent refresh token brought again. */
  readonly replays: { codes: number; refreshTokens: number };
  /** Refreshes that were granted, to all or in the name of one person. */
  readonly refreshes: (user?: string) => number;
  /** Follows an authorization URL as the browser of somebody who allows it; where the browser is sent back to. */
  signIn(authorizationUrl: string, user: string, decision?: 'allow' | 'deny'): Promise<URL>;
  /** What an access token stands for now. */
  holder(token: string): TokenFacts | undefined;
  /** Ends all access tokens that are out; refresh tokens stay. */
  expireAccess(): void;
  /** Takes back all that a person allowed. */
  endGrants(user: string): void;
  /** Forgets clients that registered. */
  forgetClients(): void;
  /** Makes a client known beforehand. */
  addClient(clientId: string, client: FakeClient): void;
  close(): Promise<void>;
}

/** A client that the fake knows. */
export interface FakeClient {
  readonly redirectUris: readonly string[];
  /** Undefined: it proves itself by nothing. */
  readonly secret?: string | undefined;
}

interface Grant {
  readonly user: string;
  readonly clientId: string;
  readonly resource: string;
  readonly scopes: readonly string[];
  ended: boolean;
}
interface Code {
  readonly grant: Grant;
  readonly redirectUri: string;
  readonly challenge: string;
  used: boolean;
}
interface RefreshToken {
  readonly grant: Grant;
  /** Its successor, once it was used. */
  next?: string;
  used: boolean;
}

const secret = () => randomBytes(24).toString('base64url');
const HUGE = 'x'.repeat(2 * 1024 * 1024);

/** Starts one. Clients may also be known by a metadata document, read by `documentAt` (default: fetched). */
export async function startAuthorizationServer(
  options: ListenOptions & { readonly documentAt?: (url: string) => Promise<unknown> } = {},
): Promise<FakeAuthorizationServer> {
  const requests: RecordedRequest[] = [];
  const registered = new Map<string, FakeClient>();
  const codes = new Map<string, Code>();
  const access = new Map<string, { readonly grant: Grant; readonly facts: TokenFacts }>();
  const refresh = new Map<string, RefreshToken>();
  const replays = { codes: 0, refreshTokens: 0 };
  /** In whose name tokens were refreshed. */
  const refreshed: string[] = [];
  const faults: AuthorizationFaults = {
    metadata: {},
    metadataAnswer: 'well',
    iss: 'own',
    lifetimeS: 3_600,
    tokenDelayMs: 0,
    token: 'well',
    refreshGrace: false,
    noRefreshTokens: false,
  };
  const documentAt = options.documentAt ?? (async (url: string) => (await fetch(url)).json() as Promise<unknown>);

  const clientOf = async (id: string): Promise<FakeClient | undefined> => {
    if (registered.has(id) || !/^https?:/.test(id)) return registered.get(id);
    const document = (await documentAt(id)) as { client_id?: string; redirect_uris?: string[] };
    return document.client_id === id ? { redirectUris: document.redirect_uris ?? [] } : undefined;
  };
  const metadata = () => {
    const all = {
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      registration_endpoint: `${issuer}/register`,
      revocation_endpoint: `${issuer}/revoke`,
      response_types_supported: ['code'],
      grant_types_supported: ['authorization_code', 'refresh_token'],
      code_challenge_methods_supported: ['S256'],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'none'],
      authorization_response_iss_parameter_supported: true,
      ...faults.metadata,
    };
    return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  };

  const tokensFor = (grant: Grant) => {
    const [token, next] = [`at-${secret()}`, `rt-${secret()}`];
    const { user, clientId, scopes, resource } = grant;
    const expiresAtMs = Date.now() + faults.lifetimeS * 1_000;
    access.set(token, { grant, facts: { user, clientId, scopes, resource, expiresAtMs } });
    if (!faults.noRefreshTokens) refresh.set(next, { grant, used: false });
    return {
      next,
      body: {
        access_token: token,
        token_type: 'Bearer',
        expires_in: faults.lifetimeS,
        scope: scopes.join(' '),
        ...(faults.noRefreshTokens ? {} : { refresh_token: next }),
      },
    };
  };

  const redeem = (clientId: string, form: URLSearchParams): object | string => {
    const code = codes.get(form.get('code') ?? '');
    if (code === undefined || code.grant.clientId !== clientId) return 'invalid_grant';
    if (code.used) {
      // RFC 6749 §4.1.2: what came of the first use ends as well.
      replays.codes++;
      code.grant.ended = true;
      return 'invalid_grant';
    }
    code.used = true;
    const verified = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url');
    if (verified !== code.challenge || form.get('redirect_uri') !== code.redirectUri) return 'invalid_grant';
    if (form.get('resource') !== code.grant.resource) return 'invalid_target';
    return tokensFor(code.grant).body;
  };

  const renew = (clientId: string, form: URLSearchParams): object | string => {
    const held = refresh.get(form.get('refresh_token') ?? '');
    if (held === undefined || held.grant.ended || held.grant.clientId !== clientId) return 'invalid_grant';
    if (form.get('resource') !== held.grant.resource) return 'invalid_target';
    const spent = held.used && !(faults.refreshGrace && refresh.get(held.next ?? '')?.used === false);
    if (spent) {
      replays.refreshTokens++;
      held.grant.ended = true;
      return 'invalid_grant';
    }
    refreshed.push(held.grant.user);
    const { next, body } = tokensFor(held.grant);
    held.used = true;
    held.next = next;
    return body;
  };

  const token = async (request: RecordedRequest, res: ServerResponse): Promise<void> => {
    const form = new URLSearchParams(request.body);
    const [id, given] = credentialsOf(request, form);
    if (faults.token === 'status-500') return send(res, 500, { error: 'server_error' });
    if (faults.token !== 'well' && faults.token !== 'cut') return send(res, 400, { error: faults.token });
    const client = await clientOf(id);
    if (client === undefined || client.secret !== given) return send(res, 401, { error: 'invalid_client' });
    const answer = form.get('grant_type') === 'refresh_token' ? renew(id, form) : redeem(id, form);
    if (faults.tokenDelayMs > 0) await new Promise((resolve) => setTimeout(resolve, faults.tokenDelayMs));
    if (faults.token === 'cut') return void res.destroy();
    if (typeof answer === 'string') send(res, 400, { error: answer });
    else send(res, 200, answer);
  };

  const authorize = async (url: URL, user: string, decision: string, res: ServerResponse): Promise<void> => {
    const asked = (name: string) => url.searchParams.get(name) ?? '';
    const client = await clientOf(asked('client_id'));
    const redirectUri = asked('redirect_uri');
    if (client === undefined || !client.redirectUris.includes(redirectUri)) {
      return send(res, 400, { error: 'unknown client or redirect URI' });
    }
    const back = new URL(redirectUri);
    back.searchParams.set('state', asked('state'));
    if (faults.iss !== 'none') back.searchParams.set('iss', faults.iss === 'own' ? issuer : faults.iss);
    const bad = asked('code_challenge_method') !== 'S256' || asked('resource') === '';
    if (bad || decision === 'deny') back.searchParams.set('error', bad ? 'invalid_request' : 'access_denied');
    else {
      const scopes = asked('scope').split(' ').filter(Boolean);
      const grant = { user, clientId: asked('client_id'), resource: asked('resource'), scopes, ended: false };
      const code = `code-${secret()}`;
      codes.set(code, { grant, redirectUri, challenge: asked('code_challenge'), used: false });
      back.searchParams.set('code', code);
    }
    res.writeHead(302, { location: back.href }).end();
  };

  const register = (request: RecordedRequest, res: ServerResponse): void => {
    const { redirect_uris: redirectUris = [], token_endpoint_auth_method: method } = request.json as {
      redirect_uris?: string[];
      token_endpoint_auth_method?: string;
    };
    const [id, own] = [`client-${secret()}`, method === 'none' ? undefined : secret()];
    registered.set(id, { redirectUris, secret: own });
    const kept = { client_id: id, redirect_uris: redirectUris, token_endpoint_auth_method: method };
    send(res, 201, own === undefined ? kept : { ...kept, client_secret: own, client_secret_expires_at: 0 });
  };

  const serve = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
    const request = await recordRequest(req);
    requests.push(request);
    const url = new URL(request.path, issuer);
    if (url.pathname.startsWith('/.well-known/')) {
      if (url.pathname !== '/.well-known/oauth-authorization-server') return send(res, 404, {});
      if (faults.metadataAnswer === 'slow') return;
      if (faults.metadataAnswer === 'dripping') return drip(res);
      if (faults.metadataAnswer === 'redirected') {
        return void res.writeHead(302, { location: `${issuer}/elsewhere` }).end();
      }
      return send(res, 200, faults.metadataAnswer === 'oversized' ? { ...metadata(), HUGE } : metadata());
    }
    if (url.pathname === '/elsewhere') return send(res, 200, metadata());
    if (url.pathname === '/authorize') {
      return await authorize(url, request.headers['x-user'] ?? '', request.headers['x-decision'] ?? '', res);
    }
    if (url.pathname === '/token') return await token(request, res);
    if (url.pathname === '/register') return register(request, res);
    if (url.pathname === '/revoke') {
      const held = refresh.get(new URLSearchParams(request.body).get('token') ?? '');
      if (held !== undefined) held.grant.ended = true;
      return void res.writeHead(200).end();
    }
    send(res, 404, {});
  };
  const listening = await listen((req, res) => void serve(req, res).catch(() => res.destroy()), options);
  const issuer = listening.url;

  return {
    issuer,
    requests,
    faults,
    replays,
    refreshes: (user) => refreshed.filter((one) => user === undefined || one === user).length,
    async signIn(authorizationUrl, user, decision = 'allow') {
      const headers = { 'x-user': user, 'x-decision': decision };
      const answer = await fetch(authorizationUrl, { redirect: 'manual', headers });
      const location = answer.headers.get('location');
      if (location === null) throw new Error(`no way back: ${answer.status} ${await answer.text()}`);
      return new URL(location);
    },
    holder(held) {
      const found = access.get(held);
      return found === undefined || found.grant.ended || found.facts.expiresAtMs < Date.now() ? undefined : found.facts;
    },
    expireAccess: () => access.clear(),
    endGrants(user) {
      for (const { grant } of [...refresh.values(), ...access.values()]) if (grant.user === user) grant.ended = true;
    },
    forgetClients: () => registered.clear(),
    addClient: (id, client) => void registered.set(id, client),
    close: listening.close,
  };
}

function credentialsOf(request: RecordedRequest, form: URLSearchParams): [id: string, given: string | undefined] {
  const basic = /^Basic (.+)$/.exec(request.headers.authorization ?? '')?.[1];
  if (basic === undefined) return [form.get('client_id') ?? '', form.get('client_secret') ?? undefined];
  const [id = '', given = ''] = Buffer.from(basic, 'base64').toString().split(':').map(decodeURIComponent);
  return [id, given];
}

function send(res: ServerResponse, status: number, body: object): void {
  res.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(JSON.stringify(body));
}

/** Never silent for long, and never at an end. */
function drip(res: ServerResponse): void {
  res.writeHead(200, { 'content-type': 'application/json' });
  const timer = setInterval(() => res.write(' '), 50);
  res.once('close', () => clearInterval(timer));
}
