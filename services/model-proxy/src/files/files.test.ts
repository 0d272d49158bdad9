import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Postgres, TenantClient } from '@sallyport/chassis/postgres';
import { sealer } from '@sallyport/chassis/seal';
import { type Desk, openDesk } from '../operations/testing.ts';
import { rowSeal } from '../responses/own-rows.ts';
import { modelOf, providerOf, somebody } from '../turn/testing.ts';
import { createFileStore } from './store.ts';
import { memoryStores } from './testing.ts';

const store = memoryStores();
let who = 'ann';
let desk: Desk;
const plain = providerOf('openai-compatible', 'plain');
const other = providerOf('openai', 'other');
const named = (publicName: string, ...providers: Parameters<typeof modelOf>[0]) => ({
  ...modelOf(providers),
  publicName,
});

beforeAll(async () => {
  desk = await openDesk({
    models: [
      named('m', plain),
      named('both', other, plain),
      named('o', other),
      named('a', providerOf('anthropic', 'ant')),
    ],
    ports: {
      files: store.files,
      principals: { authenticate: async () => somebody({ user: who, id: `key:${who}` }), onRevoked() {} },
    },
  });
});
afterAll(() => desk.close());
beforeEach(() => {
  who = 'ann';
  desk.calls.length = 0;
  desk.kept.records.length = 0;
});

const form = (fields: Record<string, string> = {}) => {
  const made = new FormData();
  for (const [name, value] of Object.entries({ purpose: 'user_data', model: 'm', ...fields })) made.set(name, value);
  made.set('file', new Blob(['%PDF'], { type: 'application/pdf' }), 'a.pdf');
  return made;
};
const uploaded = async (): Promise<string> => {
  desk.script(() => ({ body: JSON.stringify({ id: 'file-THEIRS', object: 'file', filename: 'a.pdf', bytes: 4 }) }));
  const answer = await desk.post('/v1/files', form());
  return ((await answer.json()) as { id: string }).id;
};
const ask = (method: string, path: string) =>
  fetch(desk.url + path, { method, headers: { authorization: 'Bearer good' } });

describe('files', () => {
  it('[files:own-ids] are uploaded to the provider of the model, and known by an id of ours', async () => {
    const id = await uploaded();
    expect(id).toMatch(/^file-[0-9a-f]{32}$/);
    expect(desk.calls).toMatchObject([{ method: 'POST', path: '/files', provider: 'plain' }]);
    expect(desk.calls[0]?.text).toContain('%PDF');
    expect(desk.calls[0]?.text).not.toContain('name="model"');
    expect(desk.kept.records).toMatchObject([{ endpoint: 'files', outcome: 'ok', costNanoUsd: 0 }]);
    const told = await ask('GET', `/v1/files/${id}`);
    expect([told.status, await told.json()]).toEqual([200, { id, object: 'file', filename: 'a.pdf', bytes: 4 }]);
    const listed = (await (await ask('GET', '/v1/files')).json()) as { data: { id: string }[] };
    expect(listed.data.map((file) => file.id)).toContain(id);
    expect(JSON.stringify(listed)).not.toContain('THEIRS');
  });

  it('[files:own-ids] are of whoever uploaded them; to others, and under their id at the provider, they are not there', async () => {
    const id = await uploaded();
    desk.calls.length = 0;
    who = 'eve';
    for (const [method, path] of [
      ['GET', `/v1/files/${id}`],
      ['GET', `/v1/files/${id}/content`],
      ['DELETE', `/v1/files/${id}`],
      ['GET', '/v1/files/file-THEIRS'],
    ] as const) {
      expect((await ask(method, path)).status).toBe(404);
    }
    expect(((await (await ask('GET', '/v1/files')).json()) as { data: object[] }).data).toEqual([]);
    expect(desk.calls).toEqual([]);
    expect(store.holdsFile(id)).toBe(true);
  });

  it('[files:content] are read back as bytes, never as a page, and deleted there and here', async () => {
    const id = await uploaded();
    desk.script(() => ({ type: 'text/html', body: '<script>' }));
    const content = await ask('GET', `/v1/files/${id}/content`);
    expect([content.headers.get('content-type'), await content.text()]).toEqual([
      'application/octet-stream',
      '<script>',
    ]);
    expect(desk.calls.at(-1)).toMatchObject({ method: 'GET', path: '/files/file-THEIRS/content' });
    desk.script(() => ({ body: '{"id":"file-THEIRS","deleted":true}' }));
    const gone = await ask('DELETE', `/v1/files/${id}`);
    expect(await gone.json()).toEqual({ id, object: 'file', deleted: true });
    expect(desk.calls.at(-1)).toMatchObject({ method: 'DELETE', path: '/files/file-THEIRS' });
    expect((await ask('GET', `/v1/files/${id}`)).status).toBe(404);
  });

  it.each([
    ['training', { purpose: 'fine-tune' }, 400],
    ['a model that is not there', { model: 'none' }, 404],
    ['a provider that keeps none', { model: 'a' }, 400],
  ])('[files:refused] are refused for %s', async (_what, fields, status) => {
    desk.script(() => ({ body: '{}' }));
    expect((await desk.post('/v1/files', form(fields))).status).toBe(status);
    expect(desk.calls).toEqual([]);
    expect(desk.kept.records).toMatchObject([{ endpoint: 'files', outcome: 'refused' }]);
  });

  it('[files:in-chat] stand under the provider’s id in what goes to it, and only there', async () => {
    const id = await uploaded();
    const content = [
      { type: 'file', file: { file_id: id } },
      { type: 'text', text: 'Read it.' },
    ];
    const body = (model: string) => ({ model, messages: [{ role: 'user', content }] });
    const chat = {
      id: 'c',
      choices: [{ index: 0, message: { role: 'assistant', content: 'read' }, finish_reason: 'stop' }],
    };
    desk.script(() => ({ body: JSON.stringify(chat) }));
    for (const model of ['m', 'both']) {
      desk.calls.length = 0;
      const answer = await desk.post('/v1/chat/completions', body(model));
      expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining('read')]);
      expect(desk.calls.map(({ provider }) => provider)).toEqual(['plain']);
      expect(desk.calls[0]?.text).toContain('"file-THEIRS"');
      expect(desk.calls[0]?.text).not.toContain(id);
    }
    desk.calls.length = 0;
    const elsewhere = await desk.post('/v1/chat/completions', body('o'));
    expect([elsewhere.status, await elsewhere.json()]).toMatchObject([400, { error: { code: 'unsupported' } }]);
    who = 'eve';
    expect((await desk.post('/v1/chat/completions', body('m'))).status).toBe(404);
    who = 'ann';
    const theirs = [{ type: 'file', file: { file_id: 'file-THEIRS' } }];
    const foreign = await desk.post('/v1/chat/completions', {
      model: 'm',
      messages: [{ role: 'user', content: theirs }],
    });
    expect(foreign.status).toBe(404);
    const escaped = JSON.stringify(body('m')).replace(id, `\\u0066${id.slice(1)}`);
    expect((await desk.post('/v1/chat/completions', escaped)).status).toBe(404);
    expect(desk.calls).toEqual([]);
  });
});

describe('the store of files', () => {
  it('[files:sealed] seals where a file is, for its row alone', async () => {
    const asked: { tenant: string; values: readonly unknown[] }[] = [];
    let rows: Record<string, unknown>[] = [];
    const postgres = {
      withTenant: async (tenant: string, work: (client: TenantClient) => Promise<unknown>) =>
        work({
          query: async (_sql: string, values: readonly unknown[] = []) => {
            asked.push({ tenant, values });
            return { rows: rows as never, rowCount: rows.length };
          },
        }),
    } as unknown as Postgres;
    const files = createFileStore(postgres, rowSeal(sealer([{ id: 'k1', key: randomBytes(32) }])), 60_000);
    const owner = { tenant: 'acme', principalId: 'key:k1', user: 'ann' };
    const file = {
      id: 'file-1',
      provider: 'plain',
      providerUid: 'u',
      providerId: 'THEIRS-CANARY',
      purpose: 'user_data',
      told: { filename: 'NAME-CANARY' },
    };
    await files.keep(owner, file);
    expect(asked[0]?.values.slice(0, 5)).toEqual(['acme', 'key:k1', 'ann', 'file-1', 'user_data']);
    const sealed = asked[0]?.values.find((value) => Buffer.isBuffer(value)) as Buffer;
    expect(sealed.includes('CANARY')).toBe(false);
    rows = [{ id: 'file-1', purpose: 'user_data', sealed }];
    expect(await files.find(owner, 'file-1')).toEqual(file);
    expect(await files.list(owner, { order: 'desc', limit: 1 })).toEqual({ files: [file], more: false });
    for (const foreign of [
      { ...owner, tenant: 'evil' },
      { ...owner, principalId: 'key:k2' },
      { ...owner, user: 'eve' },
    ]) {
      await expect(files.find(foreign, 'file-1')).rejects.toThrow('could not be opened');
    }
  });
});
