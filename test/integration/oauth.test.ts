import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { browser } from '../support/browser.ts';
import { CALLBACK, type OAuthHouse, oauthHouse, SECRET } from '../support/oauth-house.ts';

describe('the OAuth server', () => {
  let house: OAuthHouse;
  let suite: OAuthHouse['suite'];
  let upstream: OAuthHouse['upstream'];
  let issuer: string;

  beforeAll(async () => {
    house = await oauthHouse();
    ({ suite, upstream, issuer } = house);
  }, 120_000);
  afterAll(() => house?.end(), 60_000);

  const flow: OAuthHouse['flow'] = (...args) => house.flow(...args);
  const signedIn: OAuthHouse['signedIn'] = (...args) => house.signedIn(...args);
  const allowed: OAuthHouse['allowed'] = (...args) => house.allowed(...args);
  const post: OAuthHouse['post'] = (...args) => house.post(...args);
  const redeem: OAuthHouse['redeem'] = (...args) => house.redeem(...args);
  const tokens: OAuthHouse['tokens'] = (...args) => house.tokens(...args);
  const listTools: OAuthHouse['listTools'] = (...args) => house.listTools(...args);
  const claimsOf: OAuthHouse['claimsOf'] = (...args) => house.claimsOf(...args);
  const untilRefused: OAuthHouse['untilRefused'] = (...args) => house.untilRefused(...args);

  it('[oauth:metadata] says what it is at both well-known places', async () => {
    const at = async (url: string) => (await fetch(url)).json() as Promise<Record<string, unknown>>;
    const metadata = await at(`${suite.endpoint}/.well-known/oauth-authorization-server/oauth/default`);
    expect(metadata).toMatchObject({
      issuer,
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
      response_types_supported: ['code'],
      scopes_supported: ['mcp', 'models', 'admin', 'offline_access'],
      registration_endpoint: `${issuer}/register`,
      revocation_endpoint: `${issuer}/revoke`,
      introspection_endpoint: `${issuer}/introspect`,
      client_id_metadata_document_supported: true,
    });
    expect(await at(`${issuer}/.well-known/openid-configuration`)).toEqual(metadata);
    expect(await at(`${suite.endpoint}/.well-known/oauth-protected-resource/mcp`)).toMatchObject({
      authorization_servers: [issuer],
    });
    expect((await fetch(`${suite.endpoint}/oauth/nobody/jwks`)).status).toBe(404);
  });

  it('[oauth:flow] signs in upstream, asks, and gives a token that lists tools', async () => {
    const it = flow();
    const [window, page] = await signedIn(it);
    expect(page.markup).toContain('Allow The editor to act for you?');
    expect(page.markup).toContain('editor.example.com');
    expect(page.markup).toContain('robin@example.com');
    expect(page.markup).not.toContain('Unverified');
    expect(page.markup).not.toContain('<script');
    const { away } = await window.submit(page, '/consent', { decision: 'allow' });
    const answer = new URL(away ?? '');
    expect(answer.searchParams.get('iss')).toBe(issuer);
    expect(answer.searchParams.get('state')).toBe(it.state);
    const { status, json } = await redeem(it, answer.searchParams.get('code') ?? '');
    expect(status).toBe(200);
    const token = String(json?.access_token);
    expect(claimsOf(token)).toMatchObject({
      iss: issuer,
      aud: `${suite.endpoint}/mcp`,
      sub: 'user:robin@example.com',
      client_id: 'editor',
      scope: 'mcp',
      sid: expect.any(String),
    });
    expect(await listTools(token)).toBe(200);
  }, 20_000);

  it.each<[string, Record<string, string | undefined>]>([
    ['no challenge', { code_challenge: undefined, code_challenge_method: undefined }],
    ['the plain method', { code_challenge_method: 'plain' }],
    ['a challenge without a method', { code_challenge_method: undefined }],
    ['a token in the answer', { response_type: 'token' }],
    ['a resource of others', { resource: 'https://evil.example/mcp' }],
  ])('[oauth:pkce] sends a request with %s back with an error', async (_name, params) => {
    const { away } = await browser(suite.endpoint).open(flow(params).url);
    const answer = new URL(away ?? 'about:blank');
    expect(answer.origin).toBe('https://editor.example.com');
    // An answer to a request for a token comes in the fragment.
    const said = answer.hash === '' ? answer.searchParams : new URLSearchParams(answer.hash.slice(1));
    expect(said.get('error')).toMatch(/^(invalid_request|unsupported_response_type|invalid_target)$/);
    expect(said.get('iss')).toBe(issuer);
  });

  it.each([
    ['another path', 'https://editor.example.com/callback/'],
    ['another host', 'https://editor.example.com.evil.example/callback'],
    ['a query', 'https://editor.example.com/callback?x=1'],
    ['loopback', 'http://127.0.0.1/callback'],
  ])('[oauth:redirect] sends nobody back to %s of a client', async (_name, uri) => {
    const page = await browser(suite.endpoint).open(flow({ redirect_uri: uri }).url);
    expect([page.away, page.status]).toEqual([undefined, 400]);
  });

  it('[oauth:pkce] takes no code with another verifier, and none at all', async () => {
    const it = flow();
    const code = (await allowed(it)).searchParams.get('code') ?? '';
    expect((await redeem(it, code, { code_verifier: 'x'.repeat(43) })).json).toMatchObject({ error: 'invalid_grant' });
    expect((await redeem(it, code, { code_verifier: '' })).status).toBe(400);
    expect((await redeem(it, code, { redirect_uri: 'https://editor.example.com/other' })).status).toBe(400);
  }, 20_000);

  it('[oauth:code-once] takes a code once, and ends what it gave when it comes again', async () => {
    const it = flow();
    const code = (await allowed(it)).searchParams.get('code') ?? '';
    const all = await Promise.all(Array.from({ length: 5 }, () => redeem(it, code)));
    expect(all.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1);
    expect((await redeem(it, code)).json).toMatchObject({ error: 'invalid_grant' });
    const token = all.find(({ status }) => status === 200)?.json?.access_token;
    if (token !== undefined) await untilRefused(() => listTools(String(token)));
  }, 30_000);

  it('[oauth:refresh] rotates refresh tokens, and ends the family when one is used again', async () => {
    const first = await tokens();
    const refresh = (token: string) =>
      post('/token', { grant_type: 'refresh_token', client_id: 'editor', refresh_token: token });
    const second = (await refresh(first.refresh_token)).json as { access_token: string; refresh_token: string };
    expect(second.refresh_token).not.toBe(first.refresh_token);
    expect(await listTools(second.access_token)).toBe(200);
    expect((await refresh(first.refresh_token)).json).toMatchObject({ error: 'invalid_grant' });
    const startedAt = performance.now();
    await untilRefused(() => listTools(second.access_token));
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    expect((await refresh(second.refresh_token)).json).toMatchObject({ error: 'invalid_grant' });
  }, 30_000);

  it('[oauth:consent] asks once for a declared client, and takes no for an answer', async () => {
    const it = flow({ scope: 'tool:mail/*', resource: `${suite.endpoint}/mcp` });
    const [window, page] = await signedIn(it, 'kim');
    const denied = new URL((await window.submit(page, '/consent', { decision: 'deny' })).away ?? '');
    expect(denied.searchParams.get('error')).toBe('access_denied');
    await allowed(flow({ scope: 'tool:mail/*' }), 'kim', window);
    const again = await window.open(flow({ scope: 'tool:mail/*' }).url);
    expect(new URL(again.away ?? '').searchParams.get('code')).toEqual(expect.any(String));
    const more = await window.open(flow({ scope: 'mcp' }).url);
    expect(more.markup).toContain('Allow The editor to act for you?');
  }, 30_000);

  it('[oauth:consent-forms] takes no form of another session, browser or site', async () => {
    const it = flow({ prompt: 'consent' });
    const [window, page] = await signedIn(it);
    expect((await window.submit(page, '/consent', { decision: 'allow', csrf: 'x' })).status).toBe(403);
    const stranger = await browser(suite.endpoint).submit(page, '/consent', { decision: 'allow' });
    expect([stranger.away, stranger.status]).toEqual([undefined, 400]);
    const framing = await fetch(page.url);
    expect(framing.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(framing.headers.get('x-frame-options')).toBe('DENY');
  }, 20_000);

  it('[oauth:sign-in] takes an answer of the provider once, in the browser that was sent, from the issuer that was asked', async () => {
    const start = async () => {
      const window = browser(suite.endpoint);
      const left = await window.open(flow({ prompt: 'login' }).url);
      return { window, answer: await upstream.signIn(left.away ?? '', 'robin') };
    };
    const one = await start();
    expect((await browser(suite.endpoint).open(one.answer)).status).toBe(403);
    // The state was used up by the attempt.
    expect((await one.window.open(one.answer)).status).toBe(403);
    const two = await start();
    const mixedUp = new URL(two.answer);
    mixedUp.searchParams.set('iss', 'https://evil.example');
    expect((await two.window.open(mixedUp.href)).status).toBe(403);
    const three = await start();
    const other = new URL(three.answer);
    other.searchParams.set('code', 'another code');
    expect((await three.window.open(other.href)).status).toBe(403);
  }, 30_000);

  it('[oauth:sign-in-name] lets nobody in under a name that is bound to somebody else', async () => {
    await tokens();
    const [, page] = await signedIn(flow(), 'other');
    expect([page.status, page.away]).toEqual([403, undefined]);
  }, 20_000);

  it('[oauth:registration] registers clients, marks them as unverified, and refuses those that lead inside', async () => {
    const register = async (metadata: object) => {
      const answer = await fetch(`${issuer}/register`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ client_name: 'Editor', token_endpoint_auth_method: 'none', ...metadata }),
      });
      return { status: answer.status, json: (await answer.json()) as Record<string, string> };
    };
    const made = await register({ redirect_uris: [CALLBACK], grant_types: ['authorization_code', 'refresh_token'] });
    expect([made.status, made.json]).toEqual([
      201,
      expect.objectContaining({ client_id: expect.stringMatching(/^dyn-/) }),
    ]);
    const [, page] = await signedIn(flow({ client_id: made.json.client_id }));
    expect(page.markup).toContain('Unverified application');
    for (const redirect of [
      'https://10.0.0.1/cb',
      'http://editor.example.com/cb',
      'https://vault.svc.cluster.local/',
    ]) {
      expect((await register({ redirect_uris: [redirect] })).json).toMatchObject({ error: 'invalid_redirect_uri' });
    }
    expect((await register({ redirect_uris: [CALLBACK], jwks_uri: 'https://169.254.169.254/' })).status).toBe(400);
    expect(
      (await register({ redirect_uris: [CALLBACK], scope: 'admin', grant_types: ['client_credentials'] })).status,
    ).toBe(400);
  }, 20_000);

  it.each([
    'https://127.0.0.1/client',
    'https://169.254.169.254/client',
    'https://localhost/client',
    'https://[::1]/c',
  ])('[oauth:documents] fetches no metadata document from %s', async (id) => {
    const page = await browser(suite.endpoint).open(flow({ client_id: id }).url);
    expect([page.away, page.status]).toEqual([undefined, 400]);
  });

  it('[oauth:client-credentials] gives a declared client tokens of its own, and tells it of them alone', async () => {
    const grant = { grant_type: 'client_credentials', scope: 'mcp', resource: `${suite.endpoint}/mcp` };
    const { json } = await post('/token', grant, `agent:${encodeURIComponent(SECRET)}`);
    const token = String(json?.access_token);
    expect(claimsOf(token)).toMatchObject({ sub: 'client:agent', client_id: 'agent', scope: 'mcp' });
    expect(await listTools(token)).toBe(200);
    const about = async (as?: string) =>
      (await post('/introspect', { token, ...(as ? {} : { client_id: 'editor' }) }, as)).json;
    expect(await about(`agent:${encodeURIComponent(SECRET)}`)).toMatchObject({
      active: true,
      client_id: 'agent',
      iss: issuer,
    });
    expect(await about()).toEqual({ active: false });
    expect((await post('/token', grant, 'agent:wrong')).status).toBe(401);
    expect((await post('/revoke', { token }, `agent:${encodeURIComponent(SECRET)}`)).status).toBe(200);
    await untilRefused(() => listTools(token));
    expect(await about(`agent:${encodeURIComponent(SECRET)}`)).toEqual({ active: false });
  }, 20_000);

  it('[oauth:revocation] ends what a refresh token stands on, when its client gives it back', async () => {
    const { access_token: token, refresh_token: refresh } = await tokens();
    expect((await post('/revoke', { token: refresh, client_id: 'editor' })).status).toBe(200);
    await untilRefused(() => listTools(token));
  }, 20_000);

  it('[oauth:tenants] gives a token, code or client of one tenant no meaning in another', async () => {
    const { access_token: token } = await tokens();
    const acme = `${suite.endpoint}/oauth/acme`;
    const { json } = await post('/introspect', { token, client_id: 'editor' }, undefined, acme);
    expect(json).toMatchObject({ error: 'invalid_client' });
    const it = flow();
    const code = (await allowed(it)).searchParams.get('code') ?? '';
    const fields = {
      grant_type: 'authorization_code',
      client_id: 'editor',
      code,
      redirect_uri: CALLBACK,
      code_verifier: it.verifier,
    };
    expect((await post('/token', fields, undefined, acme)).status).toBe(401);
    const [header, payload = '', signature] = token.split('.');
    const moved = { ...claimsOf(token), iss: acme };
    const forged = [header, Buffer.from(JSON.stringify(moved)).toString('base64url'), signature].join('.');
    expect(payload).not.toBe('');
    expect(await listTools(forged)).toBe(401);
  }, 20_000);

  it('[oauth:exchange] gives a client a token for whom it acts, with the chain, and never more', async () => {
    const { access_token: subject } = await tokens();
    const exchange = (more: Readonly<Record<string, string>>) =>
      post(
        '/token',
        {
          grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
          subject_token: subject,
          subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
          resource: `${suite.endpoint}/mcp`,
          ...more,
        },
        `agent:${encodeURIComponent(SECRET)}`,
      );
    const { status, json } = await exchange({});
    expect([status, json]).toEqual([200, expect.objectContaining({ scope: 'mcp', token_type: 'Bearer' })]);
    const token = String(json?.access_token);
    const [made, before] = [claimsOf(token), claimsOf(subject)];
    expect(made).toMatchObject({ sub: before.sub, sid: before.sid, client_id: 'agent', act: { sub: 'client:agent' } });
    expect(Number(made.exp)).toBeLessThanOrEqual(Number(before.exp));
    expect(await listTools(token)).toBe(200);
    for (const [error, more] of [
      ['invalid_scope', { scope: 'mcp admin' }],
      ['invalid_target', { resource: `${suite.endpoint}/v1` }],
      ['invalid_target', { resource: 'https://evil.example/mcp' }],
      ['invalid_grant', { subject_token: `${subject}x` }],
      ['invalid_request', { subject_token_type: 'urn:ietf:params:oauth:token-type:id_token' }],
      ['invalid_grant', { actor_token: subject, actor_token_type: 'urn:ietf:params:oauth:token-type:access_token' }],
    ] as const) {
      const refused = await exchange(more as Readonly<Record<string, string>>);
      expect(refused.json).toMatchObject({ error });
      expect(refused.json).not.toHaveProperty('access_token');
    }
  }, 30_000);

  it('[directory:heir] [directory:heir-browser] gives whoever takes over a name nothing that was signed in to before', async () => {
    const window = browser(suite.endpoint);
    const it = flow();
    const { json } = await redeem(it, (await allowed(it, 'robin', window)).searchParams.get('code') ?? '');
    const held = json as { access_token: string; refresh_token: string };
    // The browser's session is good for a second authorization without signing in.
    expect((await window.open(flow().url)).away ?? '').not.toContain(upstream.issuer);
    const begun = flow();
    const code = (await allowed(begun, 'robin', window)).searchParams.get('code') ?? '';
    const database = new pg.Client(suite.postgres.adminUrl);
    await database.connect();
    // What the directory writes where a name passes to somebody else.
    await database.query('update sallyport_identity.users set heir_since = now() where name = $1', [
      'robin@example.com',
    ]);
    await database.end();
    const refresh = { grant_type: 'refresh_token', client_id: 'editor', refresh_token: held.refresh_token };
    expect((await post('/token', refresh)).json).toMatchObject({ error: 'invalid_grant' });
    expect((await redeem(begun, code)).json).toMatchObject({ error: 'invalid_grant' });
    expect(await listTools(held.access_token)).toBe(401);
    expect((await window.open(flow().url)).away).toContain(upstream.issuer);
    // Tokens and sessions tell their time in whole seconds.
    await new Promise((later) => setTimeout(later, 1_010 - (Date.now() % 1_000)));
    const { access_token: own } = await tokens();
    expect(await listTools(own)).toBe(200);
  }, 30_000);
});
