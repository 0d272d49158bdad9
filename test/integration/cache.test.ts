import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort } from '@sallyport/cli/dev/ports';
import OpenAI from 'openai';
import { type FakeProvider, startFakeProvider } from '../fakes/provider.ts';
import { shareGlobalDispatcher } from '../support/global-dispatcher.ts';
import { type HttpClient, httpClient } from '../support/http-client.ts';
import { MODEL_PLANE } from '../support/planes.ts';
import { admin, eventually, openHouse, PRICE, PROVIDER_KEY, suiteWith, type TestSuite } from '../support/suite.ts';

// A machine may have no Redis: then there is one replica, which keeps its answers itself, and what needs two is skipped.
const REDIS = process.env.REDIS_SERVER ?? 'redis-server';
const hasRedis = spawnSync(REDIS, ['--version']).status === 0;
const withRedis = hasRedis ? it : it.skip;

let provider: FakeProvider;
let suite: TestSuite;
let redis: ChildProcess | undefined;
let port = 0;
let replicas: HttpClient[];

shareGlobalDispatcher();

const model = (name: string, spec: object) => ({
  kind: 'Model',
  name,
  spec: { targets: [{ provider: 'fake-openai', model: name }], price: PRICE, retry: { attempts: 0 }, ...spec },
});
const keptModel = model('kept', { cache: { ttl: '1h' } });
const decorated = (text: string) => model('told', { cache: { ttl: '1h' }, decoration: { prepend: [text] } });

async function startRedis() {
  redis = spawn(REDIS, ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  for await (const line of redis.stdout ?? []) if (String(line).includes('Ready to accept')) break;
}
async function killRedis() {
  if (redis === undefined || redis.exitCode !== null || redis.signalCode !== null) return;
  const gone = new Promise((resolve) => redis?.once('exit', resolve));
  redis.kill('SIGKILL');
  await gone;
}

beforeAll(async () => {
  port = await freePort();
  if (hasRedis) await startRedis();
  provider = await startFakeProvider({ key: PROVIDER_KEY });
  let answers = 0;
  provider.script('kept', () => ({ text: `answer ${++answers}`, usage: { input: 1_000, output: 500 } }));
  suite = await suiteWith([...openHouse(provider, ['echo']), keptModel, decorated('Be kind.')], {
    services: MODEL_PLANE,
    ...(hasRedis
      ? {
          replicas: { 'model-proxy': 2 },
          overrides: { 'model-proxy': { redis: { url: `redis://127.0.0.1:${port}` } } },
        }
      : {}),
  });
  replicas = ['model-proxy', ...(hasRedis ? ['model-proxy-2'] : [])].map((name) =>
    httpClient(`http://127.0.0.1:${suite.ports[name]?.http}`, suite.key),
  );
}, 120_000);

afterAll(async () => {
  await suite?.end();
  await killRedis();
  await provider?.close();
}, 30_000);

const calls = () => provider.requests.filter(({ path }) => path.includes('completions')).length;
const textOf = (answer: { json<T>(): T }) =>
  answer.json<{ choices: { message: { content: string } }[] }>().choices[0]?.message.content;

describe('answers that are kept', () => {
  it('[cache:hit] are given again to the SDK, whole and streamed, for nothing; the records and sums say so', async () => {
    const openai = new OpenAI({ baseURL: `${suite.endpoint}/v1`, apiKey: suite.key, maxRetries: 0 });
    const messages = [{ role: 'user' as const, content: 'Once.' }];
    const before = calls();
    const first = await openai.chat.completions.create({ model: 'kept', messages }).withResponse();
    const second = await openai.chat.completions.create({ model: 'kept', messages }).withResponse();
    expect([first, second].map(({ response }) => response.headers.get('sallyport-cache'))).toEqual(['miss', 'hit']);
    expect(second.data).toEqual(first.data);
    expect(second.response.headers.get('sallyport-cost-usd')).toBe('0');
    expect(Number(second.response.headers.get('age'))).toBeLessThan(20);
    let streamed = '';
    for await (const chunk of await openai.chat.completions.create({ model: 'kept', messages, stream: true }))
      streamed += chunk.choices[0]?.delta.content ?? '';
    expect(streamed).toBe(first.data.choices[0]?.message.content);
    expect(calls() - before).toBe(1);
    const trajectory = second.response.headers.get('sallyport-trajectory');
    type Run = { records: { cache: string; costUsd?: string; inputTokens?: number; detail?: object }[] };
    const { records } = await eventually(
      () => admin<Run>(suite, `trajectories/${trajectory}`).catch((): Run => ({ records: [] })),
      (run) => run.records.length > 0,
    );
    expect(records).toMatchObject([
      { cache: 'hit', detail: { saved: { by: 'answer', nanoUsd: 2_000_000, tokens: 1_500 } } },
    ]);
    expect(records[0]?.inputTokens ?? 0).toBe(0);
  });

  it('[cache:controls] are not asked for where the client says so, in a header or as to LiteLLM', async () => {
    const [client] = replicas as [HttpClient];
    const fields = { messages: [{ role: 'user', content: 'Controls.' }] };
    const first = await client.chat('kept', fields);
    const fresh = await client.chat('kept', fields, { headers: { 'cache-control': 'no-cache' } });
    const litellm = await client.chat('kept', { ...fields, cache: { 'no-store': true } });
    expect([fresh, litellm].map(({ headers }) => headers.get('sallyport-cache'))).toEqual(['bypass', 'bypass']);
    expect(new Set([first, fresh, litellm].map(textOf)).size).toBe(3);
    expect(provider.requests.at(-1)?.json).not.toHaveProperty('cache');
    expect(textOf(await client.chat('kept', fields))).toBe(textOf(fresh));
  });

  it('[cache:replay] are given to a client of responses as responses of their own, which can be had again', async () => {
    const [client] = replicas as [HttpClient];
    type Said = { id: string; output: { content: { text: string }[] }[] };
    const ask = async (stream = false) =>
      client.send('POST', '/v1/responses', { model: 'kept', input: 'Respond.', stream });
    const first = (await ask()).json<Said>();
    const again = await eventually(ask, ({ headers }) => headers.get('sallyport-cache') === 'hit');
    const second = again.json<Said>();
    expect(second.id).not.toBe(first.id);
    expect(second.output[0]?.content[0]?.text).toMatch(/^answer \d+$/);
    const { text } = await ask(true);
    expect(text).toContain('event: response.completed');
    expect(text).toContain('sallyport-cache=hit');
    const kept = await client.get(`/v1/responses/${second.id}`);
    expect([kept.status, kept.json<Said>().output[0]?.content[0]?.text]).toEqual([
      200,
      second.output[0]?.content[0]?.text,
    ]);
  });
});

describe('answers that replicas share', () => {
  withRedis('[cache:sealed] are found by the other replica, and cannot be read in Redis', async () => {
    const fields = { messages: [{ role: 'user', content: 'Shared.' }] };
    const [one, two] = replicas as [HttpClient, HttpClient];
    const isHit = ({ headers }: { headers: Headers }) => headers.get('sallyport-cache') === 'hit';
    // Both have to stand on the same revision of policy, and an answer is kept in the background: soon, if not at once.
    await eventually(
      async () => [await one.chat('kept', fields), await two.chat('kept', fields)] as const,
      ([first, second]) => isHit(second) && second.text === first.text,
      15_000,
    );
    const dump = spawnSync('redis-cli', ['-p', `${port}`, '--scan', '--pattern', 'sallyport:model-proxy:*']);
    const [key = ''] = dump.stdout.toString().split('\n');
    expect(key).toMatch(/^sallyport:model-proxy:\{default\}:answer:[\w-]{43}$/);
    const value = spawnSync('redis-cli', ['-p', `${port}`, 'GET', key]).stdout;
    expect(value.length).toBeGreaterThan(100);
    expect(value.includes('content')).toBe(false);
  });

  withRedis(
    '[cache:away] go round a Redis that is killed, without an error or a wait, and are back with it',
    async () => {
      const fields = { messages: [{ role: 'user', content: 'Away.' }] };
      const [one] = replicas as [HttpClient];
      await one.chat('kept', fields);
      await killRedis();
      const began = Date.now();
      for (let n = 0; n < 5; n++) {
        const answer = await one.chat('kept', fields);
        expect([answer.status, answer.headers.get('sallyport-cache')]).toEqual([200, 'bypass']);
      }
      expect(Date.now() - began).toBeLessThan(3_000);
      await startRedis();
      await eventually(
        () => one.chat('kept', fields),
        ({ headers }) => headers.get('sallyport-cache') === 'hit',
        10_000,
      );
    },
  );
});

// Last: any change of a Model is a new revision of policy, on which replicas stand a moment later.
describe('a decoration that changes', () => {
  it('[decoration:texts] is in requests within a moment, and gets no answer of before', async () => {
    const [client] = replicas as [HttpClient];
    const ask = async () => {
      const answer = await client.chat('told');
      return { cache: answer.headers.get('sallyport-cache'), sent: JSON.stringify(provider.requests.at(-1)?.json) };
    };
    expect(await ask()).toMatchObject({ cache: 'miss', sent: expect.stringContaining('Be kind.') });
    expect(await ask()).toMatchObject({ cache: 'hit' });
    const began = Date.now();
    suite.apply('all', [...openHouse(provider, ['echo']), keptModel, decorated('Be brief.')]);
    await eventually(ask, ({ cache, sent }) => cache === 'miss' && sent.includes('Be brief.'));
    // A second, where nothing else keeps the machine busy.
    expect(Date.now() - began).toBeLessThan(4_000);
  });
});
