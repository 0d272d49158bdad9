import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type FakeProvider, startFakeProvider } from '../fakes/provider.ts';
import { hangs } from '../fakes/tool-answers.ts';
import { type FakeToolServer, startFakeToolServer } from '../fakes/tool-server.ts';
import { type HttpAnswer, type HttpClient, httpClient } from '../support/http-client.ts';
import { eventually, openHouse, type ResourceInit, suiteWith, type TestSuite } from '../support/suite.ts';

/** DESIGN section 8 says one second; the rest is for the noise of the machine that the tests run on. */
const BOUND_MS = 1_500;
const REPLICAS = ['model-proxy', 'model-proxy-2'];

let provider: FakeProvider;
let tools: FakeToolServer;
let suite: TestSuite;
let admin: HttpClient;

interface KeyWithSecret {
  readonly key: { readonly id: string };
  readonly secret: string;
}

beforeAll(async () => {
  provider = await startFakeProvider();
  // A stream that goes on for longer than any test: 300 pieces, 100 ms apart.
  provider.script('endless', { chunks: Array.from({ length: 300 }, (_, i) => `${i} `), chunkDelayMs: 100 });
  tools = await startFakeToolServer({ tools: [{ name: 'wait', run: hangs() }] });
  const notes = { remote: { url: tools.url }, allowPrivateNetwork: true, defaultClass: 'Read' };
  const house = openHouse(provider, ['echo', 'endless']);
  suite = await suiteWith(house, {
    services: ['audit', 'vault', 'identity', 'operator', 'policy', 'mcp-broker', 'model-proxy', 'console'],
    replicas: { 'model-proxy': 2 },
  });
  suite.apply('notes', [{ kind: 'ToolServer', name: 'notes', spec: notes }]);
  admin = httpClient(suite.endpoint, suite.adminKey);
}, 120_000);

afterAll(async () => {
  await suite?.end();
  await Promise.all([provider?.close(), tools?.close()]);
}, 30_000);

/** One client a replica, past the front, so that each replica's own cache is seen. */
const replicas = (key: string) =>
  REPLICAS.map((name) => httpClient(`http://127.0.0.1:${suite.ports[name]?.http}`, key));

const callTool = (key: string, method: string, params: object = {}) =>
  httpClient(suite.endpoint, key).send('POST', '/mcp', { jsonrpc: '2.0', id: 1, method, params });

async function createKey(fields: object = {}): Promise<KeyWithSecret> {
  const answer = await admin.send('POST', '/admin/v1/keys', {
    name: `k-${Math.random().toString(36).slice(2)}`,
    ...fields,
  });
  expect(answer.status).toBe(201);
  return answer.json();
}

/** Warms the caches of both replicas, so that nothing later is refused for want of an answer. */
async function warm(key: string): Promise<void> {
  for (const client of replicas(key)) {
    await eventually(
      () => client.chat('echo'),
      ({ status }) => status === 200,
    );
    expect((await client.chat('echo')).status).toBe(200);
  }
}

/** What waits for the file system and the YAML is tried up to three times: one that is in time shows that it can be. */
async function fastestOfThree(attempt: () => Promise<number[]>): Promise<void> {
  const slowest: number[] = [];
  while (slowest.length < 3 && !slowest.some((ms) => ms <= BOUND_MS)) slowest.push(Math.max(...(await attempt())));
  expect(Math.min(...slowest)).toBeLessThanOrEqual(BOUND_MS);
}

/** Polls each replica until it answers with a status, at most `ms` after `sinceMs`; how long each took. */
function untilAll(key: string, status: number, sinceMs = Date.now(), ms = BOUND_MS): Promise<number[]> {
  return Promise.all(
    replicas(key).map(async (client) => {
      let last: HttpAnswer | undefined;
      while (Date.now() - sinceMs <= ms) {
        last = await client.chat('echo');
        if (last.status === status) return Date.now() - sinceMs;
        // A credential that is in doubt is never answered otherwise than before or after the change.
        expect([200, status]).toContain(last.status);
        await pause(20);
      }
      throw new Error(`not ${status} within ${ms} ms; last: ${last?.status} ${last?.text}`);
    }),
  );
}

describe('a key that is taken back', () => {
  it('[revocation:key] a revoked key is refused on every replica within a second', async () => {
    const { key, secret } = await createKey();
    await warm(secret);
    const since = Date.now();
    expect((await admin.send('POST', `/admin/v1/keys/${key.id}/revoke`, { reason: 'lost' })).status).toBe(200);
    await untilAll(secret, 401, since);
    for (const client of replicas(secret)) expect((await client.chat('echo')).code).toBe('unauthenticated');
    const again = await admin.send('PATCH', `/admin/v1/keys/${key.id}`, { disabled: false });
    expect(again.status).toBeGreaterThanOrEqual(400);
    expect((await replicas(secret)[0]?.chat('echo'))?.status).toBe(401);
  });

  it('[revocation:streams] its open streams end within a second, here and upstream', async () => {
    const { key, secret } = await createKey();
    await warm(secret);
    provider.clear();
    const begun: Promise<void>[] = [];
    const streams = replicas(secret).map((client) => {
      let note: () => void = () => {};
      begun.push(new Promise((resolve) => (note = resolve)));
      return client.chat('endless', { stream: true }, { onText: (text) => text.includes('data:') && note() });
    });
    await Promise.all(begun);
    const since = Date.now();
    await admin.send('POST', `/admin/v1/keys/${key.id}/revoke`, {});
    const ended = await Promise.all(streams);
    expect(Date.now() - since).toBeLessThanOrEqual(BOUND_MS);
    for (const { text } of ended) {
      expect(text).toContain('"code":"unauthenticated"');
      expect(text).not.toContain('[DONE]');
    }
    const upstream = () => Promise.resolve(provider.requests.map(({ aborted }) => aborted));
    await eventually(upstream, (aborted) => aborted.length === 2 && aborted.every(Boolean));
  });

  it('[revocation:mcp] it is refused at /mcp within a second too, and a tool call under way is ended', async () => {
    const { key, secret } = await createKey();
    await eventually(
      async () => (await callTool(secret, 'tools/list')).text,
      (text) => text.includes('notes__wait'),
      15_000,
    );
    const open = callTool(secret, 'tools/call', { name: 'notes__wait', arguments: {} });
    await eventually(
      async () => tools.calls.length,
      (calls) => calls > 0,
    );
    const since = Date.now();
    await admin.send('POST', `/admin/v1/keys/${key.id}/revoke`, {});
    expect((await open).status).toBe(401);
    while ((await callTool(secret, 'tools/list')).status !== 401) {
      expect(Date.now() - since).toBeLessThanOrEqual(BOUND_MS);
      await pause(20);
    }
    expect(Date.now() - since).toBeLessThanOrEqual(BOUND_MS);
  }, 30_000);

  it('[revocation:resource] a VirtualKey that is removed from the folder is refused within a second of it', async () => {
    let attempt = 0;
    await fastestOfThree(async () => {
      const name = `extra-${attempt++}`;
      suite.apply(name, [virtualKey(name)]);
      const secret = await suite.keyOf('default', name);
      await warm(secret);
      const since = Date.now();
      suite.remove(name);
      return await untilAll(secret, 401, since, 5_000);
    });
  }, 20_000);

  it('[revocation:disabled] a disabled key is refused within a second and works again once it is enabled', async () => {
    const { key, secret } = await createKey();
    await warm(secret);
    let since = Date.now();
    await admin.send('PATCH', `/admin/v1/keys/${key.id}`, { disabled: true });
    await untilAll(secret, 401, since);
    since = Date.now();
    await admin.send('PATCH', `/admin/v1/keys/${key.id}`, { disabled: false });
    await untilAll(secret, 200, since);
  });

  it('[revocation:expired] a key is refused from the instant on at which it expires, cached or not', async () => {
    const expiresAt = Date.now() + 1_500;
    const { secret } = await createKey({ expiresAt: new Date(expiresAt).toISOString() });
    await warm(secret);
    expect(Date.now()).toBeLessThan(expiresAt);
    await pause(expiresAt - Date.now() + 5);
    for (const client of replicas(secret)) expect((await client.chat('echo')).status).toBe(401);
  });

  it('[revocation:rotated] the old secret of a rotated key is refused within a second, the new one works', async () => {
    const { key, secret } = await createKey();
    await warm(secret);
    const since = Date.now();
    const rotated = (await admin.send('POST', `/admin/v1/keys/${key.id}/rotate`, {})).json<KeyWithSecret>();
    await untilAll(secret, 401, since);
    await warm(rotated.secret);
  });
});

describe('rights and credentials that change', () => {
  it('[revocation:access] what an AccessPolicy no longer grants is not found within a second', async () => {
    const { secret } = await createKey({ owner: 'nora', name: 'nora' });
    const house = openHouse(provider, ['echo', 'endless']).filter(({ kind }) => kind !== 'AccessPolicy');
    const policy = (models: readonly string[]): ResourceInit[] => [
      { kind: 'AccessPolicy', name: 'others', spec: { subjects: { users: ['dana', 'ada'] }, models: ['*'] } },
      { kind: 'AccessPolicy', name: 'nora', spec: { subjects: { users: ['nora'] }, models } },
    ];
    await fastestOfThree(async () => {
      suite.apply('all', [...house, ...policy(['echo'])]);
      await warm(secret);
      const since = Date.now();
      suite.apply('all', [...house, ...policy(['something-else'])]);
      return await untilAll(secret, 404, since, 5_000);
    });
    expect((await replicas(secret)[0]?.get('/v1/models'))?.json<{ data: unknown[] }>().data).toEqual([]);
    // Who was not meant goes on.
    await warm(suite.key);
    suite.apply('all', openHouse(provider, ['echo', 'endless']));
  }, 20_000);

  it('[revocation:credential] the next call uses the new value of a provider Secret, on every replica', async () => {
    await warm(suite.key);
    const house = openHouse(provider, ['echo', 'endless']);
    const value = 'provider-secret-rotated-9876543210';
    suite.apply(
      'all',
      house.map((one) => (one.kind === 'Secret' ? { ...one, stringData: { key: value } } : one)),
    );
    const sentBy = async (client: HttpClient) => {
      provider.clear();
      await client.chat('echo');
      return provider.requests[0]?.headers.authorization;
    };
    for (const client of replicas(suite.key)) {
      await eventually(
        () => sentBy(client),
        (sent) => sent === `Bearer ${value}`,
      );
      for (let i = 0; i < 5; i++) expect(await sentBy(client)).toBe(`Bearer ${value}`);
    }
    suite.apply('all', house);
  }, 20_000);
});

function virtualKey(name: string): ResourceInit {
  return { kind: 'VirtualKey', name, spec: { owner: name, targetSecret: { name, key: 'key' } } };
}
