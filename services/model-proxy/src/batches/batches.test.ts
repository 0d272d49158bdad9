import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Target } from '../catalog.ts';
import { memoryStores } from '../files/testing.ts';
import { type Called, type Desk, openDesk, type Scripted } from '../operations/testing.ts';
import { modelOf, providerOf, somebody } from '../turn/testing.ts';

const store = memoryStores();
let who = 'ann';
let desk: Desk;
let narrow: Desk;
const named = (publicName: string, type: string) => ({ ...modelOf([providerOf(type, type)]), publicName });
const decoration = { system: [{ position: 'Before', text: 'Be kind.' }] };
const abroad = modelOf([providerOf('openai', 'openai')], { routing: { residency: [{ regions: ['eu'] }] } });
const bounded = modelOf([providerOf('openai', 'openai')], { maxOutputTokens: 5 });
const price = { inputPerMillionTokens: '10', outputPerMillionTokens: '20' };
const plain = named('dear', 'openai');
const dear = {
  ...plain,
  targets: plain.targets.map((one) => ({ ...one, spec: { price } as Target['spec'] & object })),
};
const models = [
  dear,
  { ...modelOf([providerOf('openai', 'openai')], { decoration }), publicName: 'kind' },
  { ...bounded, publicName: 'short' },
  { ...abroad, publicName: 'abroad' },
  named('m', 'openai'),
  named('full', 'openai-compatible'),
  named('a', 'anthropic'),
];
const principals = { authenticate: async () => somebody({ user: who, id: `key:${who}` }), onRevoked() {} };

beforeAll(async () => {
  const ports = { files: store.files, batches: store.batches, principals };
  desk = await openDesk({ models, ports });
  narrow = await openDesk({ models, ports, endpoints: ['files', 'batches', 'embeddings'] });
});
afterAll(async () => {
  await desk.close();
  await narrow.close();
});
beforeEach(() => {
  who = 'ann';
  desk.calls.length = 0;
  desk.kept.records.length = 0;
  (desk.kept.reserved as unknown[]).length = 0;
});

const body = (fields: object = {}) => ({
  model: 'm',
  max_tokens: 10,
  messages: [{ role: 'user', content: 'hi' }],
  ...fields,
});
const line = (fields: object = {}) => ({
  custom_id: 'a',
  method: 'POST',
  url: '/v1/chat/completions',
  body: body(),
  ...fields,
});
const upload = (lines: readonly (object | string)[], to = desk) => {
  const made = new FormData();
  made.set('purpose', 'batch');
  made.set(
    'file',
    new Blob([lines.map((one) => (typeof one === 'string' ? one : JSON.stringify(one))).join('\n')]),
    'b.jsonl',
  );
  return to.post('/v1/files', made);
};
const ask = (method: string, path: string) =>
  fetch(desk.url + path, { method, headers: { authorization: 'Bearer good' } });

const OUTPUT = [
  {
    custom_id: 'a',
    response: { status_code: 200, body: { model: 'x', usage: { prompt_tokens: 1000, completion_tokens: 500 } } },
  },
  {
    custom_id: 'b',
    response: { status_code: 200, body: { model: 'x', usage: { prompt_tokens: 2000, completion_tokens: 500 } } },
  },
];
const provider =
  (status: string) =>
  ({ method, path }: Called): Scripted => {
    const told = { id: 'batch_THEIRS', object: 'batch', status, input_file_id: 'file-IN' };
    if (path === '/files') return { body: JSON.stringify({ id: 'file-IN', object: 'file', bytes: 1 }) };
    if (path === '/files/file-OUT/content') return { body: OUTPUT.map((one) => JSON.stringify(one)).join('\n') };
    if (path === '/batches' && method === 'POST') return { body: JSON.stringify(told) };
    return { body: JSON.stringify({ ...told, ...(status === 'completed' ? { output_file_id: 'file-OUT' } : {}) }) };
  };
const begun = async (model = 'm') => {
  desk.script(provider('validating'));
  const file = (await (
    await upload([line({ body: body({ model }) }), line({ custom_id: 'b', body: body({ model }) })])
  ).json()) as { id: string };
  const asked = { input_file_id: file.id, endpoint: '/v1/chat/completions', completion_window: '24h' };
  const answer = await desk.post('/v1/batches', asked);
  return { file: file.id, answer, batch: (await answer.json()) as { id: string; input_file_id: string } };
};

describe('batches', () => {
  it('[batches:own-ids] ask the provider under its names, and are known under ours', async () => {
    const { file, answer, batch } = await begun();
    expect(answer.status).toBe(200);
    expect(batch).toMatchObject({ id: expect.stringMatching(/^batch_[0-9a-f]{32}$/), input_file_id: file });
    const [sent, started] = desk.calls;
    expect(sent?.text).toContain('"model":"openai-model"');
    expect(sent?.text).not.toContain('"model":"m"');
    expect(JSON.parse(started?.text ?? '')).toMatchObject({
      input_file_id: 'file-IN',
      endpoint: '/v1/chat/completions',
    });
    const listed = (await (await ask('GET', '/v1/batches')).json()) as { data: { id: string }[] };
    expect(listed.data.map(({ id }) => id)).toContain(batch.id);
    who = 'eve';
    expect((await ask('GET', `/v1/batches/${batch.id}`)).status).toBe(404);
    expect((await ask('POST', `/v1/batches/${batch.id}/cancel`)).status).toBe(404);
    const theirs = { input_file_id: file, endpoint: '/v1/chat/completions' };
    expect((await desk.post('/v1/batches', theirs)).status).toBe(404);
  });

  it.each([
    ['m', 50],
    ['full', 100],
    // A target's own price, ten times that of its Model.
    ['dear', 500],
  ])('[batches:priced] of %s are counted once, at their end, by what their answers tell', async (model, percent) => {
    const { batch } = await begun(model);
    const taken = desk.kept.reserved.find(({ needed }) => needed.requests === undefined);
    expect(taken).toMatchObject({ times: 1, settled: { tokens: expect.any(Number) } });
    desk.kept.records.length = 0;
    desk.script(provider('completed'));
    for (let times = 0; times < 2; times++) {
      const told = (await (await ask('GET', `/v1/batches/${batch.id}`)).json()) as { output_file_id: string };
      expect(told.output_file_id).toMatch(/^file-[0-9a-f]{32}$/);
      const output = await (await ask('GET', `/v1/files/${told.output_file_id}/content`)).text();
      expect(output.split('\n')).toHaveLength(2);
    }
    const priced = desk.kept.records.filter(({ model: of }) => of === model);
    // 3,000 tokens in at a dollar, 1,000 out at two, for a million.
    expect(priced).toMatchObject([
      { endpoint: 'batches', inputTokens: 3000, outputTokens: 1000, costNanoUsd: (5_000_000 * percent) / 100 },
    ]);
  });

  it.each<[string, readonly (object | string)[], number]>([
    [
      'tools',
      [line(), line({ custom_id: 'b', body: body({ tools: [{ type: 'function', function: { name: 'f' } }] }) })],
      400,
    ],
    [
      'results of tools',
      [line({ body: body({ messages: [{ role: 'tool', tool_call_id: 'c', content: 'x' }] }) })],
      400,
    ],
    ['a model that is not there', [line({ body: body({ model: 'none' }) })], 404],
    ['a model whose provider takes none', [line({ body: body({ model: 'a' }) })], 400],
    ['a model that puts texts into requests', [line({ body: body({ model: 'kind' }) })], 400],
    ['two models', [line(), line({ custom_id: 'b', body: body({ model: 'full' }) })], 400],
    ['another endpoint', [line({ url: '/v1/responses' })], 400],
    ['a path that leads elsewhere', [line({ url: '/v1/chat/../files' })], 400],
    ['one id twice', [line(), line()], 400],
    ['a stream', [line({ body: body({ stream: true }) })], 400],
    [
      'a file of the account',
      [
        line({
          body: body({ messages: [{ role: 'user', content: [{ type: 'file', file: { file_id: 'file-X' } }] }] }),
        }),
      ],
      404,
    ],
    [
      'a picture to be fetched',
      [
        line({
          body: body({
            messages: [
              { role: 'user', content: [{ type: 'image_url', image_url: { url: 'https://evil.example/a' } }] },
            ],
          }),
        }),
      ],
      403,
    ],
    ['a wish that no batch meets', [line({ body: body({ provider: { zdr: true } }) })], 400],
    ['what only the gateway could do', [line({ body: body({ num_retries: 1 }) })], 400],
    [
      'the same of what is no chat',
      [line({ url: '/v1/embeddings', body: { model: 'm', input: 'hi', usage: { include: true } } })],
      400,
    ],
    ['a key twice', ['{"custom_id":"a","custom_id":"b"}'], 400],
    ['no JSON', ['{'], 400],
    ['nothing', [], 400],
  ])('[batches:checked] are refused with %s, and say in which line', async (_what, lines, status) => {
    const answer = await upload(lines);
    const { error } = (await answer.json()) as { error: { message: string } };
    expect(answer.status).toBe(status);
    if (lines.length > 0) expect(error.message).toContain(`Line ${lines.length}: `);
    expect(desk.calls).toEqual([]);
  });

  it('[batches:checked] ask for no more tokens than the Model allows', async () => {
    desk.script(provider('validating'));
    const free = { model: 'short', messages: [{ role: 'user', content: 'hi' }] };
    await upload([line({ body: { ...free, max_tokens: 9 } }), line({ custom_id: 'b', body: free })]);
    expect(desk.calls[0]?.text).toContain('"max_tokens":5');
    expect(desk.calls[0]?.text).toContain('"max_completion_tokens":5');
  });

  it('[batches:checked] go nowhere where their model may not be served', async () => {
    const answer = await upload([line({ body: body({ model: 'abroad' }) })]);
    expect([answer.status, await answer.json()]).toMatchObject([400, { error: { param: 'model' } }]);
    const form = new FormData();
    form.set('purpose', 'user_data');
    form.set('model', 'abroad');
    form.set('file', new Blob(['x']), 'a.txt');
    expect((await desk.post('/v1/files', form)).status).toBe(400);
    expect(desk.calls).toEqual([]);
  });

  it('[batches:checked] ask only what the key may ask by itself', async () => {
    expect((await upload([line()], narrow)).status).toBe(403);
    narrow.script(provider('validating'));
    expect((await upload([line({ url: '/v1/embeddings', body: { model: 'm', input: 'x' } })], narrow)).status).toBe(
      200,
    );
    const { file } = await begun();
    const other = await desk.post('/v1/batches', { input_file_id: file, endpoint: '/v1/embeddings' });
    expect(other.status).toBe(400);
  });
});
