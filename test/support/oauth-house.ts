import { createHash, randomBytes } from 'node:crypto';
import { freePort } from '@sallyport/cli/dev/ports';
import type { ServiceName } from '@sallyport/cli/dev/topology';
import { startIdentityProvider } from '../fakes/identity-provider.ts';
import { type Browser, browser, type Page } from './browser.ts';
import { type ResourceInit, suiteWith } from './suite.ts';

/** Where the client `editor` is sent back to. */
export const CALLBACK = 'https://editor.example.com/callback';
/** Secret of the client `agent`. */
export const SECRET = 'a client secret of at least thirty-two characters';

/** An authorization request that a client began. */
export interface Flow {
  readonly clientId: string;
  readonly verifier: string;
  readonly state: string;
  readonly url: string;
}

/** A suite with an OpenID provider of others, the clients `editor` and `agent`, and what clients and browsers do with them. */
export type OAuthHouse = Awaited<ReturnType<typeof oauthHouse>>;

/** What a house has beside. */
export interface OAuthHouseOptions {
  /** Beside those of the OAuth server and of /mcp. */
  readonly services?: readonly ServiceName[];
  readonly resources?: readonly ResourceInit[];
  /** More of the spec of the provider. */
  readonly provider?: object;
  /** Starts the provider; default an OpenID provider by a library of others. */
  readonly startProvider?: typeof startIdentityProvider;
  /** Laid over the configuration of services, by name. */
  readonly overrides?: Readonly<Record<string, object>>;
}

/** Starts the house; stop it by `end`. */
export async function oauthHouse(options: OAuthHouseOptions = {}) {
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}/oauth/default`;
  const callbacks = ['default', 'acme'].map((tenant) => `http://127.0.0.1:${port}/oauth/${tenant}/callback`);
  const { startProvider = startIdentityProvider } = options;
  const upstream = await startProvider(callbacks, {
    robin: { sub: 'u-1', email: 'robin@example.com', groups: ['desk'] },
    kim: { sub: 'u-2', email: 'kim@example.com' },
    other: { sub: 'u-3', email: 'robin@example.com' },
  });
  const provider = (namespace: string) => [
    { kind: 'Secret', name: 'idp', namespace, stringData: { secret: upstream.clientSecret } },
    {
      kind: 'IdentityProvider',
      name: 'people',
      namespace,
      spec: {
        type: 'OIDC',
        issuer: upstream.issuer,
        audiences: [`sallyport-${namespace}`],
        allowPrivateNetwork: true,
        client: { clientId: upstream.clientId, secretRef: { name: 'idp', key: 'secret' } },
        ...options.provider,
      },
    },
  ];
  const suite = await suiteWith(
    [
      ...provider('default'),
      ...provider('acme'),
      { kind: 'Secret', name: 'agent', stringData: { secret: SECRET } },
      {
        kind: 'Client',
        name: 'editor',
        spec: { displayName: 'The editor', redirectURIs: [CALLBACK], grants: ['AuthorizationCode', 'RefreshToken'] },
      },
      {
        kind: 'Client',
        name: 'agent',
        spec: {
          grants: ['ClientCredentials', 'TokenExchange'],
          authentication: 'client_secret_basic',
          secretRef: { name: 'agent', key: 'secret' },
          scopes: ['mcp'],
          mayExchange: { subjects: ['editor', 'people'], audiences: [`http://127.0.0.1:${port}/mcp`] },
        },
      },
      { kind: 'AccessPolicy', name: 'all', spec: { subjects: { everyone: true }, tools: ['*/*'], models: ['*'] } },
      ...(options.resources ?? []),
    ],
    {
      port,
      services: ['audit', 'vault', 'identity', 'operator', 'policy', 'mcp-broker', ...(options.services ?? [])],
      overrides: { 'mcp-broker': { catalog: { refreshInterval: '1s' } }, ...options.overrides },
    },
  );

  const flow = (more: Readonly<Record<string, string | undefined>> = {}): Flow => {
    const verifier = randomBytes(32).toString('base64url');
    const state = randomBytes(16).toString('base64url');
    const clientId = more.client_id ?? 'editor';
    const params = {
      client_id: clientId,
      response_type: 'code',
      redirect_uri: CALLBACK,
      scope: 'mcp',
      resource: `${suite.endpoint}/mcp`,
      state,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
      ...more,
    };
    const kept = Object.entries(params).filter((entry): entry is [string, string] => entry[1] !== undefined);
    const base = more.issuer ?? issuer;
    const query = new URLSearchParams(kept.filter(([name]) => name !== 'issuer'));
    return { clientId, verifier, state, url: `${base}/authorize?${query}` };
  };
  /** Signs in upstream; gives the consent page, or where a remembered consent led. */
  const signedIn = async (
    it: Flow,
    login = 'robin',
    on: Browser = browser(suite.endpoint),
  ): Promise<[Browser, Page]> => {
    let page = await on.open(it.url);
    // A provider that wants more of somebody has them come again.
    for (let turn = 0; turn < 2 && page.away?.startsWith(upstream.issuer); turn++) {
      page = await on.open(await upstream.signIn(page.away, login));
    }
    return [on, page];
  };
  const allowed = async (it: Flow, login = 'robin', on?: Browser): Promise<URL> => {
    const [window, page] = await signedIn(it, login, on);
    const end = page.away === undefined ? await window.submit(page, '/consent', { decision: 'allow' }) : page;
    return new URL(end.away ?? `about:blank#${end.status} ${end.markup.slice(0, 800)}`);
  };
  const post = async (path: string, fields: Readonly<Record<string, string>>, as?: string, at = issuer) => {
    const answer = await fetch(`${at}${path}`, {
      method: 'POST',
      headers: as === undefined ? {} : { authorization: `Basic ${Buffer.from(as).toString('base64')}` },
      body: new URLSearchParams(fields),
    });
    const text = await answer.text();
    return { status: answer.status, json: text === '' ? undefined : (JSON.parse(text) as Record<string, unknown>) };
  };
  const redeem = (it: Flow, code: string, more: Readonly<Record<string, string>> = {}) =>
    post('/token', {
      grant_type: 'authorization_code',
      client_id: it.clientId,
      code,
      redirect_uri: CALLBACK,
      code_verifier: it.verifier,
      ...more,
    });
  const tokens = async (login = 'robin') => {
    const it = flow();
    const { status, json } = await redeem(it, (await allowed(it, login)).searchParams.get('code') ?? '');
    if (status !== 200) throw new Error(`no tokens: ${status} ${JSON.stringify(json)}`);
    return json as { access_token: string; refresh_token: string };
  };
  const listTools = async (token: string) => {
    const answer = await fetch(`${suite.endpoint}/mcp`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} }),
    });
    return answer.status;
  };
  const claimsOf = (token: string) =>
    JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>;
  const untilRefused = async (look: () => Promise<number>) => {
    for (let turn = 0; turn < 60; turn += 1) {
      const status = await look();
      if (status === 401) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error('the token is still taken');
  };
  return {
    suite,
    upstream,
    issuer,
    flow,
    signedIn,
    allowed,
    post,
    redeem,
    tokens,
    listTools,
    claimsOf,
    untilRefused,
    async end() {
      await suite.end();
      await upstream.close();
    },
  };
}
