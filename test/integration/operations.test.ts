import { GoogleGenAI } from '@google/genai';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import OpenAI, { toFile } from 'openai';
import { findSecret } from '../fakes/listening.ts';
import { type OperationsProvider, startOperationsProvider } from '../fakes/operations-provider.ts';
import { type FakeProvider, startFakeProvider } from '../fakes/provider.ts';
import { shareGlobalDispatcher } from '../support/global-dispatcher.ts';
import { type HttpClient, httpClient } from '../support/http-client.ts';
import { MODEL_PLANE } from '../support/planes.ts';
import { admin, eventually, PROVIDER_KEY, type ResourceInit, suiteWith, type TestSuite } from '../support/suite.ts';

let provider: OperationsProvider;
let chat: FakeProvider;
let suite: TestSuite;
let openai: OpenAI;
let gemini: GoogleGenAI;
let client: HttpClient;

const PRICE = {
  inputPerMillionTokens: '1',
  outputPerMillionTokens: '2',
  perImage: '0.04',
  perMillionCharacters: '15',
  perHourOfAudio: '0.36',
  perThousandSearches: '2',
};

shareGlobalDispatcher();

function resources(): ResourceInit[] {
  const providerOf = (name: string, type: string, baseURL: string) => ({
    kind: 'ModelProvider',
    name,
    spec: { type, baseURL, allowPrivateNetwork: true, credentials: { secretRef: { name: 'provider', key: 'key' } } },
  });
  const model = (name: string, ...targets: string[]) => ({
    kind: 'Model',
    name,
    spec: {
      targets: targets.map((target) => {
        const [to = '', as = name] = target.split('/');
        return { provider: to, model: as };
      }),
      price: PRICE,
      retry: { attempts: 0 },
    },
  });
  const key = (name: string, fields: object = {}) => ({
    kind: 'VirtualKey',
    name,
    spec: { owner: 'dana', targetSecret: { name: `${name}-key`, key: 'key' }, ...fields },
  });
  const passthrough = [{ provider: 'plain', methods: ['GET'], paths: ['/vector_stores', '/vector_stores/*'] }];
  return [
    { kind: 'Secret', name: 'provider', stringData: { key: PROVIDER_KEY } },
    providerOf('plain', 'openai-compatible', provider.openAiUrl),
    providerOf('google', 'gemini-compatible', provider.geminiUrl),
    providerOf('claude', 'anthropic-compatible', `${chat.anthropicUrl}/v1`),
    model('any', 'plain/any'),
    model('embed-g', 'google/embed'),
    model('talk', 'claude/echo'),
    model('shaky', 'claude/echo', 'plain/broken-500', 'plain/any'),
    model('busy', 'plain/broken-429'),
    { kind: 'AccessPolicy', name: 'all', spec: { subjects: { everyone: true }, models: ['*'], passthrough } },
    key('demo'),
    key('bound', { endpoints: ['embeddings'], models: ['any'] }),
    key('limited', { owner: 'erin' }),
    key('stranger', { owner: 'eve' }),
    key('admin', { owner: 'ada', role: 'Admin' }),
    { kind: 'Limit', name: 'one', spec: { match: { keys: ['limited'] }, per: 'User', requests: 1, window: '720h' } },
  ];
}

beforeAll(async () => {
  [provider, chat] = await Promise.all([
    startOperationsProvider(PROVIDER_KEY),
    startFakeProvider({ key: PROVIDER_KEY }),
  ]);
  suite = await suiteWith(resources(), {
    services: MODEL_PLANE,
  });
  openai = new OpenAI({ baseURL: `${suite.endpoint}/v1`, apiKey: suite.key, maxRetries: 0 });
  gemini = new GoogleGenAI({
    apiKey: suite.key,
    httpOptions: { baseUrl: `${suite.endpoint}/gemini`, apiVersion: 'v1beta' },
  });
  client = httpClient(suite.endpoint, suite.key);
  await eventually(
    () => client.send('POST', '/v1/embeddings', { model: 'any', input: 'warm' }),
    ({ status }) => status === 200,
    15_000,
  );
}, 120_000);

afterAll(async () => {
  await suite?.end();
  await Promise.all([provider?.close(), chat?.close()]);
}, 30_000);

beforeEach(() => {
  provider.requests.length = 0;
});

interface Kept {
  readonly records: {
    readonly kind: string;
    readonly outcome: string;
    readonly endpoint: string;
    readonly errorCode?: string;
    readonly attempts?: readonly { readonly outcome: string }[];
  }[];
}

/** The one record of a request. */
async function recordOf({ headers }: { headers: { get(name: string): string | null } }) {
  const run = await eventually(
    () => admin<Kept>(suite, `trajectories/${headers.get('sallyport-trajectory')}`).catch(() => ({ records: [] })),
    ({ records }) => records.length > 0,
  );
  expect(run.records).toHaveLength(1);
  return run.records[0];
}

describe('the OpenAI SDK', () => {
  it('[operations:embeddings] embeds, packed and plain, and leaves one record with its price', async () => {
    const { data, response } = await openai.embeddings.create({ model: 'any', input: ['ab', 'abc'] }).withResponse();
    expect(data.data.map(({ embedding }) => embedding)).toEqual([
      [2, 0.5, -1],
      [3, 0.5, -1],
    ]);
    expect(response.headers.get('sallyport-cost-usd')).toBe('0.000005');
    expect(await recordOf(response)).toMatchObject({ kind: 'model_call', endpoint: 'embeddings', outcome: 'ok' });
    const translated = await openai.embeddings.create({ model: 'embed-g', input: 'abcd', dimensions: 3 });
    expect(translated.data[0]?.embedding).toEqual([4, 0.5, -1]);
  });

  it('[operations:completions-stream] completes, whole and streamed, natively and by chat', async () => {
    for (const model of ['any', 'talk']) {
      const whole = await openai.completions.create({ model, prompt: 'fox' });
      expect([whole.object, whole.choices[0]?.text]).toEqual(['text_completion', expect.stringContaining('fox')]);
      let text = '';
      let usage: object | null | undefined;
      const options = { include_usage: true };
      for await (const chunk of await openai.completions.create({
        model,
        prompt: 'fox',
        stream: true,
        stream_options: options,
      })) {
        text += chunk.choices[0]?.text ?? '';
        usage = chunk.usage ?? usage;
      }
      expect(text).toContain('fox');
      expect(usage).toMatchObject({ prompt_tokens: expect.any(Number) });
    }
  });

  it('[operations:moderations] moderates, and [operations:rerank] whoever asks as Cohere does reranks', async () => {
    const { results } = await openai.moderations.create({ model: 'any', input: 'x' });
    expect(results[0]?.flagged).toBe(true);
    for (const path of ['/v1/rerank', '/v2/rerank']) {
      const answer = await client.send('POST', path, { model: 'any', query: 'q', documents: ['a', 'b'] });
      expect([answer.status, answer.headers.get('sallyport-cost-usd')]).toEqual([200, '0.002']);
    }
  });

  it('[operations:images] makes pictures, and [operations:forms] changes them', async () => {
    const made = await openai.images.generate({ model: 'any', prompt: 'a fox' }).withResponse();
    expect([made.data.data?.[0]?.b64_json, made.response.headers.get('sallyport-cost-usd')]).toEqual(['UE5H', '0.04']);
    const image = await toFile(Buffer.from('PNG'), 'fox.png', { type: 'image/png' });
    const edited = await openai.images.edit({ model: 'any', prompt: 'bluer', image: [image] });
    expect(edited).toMatchObject({ form: { model: 'any', prompt: 'bluer', 'image[]': 'fox.png:3' } });
    expect((await openai.images.createVariation({ model: 'any', image })).data).toHaveLength(1);
  });

  it('[operations:transcriptions] hears, and [operations:speech] speaks', async () => {
    const file = () => toFile(Buffer.alloc(64_000, 1), 'a.wav', { type: 'audio/wav' });
    const heard = await openai.audio.transcriptions.create({ model: 'any', file: await file() }).withResponse();
    expect([heard.data.text, heard.response.headers.get('sallyport-cost-usd')]).toEqual(['hello', '0.002']);
    const pieces: string[] = [];
    for await (const event of await openai.audio.transcriptions.create({
      model: 'any',
      file: await file(),
      stream: true,
    })) {
      pieces.push(event.type);
    }
    expect(pieces).toEqual(['transcript.text.delta', 'transcript.text.done']);
    expect((await openai.audio.translations.create({ model: 'any', file: await file() })).text).toBe('hello');
    const spoken = await openai.audio.speech.create({ model: 'any', voice: 'alloy', input: 'hello' });
    expect([...Buffer.from(await spoken.arrayBuffer())]).toEqual([0xff, 0xfb, 0x90, 0x00]);
  });

  it('[operations:fallback] is answered by the next target that serves, and told in its own errors where none does', async () => {
    const { response } = await openai.embeddings.create({ model: 'shaky', input: 'x' }).withResponse();
    expect(response.headers.get('sallyport-model')).toBe('any');
    expect(await recordOf(response)).toMatchObject({ attempts: [{ outcome: 'error' }, { outcome: 'ok' }] });
    await expect(openai.embeddings.create({ model: 'talk', input: 'x' })).rejects.toMatchObject({
      code: 'unsupported',
    });
    await expect(openai.embeddings.create({ model: 'busy', input: 'x' })).rejects.toBeInstanceOf(OpenAI.RateLimitError);
    await expect(openai.embeddings.create({ model: 'none', input: 'x' })).rejects.toBeInstanceOf(OpenAI.NotFoundError);
  });
});

describe('the Gemini SDK', () => {
  it.each(['any', 'embed-g'])('[operations:embeddings-gemini] embeds by %s', async (model) => {
    const { embeddings } = await gemini.models.embedContent({ model, contents: ['ab', 'abc'] });
    expect(embeddings?.map(({ values }) => values)).toEqual([
      [2, 0.5, -1],
      [3, 0.5, -1],
    ]);
  });
});

describe('what stands around an operation', () => {
  it('[operations:access] keys are bound to endpoints and models, and limits count', async () => {
    const bound = httpClient(suite.endpoint, await suite.keyOf('default', 'bound'));
    const embed = (to: HttpClient, model: string) => to.send('POST', '/v1/embeddings', { model, input: 'x' });
    expect((await embed(bound, 'any')).status).toBe(200);
    expect((await embed(bound, 'embed-g')).status).toBe(404);
    expect((await bound.send('POST', '/v1/moderations', { model: 'any', input: 'x' })).status).toBe(403);
    const limited = httpClient(suite.endpoint, await suite.keyOf('default', 'limited'));
    expect([(await embed(limited, 'any')).status, (await embed(limited, 'any')).status]).toEqual([200, 429]);
  });

  it('[operations:no-urls] URLs go to no provider, and the credential of a caller neither', async () => {
    const refused = await client.send('POST', '/v1/moderations', {
      model: 'any',
      input: [{ type: 'image_url', image_url: { url: 'https://evil.example/?secret' } }],
    });
    expect([refused.status, refused.code]).toEqual([403, 'policy_denied']);
    await client.send('POST', '/v1/embeddings', { model: 'any', input: 'x' });
    expect(provider.requests).toHaveLength(1);
    expect(provider.requests.flatMap((request) => findSecret(request, suite.key))).toEqual([]);
  });
});

describe('what is passed through', () => {
  it('[passthrough:as-it-is] reaches the provider with its own credential, and leaves a record', async () => {
    const through = new OpenAI({ baseURL: `${suite.endpoint}/passthrough/plain`, apiKey: suite.key, maxRetries: 0 });
    const { data, response } = await through.vectorStores.list({ limit: 1 }).withResponse();
    expect(data.data.map(({ id }) => id)).toEqual(['vs_fake']);
    expect(response.headers.get('set-cookie')).toBeNull();
    const [request] = provider.requests;
    expect(request).toMatchObject({ method: 'GET', path: '/openai/v1/vector_stores?limit=1' });
    expect(request?.headers.authorization).toBe(`Bearer ${PROVIDER_KEY}`);
    expect(provider.requests.flatMap((one) => findSecret(one, suite.key))).toEqual([]);
    expect(await recordOf(response)).toMatchObject({ endpoint: 'passthrough', outcome: 'ok' });
  });

  it('[passthrough:explicit] is nothing that no AccessPolicy names', async () => {
    const bound = httpClient(suite.endpoint, await suite.keyOf('default', 'bound'));
    const post = await client.send('POST', '/passthrough/plain/vector_stores', { name: 'x' });
    const other = await client.get('/passthrough/plain/files');
    const foreign = await client.get('/passthrough/none/vector_stores');
    expect([post.status, other.status, foreign.status]).toEqual([404, 404, 404]);
    expect(other.text.replace(/"trajectory":"[^"]+"/, '')).toBe(foreign.text.replace(/"trajectory":"[^"]+"/, ''));
    expect((await bound.get('/passthrough/plain/vector_stores')).status).toBe(403);
    expect((await client.get('/passthrough/plain/vector_stores/a%2f..%2ffiles')).status).toBe(400);
    expect(provider.requests).toEqual([]);
  });
});

describe('files', () => {
  it('[files:own-ids] are kept for whoever uploaded them, and [files:in-chat] read by the model', async () => {
    const file = await openai.files.create({
      file: await toFile(Buffer.from('%PDF'), 'a.pdf', { type: 'application/pdf' }),
      purpose: 'user_data',
    });
    expect(file).toMatchObject({ filename: 'a.pdf:4', purpose: 'user_data' });
    expect(file.id).not.toContain('THEIRS');
    expect((await openai.files.list()).data.map(({ id }) => id)).toEqual([file.id]);
    expect((await openai.files.retrieve(file.id)).id).toBe(file.id);
    expect(await (await openai.files.content(file.id)).text()).toBe('%PDF');

    const content = [{ type: 'file' as const, file: { file_id: file.id } }];
    const read = { model: 'any', messages: [{ role: 'user' as const, content }] };
    expect((await openai.chat.completions.create(read)).choices[0]?.message.content).toContain('"file-THEIRS"');

    // Another key, of another person.
    const key = await suite.keyOf('default', 'stranger');
    const stranger = new OpenAI({ baseURL: `${suite.endpoint}/v1`, apiKey: key, maxRetries: 0 });
    expect((await stranger.files.list()).data).toEqual([]);
    await expect(stranger.files.retrieve(file.id)).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    await expect(stranger.files.delete(file.id)).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    await expect(stranger.chat.completions.create(read)).rejects.toBeInstanceOf(OpenAI.NotFoundError);

    expect(await openai.files.delete(file.id)).toMatchObject({ id: file.id, deleted: true });
    await expect(openai.files.retrieve(file.id)).rejects.toBeInstanceOf(OpenAI.NotFoundError);
  });
});

describe('batches', () => {
  it('[batches:own-ids] go to the provider under its names, and are priced at their end', async () => {
    const body = { model: 'any', messages: [{ role: 'user', content: 'hi' }] };
    const line = { custom_id: 'a', method: 'POST', url: '/v1/chat/completions', body };
    const upload = async (of: object) =>
      openai.files.create({ purpose: 'batch', file: await toFile(Buffer.from(JSON.stringify(of)), 'b.jsonl') });
    const tools = { ...body, tools: [{ type: 'function', function: { name: 'f' } }] };
    await expect(upload({ ...line, body: tools })).rejects.toMatchObject({ code: 'unsupported' });
    const file = await upload(line);
    const asked = { input_file_id: file.id, endpoint: '/v1/chat/completions', completion_window: '24h' } as const;
    const begun = await openai.batches.create(asked);
    expect([begun.status, begun.input_file_id]).toEqual(['validating', file.id]);
    expect(provider.requests.at(-1)?.json).toMatchObject({ input_file_id: 'file-THEIRS' });
    const { data, response } = await openai.batches.retrieve(begun.id).withResponse();
    expect(data.status).toBe('completed');
    expect(await (await openai.files.content(data.output_file_id ?? '')).text()).toContain('1000000');
    const run = await eventually(
      () =>
        // A run is there with the first of its records.
        admin<{ records: object[] }>(suite, `trajectories/${response.headers.get('sallyport-trajectory')}`).catch(
          () => ({
            records: [],
          }),
        ),
      ({ records }) => records.length === 3,
    );
    expect(run.records).toContainEqual(
      expect.objectContaining({ model: 'any', inputTokens: 1_000_000, costNanoUsd: 1_000_002_000 }),
    );
  });
});
