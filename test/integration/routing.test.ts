import Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import OpenAI from 'openai';
import { type MoodyProvider, startMoodyProvider } from '../fakes/moody-provider.ts';
import { MODEL_PLANE } from '../support/planes.ts';
import { admin, eventually, PRICE, type ResourceInit, suiteWith, type TestSuite } from '../support/suite.ts';

const NAMES = ['east', 'west', 'south', 'keyed', 'worn', 'narrow'] as const;
type Name = (typeof NAMES)[number];
const SEVERAL_KEYS: ReadonlySet<string> = new Set(['keyed', 'worn']);

const providers = {} as Record<Name, MoodyProvider>;
let suite: TestSuite;
let openai: OpenAI;
let anthropic: Anthropic;

const target = (provider: Name, more: object = {}) => ({ provider, model: `at-${provider}`, ...more });
// What one test makes of a provider must not keep the next one from it, however close they follow each other.
const NEVER = { failurePercent: 100, minimumCalls: 10_000, windowSeconds: 1, openSeconds: 1, probes: 1 };
const model = (name: string, targets: readonly object[], spec: object = {}): ResourceInit => ({
  kind: 'Model',
  name,
  spec: { targets, price: PRICE, retry: { attempts: 0 }, breaker: NEVER, ...spec },
});
const inOrder = (...names: Name[]) => names.map((name, priority) => target(name, { priority }));
const QUICK = { failurePercent: 50, minimumCalls: 2, windowSeconds: 10, openSeconds: 3, probes: 1 };

const models: readonly ResourceInit[] = [
  model('ordered', inOrder('east', 'west')),
  model('recovering', inOrder('south', 'west'), { breaker: QUICK }),
  model('spread', [target('east'), target('west')], { routing: { strategy: 'Sticky' } }),
  model('resident', [target('east', { region: 'us' }), target('west', { region: 'eu-west-1', priority: 1 })], {
    routing: { residency: [{ regions: ['eu'] }] },
    fallbacks: { errors: ['ordered'] },
  }),
  model('short', [target('east')], { fallbacks: { contextWindow: ['long'] } }),
  model('long', [target('west')]),
  model('bare', [target('east')]),
  model('by-keys', [target('keyed')]),
  model('worn-out', [target('worn')]),
  model('queued', [target('narrow', { capacity: { maxConcurrent: 1, queue: { size: 6, waitSeconds: 5 } } })]),
];

beforeAll(async () => {
  for (const name of NAMES) providers[name] = await startMoodyProvider(name);
  const secret = (name: string) => ({ kind: 'Secret', name, stringData: { key: `value-of-${name}` } });
  const ref = (name: string) => ({ name, key: 'key' });
  const virtualKey = (name: string, owner: string, more: object = {}) => ({
    kind: 'VirtualKey',
    name,
    spec: { owner, targetSecret: ref(`${name}-key`), ...more },
  });
  suite = await suiteWith(
    [
      secret('first'),
      secret('second'),
      ...NAMES.map((name) => ({
        kind: 'ModelProvider',
        name,
        spec: {
          type: 'openai-compatible',
          baseURL: providers[name].url,
          allowPrivateNetwork: true,
          timeouts: {
            connectSeconds: 1,
            firstByteSeconds: name === 'narrow' ? 4 : 1,
            idleSeconds: 1,
            totalSeconds: 10,
          },
          credentials: {
            secretRef: ref('first'),
            ...(SEVERAL_KEYS.has(name) ? { furtherSecretRefs: [ref('second')] } : {}),
          },
        },
      })),
      ...models,
      { kind: 'AccessPolicy', name: 'everyone', spec: { subjects: { everyone: true }, models: ['*'] } },
      virtualKey('demo', 'dana'),
      virtualKey('other', 'olga'),
      virtualKey('narrowed', 'nora', { models: ['bare'] }),
      virtualKey('admin', 'ada', { role: 'Admin' }),
    ],
    { services: MODEL_PLANE },
  );
  openai = new OpenAI({ baseURL: `${suite.endpoint}/v1`, apiKey: suite.key, maxRetries: 0 });
  anthropic = new Anthropic({ baseURL: `${suite.endpoint}/anthropic`, apiKey: suite.key, maxRetries: 0 });
}, 120_000);

afterAll(async () => {
  await suite?.end();
  await Promise.all(Object.values(providers).map((one) => one.close()));
}, 30_000);

const messages = [{ role: 'user' as const, content: 'hello' }];
/** What is answered to one request: the name of the provider that did. */
const said = async (name: string, body: object = {}, headers: Record<string, string> = {}) => {
  const answer = await openai.chat.completions.create({ model: name, messages, ...body } as never, { headers });
  return (answer as OpenAI.ChatCompletion).choices[0]?.message.content ?? '';
};
const streamed = async (name: string) => {
  let text = '';
  for await (const chunk of await openai.chat.completions.create({ model: name, messages, stream: true })) {
    text += chunk.choices[0]?.delta.content ?? '';
  }
  return text;
};
const calm = () => {
  for (const [name, one] of Object.entries(providers)) {
    one.mood = () => ({ text: name });
    one.asked.length = 0;
  }
};
const counts = () => NAMES.map((name) => providers[name].asked.length);

describe('targets that fail', () => {
  it('[routing:breaker-route] a breaker opens, spares the target, probes it and lets it back', async () => {
    calm();
    providers.south.mood = () => ({ status: 500 });
    for (let call = 0; call < 5; call++) expect(await said('recovering')).toBe('west');
    expect(providers.south.asked).toHaveLength(2);
    const metrics = await (await fetch(`http://127.0.0.1:${suite.ports['model-proxy']?.admin}/metrics`)).text();
    expect(metrics).toMatch(/target_breaker_state\{[^}]*provider="south"[^}]*\} 2/);
    providers.south.mood = () => ({ text: 'south' });
    expect(
      await eventually(
        () => said('recovering'),
        (who) => who === 'south',
      ),
    ).toBe('south');
    expect(await said('recovering')).toBe('south');
  });

  it('[routing:head-bounds] a slow first byte and a connection gone dead fall back, streaming and not', async () => {
    calm();
    // The connection of this call is kept, and the next ones are sent into it.
    expect(await said('ordered')).toBe('east');
    providers.east.mood = ({ index }) => ({ text: 'east', silent: index % 2 === 0 ? 'never' : 'head' });
    const all = await Promise.all([said('ordered'), streamed('ordered'), streamed('ordered'), claude('ordered')]);
    expect(all).toEqual(['west', 'west', 'west', 'west']);
  });

  it('[routing:context-window] a prompt that is too long goes to the Model for long ones', async () => {
    calm();
    providers.east.mood = () => ({ status: 400, message: "This model's maximum context length is 10 tokens." });
    const { response, data } = await openai.chat.completions.create({ model: 'short', messages }).withResponse();
    expect(data.choices[0]?.message.content).toBe('west');
    const attempts = await attemptsOf(response.headers.get('sallyport-trajectory') ?? '');
    expect(attempts).toMatchObject([
      { provider: 'east', outcome: 'error', error: 'context_length', credential: expect.stringContaining('first/key') },
      { provider: 'west', outcome: 'ok', via: 'long', why: expect.stringContaining('long after ContextWindow') },
    ]);
  });

  it('[routing:rest] a storm of 429 is answered by others, for as long as the provider asked', async () => {
    calm();
    providers.east.mood = () => ({ status: 429, headers: { 'retry-after': '3' } });
    await said('ordered');
    const answers = await Promise.all(Array.from({ length: 8 }, () => said('ordered')));
    expect(new Set(answers)).toEqual(new Set(['west']));
    expect(providers.east.asked).toHaveLength(1);
    providers.east.mood = () => ({ text: 'east' });
    expect(
      await eventually(
        () => said('ordered'),
        (who) => who === 'east',
      ),
    ).toBe('east');
  });
});

describe('where requests go', () => {
  it('[routing:residency] what must stay in a region never leaves it, fallback included', async () => {
    calm();
    expect(await said('resident')).toBe('west');
    providers.west.mood = () => ({ status: 500 });
    await expect(said('resident')).rejects.toMatchObject({ status: 502 });
    await expect(said('ordered', {}, { 'sallyport-region': 'eu' })).rejects.toMatchObject({ status: 403 });
    expect(providers.east.asked).toHaveLength(0);
  });

  it('[routing:sticky] a run keeps its target, and runs are spread', async () => {
    calm();
    const served = new Set<string>();
    for (let run = 0; run < 8; run++) {
      const { data, response } = await openai.chat.completions.create({ model: 'spread', messages }).withResponse();
      const first = data.choices[0]?.message.content ?? '';
      const headers = { 'sallyport-trajectory': response.headers.get('sallyport-trajectory') ?? '' };
      expect(await said('spread', {}, headers)).toBe(first);
      served.add(first);
    }
    expect(served).toEqual(new Set(['east', 'west']));
  });

  it("[routing:asked-fallbacks] LiteLLM's lists are tried for their cause alone, by those who may use what they name", async () => {
    calm();
    const tooLong = { status: 400, code: 'context_length_exceeded' };
    const refused = { status: 400, code: 'content_filter' };
    const lists = { context_window_fallbacks: [{ bare: ['long'] }], content_policy_fallbacks: ['nobody', 'long'] };
    providers.east.mood = () => tooLong;
    expect(await said('bare', lists)).toBe('west');
    expect(await claude('bare', lists)).toBe('west');
    providers.east.mood = () => refused;
    expect(await said('bare', lists)).toBe('west');
    await expect(said('bare', { context_window_fallbacks: ['long'] })).rejects.toMatchObject({ status: 400 });
    providers.east.mood = () => ({ status: 500 });
    await expect(said('bare', lists)).rejects.toBeInstanceOf(OpenAI.InternalServerError);
    // A key that may not use the Model is told of the failure, as if there was none of the name.
    providers.east.mood = () => tooLong;
    providers.west.asked.length = 0;
    const narrowed = new OpenAI({
      baseURL: `${suite.endpoint}/v1`,
      apiKey: await suite.keyOf('default', 'narrowed'),
      maxRetries: 0,
    });
    for (const name of ['long', 'nobody']) {
      const asked = { model: 'bare', messages, context_window_fallbacks: [{ bare: [name] }] };
      const error = await narrowed.chat.completions.create(asked as never).catch((caught: unknown) => caught);
      expect(error).toMatchObject({ status: 400, code: 'context_length_exceeded' });
    }
    await expect(said('bare', { content_policy_fallbacks: 'long' })).rejects.toMatchObject({
      status: 400,
      param: 'content_policy_fallbacks',
    });
    expect(providers.west.asked).toEqual([]);
    for (const { body } of providers.east.asked) expect(JSON.stringify(body)).not.toContain('fallbacks');
  });

  it("[routing:openrouter] OpenRouter's fields choose, and no provider sees them", async () => {
    calm();
    expect(await said('ordered', { provider: { order: ['west'] } })).toBe('west');
    expect(await said('ordered', { provider: { only: ['west'] } })).toBe('west');
    providers.east.mood = () => ({ status: 400, message: 'no' });
    expect(await said('short', { models: ['long'] }).catch((error: Error) => error)).toMatchObject({ status: 400 });
    providers.east.mood = () => ({ status: 500 });
    expect(await said('short', { models: ['long'] })).toBe('west');
    await expect(said('ordered', { provider: { only: ['nobody'] } })).rejects.toMatchObject({ status: 404 });
    await expect(said('ordered', { provider: { zdr: 1 } })).rejects.toMatchObject({
      status: 400,
      param: 'provider.zdr',
    });
    for (const { body } of [...providers.east.asked, ...providers.west.asked]) {
      expect(Object.keys(body)).toEqual(expect.not.arrayContaining(['provider', 'models']));
    }
  });
});

describe('several keys at a provider', () => {
  it('[routing:keys] are used in turn where one is limited, and told apart where all are refused', async () => {
    calm();
    let limited = '';
    providers.keyed.mood = ({ key }) => {
      limited ||= key;
      return key === limited ? { status: 429, headers: { 'retry-after': '30' } } : { text: key };
    };
    const other = await said('by-keys');
    expect([limited, other].sort()).toEqual(['value-of-first', 'value-of-second']);
    expect(await said('by-keys')).toBe(other);
    expect(providers.keyed.asked).toHaveLength(3);
    providers.worn.mood = ({ index }) => ({ status: index === 0 ? 401 : 402 });
    const refused = await said('worn-out').catch((error: unknown) => error);
    expect(refused).toMatchObject({ status: 502, code: 'upstream_credentials_exhausted' });
    expect(providers.worn.asked.map(({ key }) => key).sort()).toEqual(['value-of-first', 'value-of-second']);
  });
});

describe('a queue for a target', () => {
  it('[routing:queue] places go to principals in turn, one at a time, and who finds it full is told to come back', async () => {
    calm();
    // The first keeps the place until the others have come, however slow the machine is.
    const before = providers.narrow.asked.length;
    providers.narrow.mood = ({ index }) => ({ text: 'narrow', delayMs: index === before ? 2_500 : 60 });
    providers.narrow.mostAtOnce = 0;
    const done: string[] = [];
    const other = new OpenAI({
      baseURL: `${suite.endpoint}/v1`,
      apiKey: await suite.keyOf('default', 'other'),
      maxRetries: 0,
    });
    await other.models.list();
    const by = (who: string, client: OpenAI) =>
      client.chat.completions.create({ model: 'queued', messages }).then(() => void done.push(who));
    const hog = Array.from({ length: 6 }, () => by('hog', openai));
    await eventually(
      async () => providers.narrow.asked.length,
      (asked) => asked > before,
    );
    const quiet = by('quiet', other);
    const turned = by('late', openai).catch((error: unknown) => error);
    await Promise.all([...hog, quiet]);
    expect(done.indexOf('quiet')).toBeLessThanOrEqual(2);
    expect(providers.narrow.mostAtOnce).toBe(1);
    const error = await turned;
    if (error !== undefined) expect(error).toBeInstanceOf(OpenAI.RateLimitError);
    // Longer than it takes the others to come.
    providers.narrow.mood = () => ({ text: 'narrow', delayMs: 300 });
    const crowd = await Promise.allSettled(Array.from({ length: 12 }, () => by('crowd', openai)));
    const refused = crowd.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]).toBeInstanceOf(OpenAI.RateLimitError);
    expect((refused[0] as InstanceType<typeof OpenAI.RateLimitError>).headers?.get('retry-after')).toBe('5');
  });
});

describe('a target that is killed', () => {
  it('[routing:fallback-lists] is replaced by the next one, and what was tried stands in the record', async () => {
    calm();
    await providers.east.close();
    const { data, response } = await openai.chat.completions.create({ model: 'ordered', messages }).withResponse();
    expect(data.choices[0]?.message.content).toBe('west');
    expect(response.headers.get('sallyport-provider')).toBe('west');
    expect(await streamed('ordered')).toBe('west');
    const attempts = await attemptsOf(response.headers.get('sallyport-trajectory') ?? '');
    expect(attempts).toMatchObject([
      { provider: 'east', outcome: 'error', why: 'priority 0' },
      { provider: 'west', outcome: 'ok', why: 'priority 1' },
    ]);
    expect(counts()[0]).toBe(0);
  });
});

async function claude(name: string, more: object = {}): Promise<string> {
  const message = await anthropic.messages.create({ model: name, messages, max_tokens: 50, ...more });
  return message.content[0]?.type === 'text' ? message.content[0].text : '';
}

async function attemptsOf(trajectory: string): Promise<unknown[]> {
  interface Run {
    readonly records: readonly { readonly attempts?: readonly unknown[] }[];
  }
  const run = await eventually(
    () => admin<Run>(suite, `trajectories/${trajectory}`).catch((): Run => ({ records: [] })),
    ({ records }) => records.length > 0,
  );
  return [...(run.records[0]?.attempts ?? [])];
}
