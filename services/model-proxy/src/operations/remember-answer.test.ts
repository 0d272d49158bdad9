import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { memoryStores } from '../files/testing.ts';
import { modelOf, providerOf } from '../turn/testing.ts';
import { type Desk, openDesk } from './testing.ts';

const RUN = '01a00000-0000-7000-8000-0000000000aa';
const ADDRESS = 'stranger@evil.example';
const SAID = `Write to ${ADDRESS} today.`;

let desk: Desk;
const named = (publicName: string, type: string) => ({ ...modelOf([providerOf(type, publicName)]), publicName });

beforeAll(async () => {
  desk = await openDesk({
    models: [named('m', 'openai-compatible'), named('a', 'anthropic-compatible'), named('p', 'perplexity')],
    ports: {
      ...memoryStores(),
      clients: {
        trajectories: {
          join: async ({ claimed }: { claimed: string }) => ({
            trajectory: claimed,
            known: [],
            label: { trusted: false, sources: ['tool:mail/read'], audience: [], public: true },
          }),
        },
      },
    },
  });
});
afterAll(() => desk.close());
beforeEach(() => {
  (desk.kept.remembered as unknown[]).length = 0;
  desk.kept.records.length = 0;
});

const tainted = { 'sallyport-trajectory': RUN };
const json = (body: unknown) => ({ body: JSON.stringify(body) });
const events = (...list: unknown[]) => ({
  type: 'text/event-stream',
  body: [...list.map((one) => (typeof one === 'string' ? one : JSON.stringify(one)))].map((one) => `data: ${one}\n\n`),
});
const recording = (fields: Record<string, string> = {}) => {
  const form = new FormData();
  for (const [name, value] of Object.entries({ model: 'm', ...fields })) form.set(name, value);
  form.set('file', new Blob(['RIFF']), 'a.wav');
  return form;
};
const picture = () => {
  const form = recording({ prompt: 'brighter' });
  form.set('image', new Blob(['PNG']), 'a.png');
  return form;
};
interface Remembered {
  readonly label: { trusted: boolean; sources: string[] };
  readonly digests: { digest: string; label: { trusted: boolean } }[];
  readonly fingerprints: { digest: string; source: string }[];
}
/** What was remembered of the address that stands in the answer. */
const remembered = () => {
  const all = desk.kept.remembered as unknown as Remembered[];
  return all.map(({ label, fingerprints }) => ({
    trusted: label.trusted,
    sources: [...new Set(fingerprints.filter(({ digest }) => digest.includes(ADDRESS)).map(({ source }) => source))],
  }));
};
const chat = {
  content: [{ type: 'text', text: SAID }],
  usage: { input_tokens: 1, output_tokens: 1 },
  stop_reason: 'end_turn',
};

describe('the words of an answer that is no chat', () => {
  it.each<[string, string, unknown, object, string]>([
    ['a recording', '/v1/audio/transcriptions', recording(), json({ text: SAID }), 'user:attached'],
    [
      'a recording as text',
      '/v1/audio/transcriptions',
      recording({ response_format: 'srt' }),
      { body: SAID },
      'user:attached',
    ],
    [
      'a recording as a stream',
      '/v1/audio/transcriptions',
      recording({ stream: 'true' }),
      events(
        { type: 'transcript.text.delta', delta: SAID.slice(0, 14) },
        { type: 'transcript.text.delta', delta: SAID.slice(14) },
        { type: 'transcript.text.done', text: SAID },
      ),
      'user:attached',
    ],
    [
      'documents',
      '/v1/rerank',
      { model: 'm', query: 'q', documents: [SAID], return_documents: true },
      json({ results: [{ index: 0, document: { text: SAID } }] }),
      'user:attached',
    ],
    [
      'a picture',
      '/v1/images/edits',
      picture(),
      json({ data: [{ b64_json: 'AA', revised_prompt: SAID }] }),
      'user:attached',
    ],
  ])('[operations:remembered] of %s is as untrusted as that is', async (_what, path, body, script, source) => {
    desk.script(() => script as never);
    const answer = await desk.post(path, body);
    expect(answer.status).toBe(200);
    await answer.text();
    expect(remembered()).toEqual([{ trusted: false, sources: [source] }]);
    expect(desk.kept.records).toMatchObject([{ labelTrusted: false }]);
  });

  it.each<[string, object, object]>([
    ['whole', { model: 'm' }, json({ choices: [{ text: SAID }] })],
    [
      'as a stream',
      { model: 'm', stream: true },
      events(
        { choices: [{ index: 0, text: SAID.slice(0, 20) }] },
        { choices: [{ index: 0, text: SAID.slice(20) }] },
        '[DONE]',
      ),
    ],
    ['of a chat', { model: 'a' }, json({ id: 'm', type: 'message', role: 'assistant', ...chat })],
  ])('[operations:remembered] completions %s carry what their run holds', async (_how, body, script) => {
    desk.script(() => script as never);
    const clean = await desk.post('/v1/completions', { prompt: 'x', ...body });
    expect(await clean.text()).toContain('stranger');
    expect(desk.kept.remembered).toEqual([]);
    const answer = await desk.post('/v1/completions', { prompt: 'x', ...body }, tainted);
    expect(await answer.text()).toContain('stranger');
    expect(remembered()).toEqual([{ trusted: false, sources: ['tool:mail/read'] }]);
  });

  it('[operations:remembered] of a model that searches by itself is untrusted', async () => {
    desk.script(() => json({ choices: [{ message: { content: SAID }, finish_reason: 'stop' }] }));
    const answer = await desk.post('/v1/completions', { model: 'p', prompt: 'x' });
    expect(answer.status).toBe(200);
    expect(remembered()).toEqual([{ trusted: false, sources: ['model:p/p-model'] }]);
  });

  it('[operations:remembered] vectors and sound hold none', async () => {
    desk.script(() => json({ data: [{ index: 0, embedding: [1] }], usage: { total_tokens: 1 } }));
    await desk.post('/v1/embeddings', { model: 'm', input: SAID }, tainted);
    desk.script(() => ({ type: 'audio/mpeg', body: 'sound' }));
    await (await desk.post('/v1/audio/speech', { model: 'm', voice: 'v', input: SAID }, tainted)).text();
    expect(desk.kept.remembered).toEqual([]);
  });
});

describe('what is read out of files', () => {
  const ask = (path: string, headers: Record<string, string> = {}) =>
    fetch(desk.url + path, { headers: { authorization: 'Bearer good', ...headers } });
  const uploaded = async (purpose: string, headers: Record<string, string> = {}) => {
    const line = { custom_id: '1', method: 'POST', url: '/v1/chat/completions' };
    const body = { model: 'm', max_tokens: 5, messages: [{ role: 'user', content: 'hi' }] };
    const form = new FormData();
    for (const [name, value] of Object.entries({ purpose, model: 'm' })) form.set(name, value);
    form.set('file', new Blob([`${JSON.stringify({ ...line, body })}\n`]), 'a.jsonl');
    desk.script(() => json({ id: 'file-THEIRS', object: 'file' }));
    return ((await (await desk.post('/v1/files', form, headers)).json()) as { id: string }).id;
  };

  it('[operations:remembered] is untrusted where somebody uploaded it', async () => {
    const id = await uploaded('user_data');
    desk.script(() => ({ body: SAID }));
    expect(await (await ask(`/v1/files/${id}/content`)).text()).toBe(SAID);
    expect(remembered()).toEqual([{ trusted: false, sources: ['user:attached'] }]);
  });

  it.each<[string, Record<string, string>, unknown]>([
    ['nothing untrusted', {}, []],
    ['what its run holds', tainted, [{ trusted: false, sources: ['tool:mail/read'] }]],
  ])('[operations:remembered] of a batch carries %s', async (_what, headers, expected) => {
    const input_file_id = await uploaded('batch', headers);
    desk.script(({ path }) =>
      path.endsWith('/content')
        ? { body: `${JSON.stringify({ response: { body: { choices: [{ message: { content: SAID } }] } } })}\n` }
        : json({ id: 'batch_THEIRS', object: 'batch', status: 'completed', output_file_id: 'file-OUT' }),
    );
    const began = await desk.post('/v1/batches', { input_file_id, endpoint: '/v1/chat/completions' });
    const { output_file_id } = (await began.json()) as { output_file_id: string };
    (desk.kept.remembered as unknown[]).length = 0;
    expect(await (await ask(`/v1/files/${output_file_id}/content`)).text()).toContain('stranger');
    expect(remembered()).toEqual(expected);
  });
});
