import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client, type OAuthClientProvider, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { browser } from '../support/browser.ts';
import { type OAuthHouse, oauthHouse } from '../support/oauth-house.ts';
import { seededNumbers } from '../support/seeded.ts';

const LOOPBACK = 'http://127.0.0.1:33418/callback';
const ROUNDS = 5;
const LONGEST_MS = 14;

describe('clients of the OAuth server', () => {
  let house: OAuthHouse;
  beforeAll(async () => {
    house = await oauthHouse();
  }, 120_000);
  afterAll(() => house?.end(), 60_000);

  it('[oauth:mcp-client] lets an MCP client that knows nothing but the URL discover, register, ask and call', async () => {
    const kept: { client?: never; tokens?: never; verifier?: string; url?: URL } = {};
    const provider: OAuthClientProvider = {
      redirectUrl: LOOPBACK,
      clientMetadata: {
        client_name: 'Some editor',
        redirect_uris: [LOOPBACK],
        grant_types: ['authorization_code', 'refresh_token'],
        token_endpoint_auth_method: 'none',
      },
      clientInformation: () => kept.client,
      saveClientInformation: (client) => {
        kept.client = client as never;
      },
      tokens: () => kept.tokens,
      saveTokens: (tokens) => {
        kept.tokens = tokens as never;
      },
      redirectToAuthorization: (url) => {
        kept.url = url;
      },
      saveCodeVerifier: (verifier) => {
        kept.verifier = verifier;
      },
      codeVerifier: () => kept.verifier ?? '',
    };
    const url = new URL(`${house.suite.endpoint}/mcp`);
    const first = new StreamableHTTPClientTransport(url, { authProvider: provider });
    await expect(new Client({ name: 'editor', version: '1.0.0' }).connect(first)).rejects.toThrow('Unauthorized');
    const flow = { clientId: '', verifier: '', state: '', url: kept.url?.href ?? '' };
    const window = browser(house.suite.endpoint);
    const [, page] = await house.signedIn(flow, 'robin', window);
    expect(page.markup).toContain('Unverified application');
    expect(page.markup).toContain('an application on your own computer');
    const { away, markup } = await window.submit(page, '/consent', { decision: 'allow' });
    expect(away ?? markup).toContain(LOOPBACK);
    await first.finishAuth(new URL(away ?? '').searchParams);
    const client = new Client({ name: 'editor', version: '1.0.0' });
    await client.connect(new StreamableHTTPClientTransport(url, { authProvider: provider }));
    expect((await client.listTools()).tools).toEqual([]);
    await client.close();
  }, 60_000);

  it('[oauth:killed] loses no grant and takes no code twice, wherever identity is killed', async () => {
    const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
    const next = seededNumbers(seed);
    const interrupted = async <T>(call: () => Promise<T>): Promise<T | undefined> => {
      const answer = call().catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, next() * LONGEST_MS));
      await house.suite.kill('identity');
      const got = await answer;
      await house.suite.restart('identity');
      return got;
    };
    const taken = (answer: { status: number } | undefined) => (answer?.status === 200 ? 1 : 0);
    for (let round = 0; round < ROUNDS; round += 1) {
      const flow = house.flow();
      const code = (await house.allowed(flow)).searchParams.get('code') ?? '';
      const once = await interrupted(() => house.redeem(flow, code));
      const again = [await house.redeem(flow, code), await house.redeem(flow, code)];
      expect({ seed, round, times: taken(once) + again.reduce((sum, one) => sum + taken(one), 0) <= 1 }).toEqual({
        seed,
        round,
        times: true,
      });

      const held = (await house.tokens()).refresh_token;
      const refresh = (token: string) =>
        house.post('/token', { grant_type: 'refresh_token', client_id: 'editor', refresh_token: token });
      const first = await interrupted(() => refresh(held));
      const token = first?.status === 200 ? String(first.json?.refresh_token) : held;
      let last = await refresh(token);
      for (let turn = 0; turn < 30 && last.status === 503; turn += 1) {
        await new Promise((resolve) => setTimeout(resolve, 500));
        last = await refresh(token);
      }
      expect({ seed, round, status: last.status }).toEqual({ seed, round, status: 200 });
    }
  }, 240_000);
});
