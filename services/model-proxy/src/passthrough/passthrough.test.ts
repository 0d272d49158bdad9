import { request } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Desk, openDesk } from '../operations/testing.ts';
import { modelOf, providerOf } from '../turn/testing.ts';

let desk: Desk;
const provider = providerOf('openai-compatible', 'compat');
const DOORS = [
  {
    provider: 'compat',
    methods: ['GET', 'POST', 'DELETE'],
    paths: ['/vector_stores', '/vector_stores/*', '/chat/*', '/models/*'],
  },
];

beforeAll(async () => {
  desk = await openDesk({ models: [{ ...modelOf([provider]), publicName: 'm' }], passthrough: DOORS });
});
afterAll(() => desk.close());
beforeEach(() => {
  desk.calls.length = 0;
  desk.kept.records.length = 0;
  (desk.kept.reserved as unknown[]).length = 0;
});

/** Sends a target exactly as it is written. */
const raw = (path: string, method = 'GET', headers: Record<string, string> = {}) =>
  new Promise<number>((resolve, reject) => {
    const { hostname, port } = new URL(desk.url);
    const sent = request(
      { hostname, port, path, method, headers: { authorization: 'Bearer good', ...headers } },
      (res) => {
        res.resume();
        resolve(res.statusCode ?? 0);
      },
    );
    sent.on('error', reject);
    sent.end();
  });

describe('what is passed through', () => {
  it('[passthrough:as-it-is] goes to the provider as it is, without anything of the caller', async () => {
    desk.script(() => ({
      status: 201,
      body: '{"id":"vs_1"}',
      headers: { 'set-cookie': 'a=b', 'openai-organization': 'org-9' },
    }));
    const answer = await desk.post('/passthrough/compat/vector_stores?limit=1', '{"name": "x" }', {
      cookie: 'session=1',
      'x-forwarded-for': '1.2.3.4',
      'x-http-method-override': 'DELETE',
      'openai-organization': 'mine',
      'openai-beta': 'assistants=v2',
    });
    expect([answer.status, await answer.text()]).toEqual([201, '{"id":"vs_1"}']);
    expect(desk.calls).toMatchObject([{ method: 'POST', path: '/vector_stores?limit=1', text: '{"name": "x" }' }]);
    expect(desk.calls[0]?.headers).toEqual({
      accept: '*/*',
      'content-type': 'application/json',
      'openai-beta': 'assistants=v2',
    });
    expect(answer.headers.get('set-cookie')).toBeNull();
    expect(answer.headers.get('openai-organization')).toBeNull();
    expect(answer.headers.get('content-security-policy')).toContain('sandbox');
    expect(answer.headers.get('sallyport-trajectory')).toMatch(/^[0-9a-f-]{36}$/);
    expect(desk.kept.records).toMatchObject([
      {
        endpoint: 'passthrough',
        model: 'passthrough/compat',
        provider: 'compat',
        outcome: 'ok',
        detailJson: JSON.stringify({ method: 'POST', path: '/vector_stores' }),
      },
    ]);
  });

  it.each([
    ['another path', '/passthrough/compat/files', 'GET', 404],
    ['another method', '/passthrough/compat/vector_stores', 'PUT', 404],
    ['another provider', '/passthrough/none/vector_stores', 'GET', 404],
    ['a strange method', '/passthrough/compat/vector_stores', 'OPTIONS', 405],
    ['dots', '/passthrough/compat/vector_stores/../files', 'GET', 400],
    ['an escaped slash', '/passthrough/compat/vector_stores/a%2F..%2F..%2Ffiles', 'GET', 400],
    ['a whole URL', 'http://evil.example/passthrough/compat/vector_stores', 'GET', 400],
  ])('[passthrough:explicit] is nothing else: %s', async (_what, path, method, status) => {
    expect(await raw(path, method)).toBe(status);
    expect(desk.calls).toEqual([]);
    expect(desk.kept.records).toMatchObject([{ endpoint: 'passthrough', outcome: 'refused' }]);
  });

  it('[passthrough:one-reading] is no upgrade, no GET with a body and nothing without a key', async () => {
    expect(await raw('/passthrough/compat/vector_stores', 'GET', { connection: 'upgrade', upgrade: 'websocket' })).toBe(
      400,
    );
    expect(await raw('/passthrough/compat/vector_stores', 'GET', { authorization: 'Basic x' })).toBe(401);
    const sent = await new Promise<number>((resolve, reject) => {
      const { hostname, port } = new URL(desk.url);
      const asked = request(
        {
          hostname,
          port,
          path: '/passthrough/compat/vector_stores',
          headers: { authorization: 'Bearer good', 'content-length': 2 },
        },
        (res) => resolve(res.statusCode ?? 0),
      );
      asked.on('error', reject);
      asked.end('{}');
    });
    expect(sent).toBe(400);
    expect(desk.calls).toEqual([]);
  });

  it('[passthrough:no-tools] carries no tools', async () => {
    const answer = await desk.post('/passthrough/compat/chat/completions', {
      model: 'x',
      tools: [{ type: 'function' }],
    });
    expect([answer.status, await answer.json()]).toMatchObject([
      400,
      { error: { code: 'unsupported', param: 'tools' } },
    ]);
    expect(desk.calls).toEqual([]);
  });

  it('[passthrough:usage] tells what it took where the form is known', async () => {
    desk.script(() => ({ body: JSON.stringify({ usage: { prompt_tokens: 11, completion_tokens: 2 } }) }));
    await (await desk.post('/passthrough/compat/chat/completions', { model: 'compat-model' })).text();
    expect(desk.kept.records.at(-1)).toMatchObject({
      inputTokens: 11,
      outputTokens: 2,
      upstreamModel: 'compat-model',
      costNanoUsd: -1,
    });
    const frames = [
      'data: {"choices":[]}\n\n',
      'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4}}\n\ndata: [DONE]\n\n',
    ];
    desk.script(() => ({ type: 'text/event-stream', body: frames }));
    const streamed = await desk.post('/passthrough/compat/chat/completions', { model: 'compat-model', stream: true });
    expect(await streamed.text()).toBe(frames.join(''));
    expect(desk.kept.records.at(-1)).toMatchObject({ inputTokens: 3, outputTokens: 4 });
    desk.script(() => ({ body: '{}' }));
    await (await desk.post('/passthrough/compat/chat/completions', { model: 'compat-model' })).text();
    expect(desk.kept.records.at(-1)).toMatchObject({ usageEstimated: true });
    expect(await raw('/passthrough/compat/vector_stores/vs_1', 'DELETE')).toBe(200);
    expect(desk.kept.records.at(-1)).toMatchObject({ costNanoUsd: 0, inputTokens: 0 });
    expect(desk.kept.reserved.every(({ times }) => times === 1)).toBe(true);
  });

  it('[passthrough:models] asks only for models that may be used', async () => {
    const other = { ...modelOf([provider]), publicName: 'secret' };
    const narrow = await openDesk({ models: [other], passthrough: DOORS, modelGlobs: ['m'] });
    narrow.script(() => ({ body: '{}' }));
    const post = (model: string) => narrow.post('/passthrough/compat/chat/completions', { model });
    expect([(await post('compat-model')).status, (await post('unknown')).status]).toEqual([404, 200]);
    expect((await narrow.post('/passthrough/compat/models/compat-model', {})).status).toBe(404);
    // A name in the body does not stand before the one in the path, nor others beside the first.
    const asked = narrow.calls.length;
    expect((await narrow.post('/passthrough/compat/models/compat-model:run', { model: 'unknown' })).status).toBe(404);
    const beside = { model: 'unknown', models: ['compat-model'] };
    expect((await narrow.post('/passthrough/compat/chat/completions', beside)).status).toBe(404);
    const inside = { requests: [{ params: { model: 'compat-model' } }] };
    expect((await narrow.post('/passthrough/compat/chat/batches', inside)).status).toBe(404);
    expect(narrow.calls).toHaveLength(asked);
    await narrow.close();
  });

  it('[passthrough:provider-hidden] says nothing of the account of the gateway', async () => {
    for (const status of [401, 403, 429, 302]) {
      const location = { location: 'https://evil.example' };
      desk.script(() => ({ status, body: '{"error":{"message":"org-9 sk-123"}}', headers: location }));
      const answer = await desk.post('/passthrough/compat/vector_stores', {});
      const text = await answer.text();
      expect([answer.status, text.includes('org-9')]).toEqual([status === 429 ? 429 : 502, false]);
      expect(answer.headers.get('location')).toBeNull();
      expect(desk.kept.records.at(-1)).toMatchObject({ outcome: 'error' });
    }
    desk.script(() => ({ status: 404, body: '{"error":{"message":"no such store"}}' }));
    const told = await desk.post('/passthrough/compat/vector_stores/x', {});
    expect([told.status, await told.text()]).toEqual([404, '{"error":{"message":"no such store"}}']);
    desk.script(() => ({ body: ['{"a":', new Error('cut')] }));
    await expect((await desk.post('/passthrough/compat/vector_stores', {})).text()).rejects.toThrow();
    expect(desk.kept.records.at(-1)).toMatchObject({ outcome: 'error' });
  });
});

describe('what must stay in a region', () => {
  const eu = providerOf('openai-compatible', 'eu');
  const us = providerOf('openai-compatible', 'us');
  const placed = (publicName: string, targets: [typeof eu, string, string][], routing?: object) => {
    const model = modelOf([], routing === undefined ? {} : { routing: { strategy: 'Priority', ...routing } });
    const of = targets.map(([at, name, region]) => ({ provider: at, model: name, spec: { region } }));
    return { ...model, publicName, targets: of as never };
  };
  let where: Desk;

  beforeAll(async () => {
    where = await openDesk({
      models: [
        placed(
          'bound',
          [
            [eu, 'g', 'eu-west-1'],
            [us, 'g', 'us'],
          ],
          { residency: [{ regions: ['eu'] }] },
        ),
        placed('free', [[us, 'h', 'us']]),
        placed('only', [[providerOf('openai-compatible', 'far'), 'f', 'us']], { residency: [{ regions: ['eu'] }] }),
      ],
      passthrough: ['eu', 'us', 'far'].map((provider) => ({
        provider,
        methods: ['POST'],
        paths: ['/audio', '/models/*'],
      })),
    });
    where.script(() => ({ body: '{}' }));
  });
  afterAll(() => where.close());

  it.each<[string, string, string, Record<string, string>, number]>([
    ['a model where it may be', 'eu', '{"model":"g"}', {}, 200],
    ['a model where it may not be', 'us', '{"model":"g"}', {}, 403],
    ['a model that is bound nowhere', 'us', '{"model":"h"}', {}, 200],
    ['no model, at a provider to which a Model may go', 'us', '{}', {}, 200],
    ['no model, at a provider to which none may go', 'far', '{}', {}, 403],
    ['a region that the caller asks for', 'eu', '{}', { 'sallyport-region': 'eu' }, 200],
    ['another region than the caller asks for', 'us', '{}', { 'sallyport-region': 'eu' }, 403],
  ])('[passthrough:residency] %s', async (_what, at, body, headers, status) => {
    where.calls.length = 0;
    const answer = await where.post(`/passthrough/${at}/audio`, body, headers);
    expect(answer.status).toBe(status);
    expect(where.calls).toHaveLength(status === 200 ? 1 : 0);
  });

  it('[passthrough:residency] holds for a model that the path names', async () => {
    where.calls.length = 0;
    expect((await where.post('/passthrough/us/models/g:predict', '{}')).status).toBe(403);
    expect((await where.post('/passthrough/eu/models/g:predict', '{}')).status).toBe(200);
    expect(where.calls).toHaveLength(1);
  });
});
