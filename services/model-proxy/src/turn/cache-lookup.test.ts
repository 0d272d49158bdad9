import { describe, expect, it } from '@jest/globals';
import { untrusted } from '@sallyport/turn';
import { modelOf, providerOf, type TurnInit } from './testing.ts';
import { chat, house, kept, sse, USAGE } from './testing-provider.ts';
import type { Turn } from './turn.ts';

const first = providerOf();
const shared = (scope: string) => modelOf([first], { cache: { ttl: '1h', scope } });
const uncached = modelOf([first]);
const anthropic = modelOf([providerOf('anthropic-compatible')], { cache: { ttl: '1h', scope: 'Principal' } });

describe('an answer that is kept', () => {
  it('[cache:hit] is given to the same request again, byte for byte, without a call and for nothing', async () => {
    const { ask, calls, records, reserved } = house();
    const one = await ask();
    const two = await ask();
    expect([one.cache, two.cache, calls()]).toEqual(['miss', 'hit', 1]);
    expect(two.text).toBe(one.text);
    expect(two.heard.headers).toMatchObject({ age: '0', 'sallyport-cost-usd': '0' });
    expect(records[1]).toMatchObject({ cache: 'hit', costNanoUsd: 0, inputTokens: 0, outputTokens: 0, outcome: 'ok' });
    expect(JSON.parse(String(records[1]?.detailJson))).toMatchObject({
      saved: { by: 'answer', nanoUsd: 2_000_000, tokens: 1_500 },
    });
    expect(reserved[1]).toMatchObject({ needed: { requests: 1, steps: 1 }, settled: { requests: 1, steps: 1 } });
  });

  it.each([
    ['a stream of what came whole', false, true],
    ['a whole of what came as a stream', true, false],
    ['a stream of what came as one', true, true],
  ])('[cache:replay] is told as %s, in the grammar of the client', async (_name, before, after) => {
    const { ask, calls } = house();
    await ask({ body: { stream: before, stream_options: { include_usage: true } } });
    const { text } = await ask({ body: { stream: after, stream_options: { include_usage: true } } });
    expect(calls()).toBe(1);
    if (!after)
      return expect(JSON.parse(text)).toMatchObject({ choices: [{ message: { content: 'answer 1' } }], usage: USAGE });
    const frames = [...text.matchAll(/^data: (\{.*)$/gm)].map(([, json]) => JSON.parse(json as string));
    expect(frames.map((frame) => frame.choices[0]?.delta?.content ?? '').join('')).toBe('answer 1');
    expect(frames.at(-1)).toMatchObject({ choices: [], usage: USAGE });
    expect(text).toContain('data: [DONE]');
    expect(text).toMatch(/: sallyport-cache=hit age=0 cost-usd=0\n\n$/);
  });

  it('[cache:replay] is told to an Anthropic client in events of its own', async () => {
    const whole = {
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      model: 'x',
      content: [{ type: 'text', text: 'hello' }],
      stop_reason: 'end_turn',
      usage: { input_tokens: 3, output_tokens: 1 },
    };
    const { ask, calls } = house(() => whole);
    const init: TurnInit = { dialect: 'anthropic-messages', model: anthropic };
    await ask(init);
    const { text } = await ask({ ...init, body: { stream: true } });
    expect(calls()).toBe(1);
    expect([...text.matchAll(/^event: (.*)$/gm)].map(([, name]) => name)).toEqual([
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ]);
  });

  it.each<[string, TurnInit, (turn: Turn) => unknown]>([
    ['another tenant', { principal: { tenant: 'other' } }, () => undefined],
    ['another principal', { principal: { id: 'key:k2' } }, () => undefined],
    ['another holder of the name', { principal: { userSinceMs: 5 } }, () => undefined],
    ['another label', {}, (turn) => Object.assign(turn, { label: untrusted('mail') })],
    ['another audience', {}, (turn) => Object.assign(turn, { label: { ...turn.label, audience: ['ann'] } })],
    ['another revision of policy', {}, (turn) => Object.assign(turn, { policyRevision: '2' })],
    ['other words', { body: { messages: [{ role: 'user', content: 'hi!' }] } }, () => undefined],
    ['another temperature', { body: { temperature: 0.5 } }, () => undefined],
    ['another wish for a provider', { body: { provider: { only: ['first'] } } }, () => undefined],
    ['another namespace', { body: { cache: { namespace: 'b' } } }, () => undefined],
    [
      'another decoration',
      { model: modelOf([first], { cache: kept.spec.cache, decoration: decoration('Hm.') }) },
      () => undefined,
    ],
  ])('[cache:key] is not given to %s', async (_name, init, change) => {
    const { ask, calls } = house();
    await ask();
    expect((await ask(init, change)).cache).toBe('miss');
    expect(calls()).toBe(2);
    expect((await ask()).cache).toBe('hit');
  });

  it('[cache:key] is given whatever the client notes of the request, and whether or not it streams', async () => {
    const { ask } = house();
    await ask();
    expect((await ask({ body: { metadata: { trace: '1' } } })).cache).toBe('hit');
  });

  it.each([
    ['Principal', 'miss', 'miss'],
    ['Team', 'hit', 'miss'],
    ['Tenant', 'hit', 'hit'],
  ])('[cache:scope] of scope %s: a colleague of the team %s, anybody else %s', async (scope, colleague, anybody) => {
    const { ask } = house();
    await ask({ model: shared(scope), principal: { id: 'key:a', teams: ['red', 'blue'] } });
    const other = (id: string, teams: string[]) => ask({ model: shared(scope), principal: { id, user: id, teams } });
    expect((await other('key:b', ['blue', 'red'])).cache).toBe(colleague);
    expect((await other('key:c', ['green'])).cache).toBe(anybody);
  });

  it.each<[string, TurnInit, (turn: Turn) => unknown]>([
    ['untrusted', {}, (turn) => Object.assign(turn, { label: untrusted('mail') })],
    [
      'attached',
      {
        body: {
          messages: [
            { role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } }] },
          ],
        },
      },
      () => undefined,
    ],
    [
      'under a key of its own',
      {
        headers: { 'sallyport-provider-key': 'k' },
        model: modelOf(
          [{ ...first, spec: { ...first.spec, credentials: { perPrincipal: { order: ['Request'] } } } } as never],
          { cache: { ttl: '1h', scope: 'Tenant' } },
        ),
      },
      () => undefined,
    ],
  ])('[cache:scope] never goes beyond the principal where something is %s', async (_name, init, change) => {
    const { ask } = house();
    const asked = (id: string) => ask({ model: shared('Tenant'), ...init, principal: { id, user: id } }, change);
    await asked('key:a');
    expect((await asked('key:b')).cache).toBe('miss');
    expect((await asked('key:a')).cache).toBe('hit');
  });
});

function decoration(text: string) {
  return { prepend: [text], append: [], variables: [], defaults: {}, forced: {} };
}

describe('what a client says of the cache', () => {
  it.each<[string, TurnInit, string, string]>([
    [
      'Cache-Control: no-store is not asked, and nothing kept',
      { headers: { 'cache-control': 'no-store' } },
      'bypass',
      'miss',
    ],
    ['Cache-Control: no-cache is not asked, but kept', { headers: { 'cache-control': 'no-cache' } }, 'bypass', 'hit'],
    ['Cache-Control: max-age=0 takes nothing old', { headers: { 'cache-control': 'max-age=0' } }, 'bypass', 'hit'],
    ["LiteLLM's no-store", { body: { cache: { 'no-store': true } } }, 'bypass', 'miss'],
    ["LiteLLM's no-cache", { body: { cache: { 'no-cache': true } } }, 'bypass', 'hit'],
    ["LiteLLM's ttl of nothing", { body: { cache: { ttl: 0 } } }, 'miss', 'miss'],
  ])('[cache:controls] %s', async (_name, init, before, after) => {
    const { ask, sent } = house();
    expect((await ask(init)).cache).toBe(before);
    expect((await ask()).cache).toBe(after);
    expect(sent.every(({ body }) => body.cache === undefined)).toBe(true);
  });

  it.each([
    ['max-age', { headers: { 'cache-control': 'max-age=60' } }],
    ['s-maxage', { body: { cache: { 's-maxage': 60 } } }],
  ])('[cache:controls] %s takes no answer that is older', async (_name, init) => {
    const { ask, gate } = house();
    await ask();
    expect((await ask(init)).cache).toBe('hit');
    const { find } = gate.cache;
    gate.cache.find = async (key) => {
      const found = await find(key);
      return typeof found === 'string' ? found : { ...found, atMs: found.atMs - 61_000 };
    };
    expect((await ask(init)).cache).toBe('miss');
    expect((await ask()).heard.headers.age).toBe('61');
  });

  it("[cache:controls] takes LiteLLM's field out for a Model without a cache, and leaves another field of the name", async () => {
    const { ask, sent } = house();
    expect((await ask({ model: uncached, body: { cache: { ttl: 5 } } })).cache).toBe('off');
    await ask({ model: uncached, body: { cache: { mode: 'x' } } });
    expect(sent.map(({ body }) => body.cache)).toEqual([undefined, { mode: 'x' }]);
  });
});

describe('what is not kept', () => {
  it.each<[string, TurnInit]>([
    ['a region', { headers: { 'sallyport-region': 'eu' } }],
    ['nothing kept', { body: { provider: { zdr: true } } }],
  ])('[cache:key] is nothing for who asks for %s where no target is known to have it', async (_name, init) => {
    const { ask, calls } = house();
    await ask();
    expect((await ask(init)).cache).not.toBe('hit');
    expect(calls()).toBe(1);
  });

  it.each<[string, (n: number) => unknown, TurnInit]>([
    ['an answer that the provider filtered', (n) => chat(n, { content: 'no' }, 'content_filter'), {}],
    ['a refusal', (n) => chat(n, { content: null, refusal: 'I will not.' }), {}],
    ['an answer without words', (n) => chat(n, { content: '' }), {}],
    ['a stream that breaks off', (n) => sse(n).slice(0, 200), { body: { stream: true } }],
    [
      'a stream with an error in it',
      (n) =>
        `${sse(n).split('data: {"id":"c"').slice(0, 2).join('data: {"id":"c"')}data: {"error":{"message":"x"}}\n\n`,
      { body: { stream: true } },
    ],
    ['a body that is none', () => '{"choices":', {}],
  ])('[cache:not-kept] %s', async (_name, answer, init) => {
    const { ask, calls } = house(answer);
    await ask(init);
    expect((await ask(init)).cache).not.toBe('hit');
    expect(calls()).toBe(2);
  });

  it('[cache:not-kept] what only bytes of the provider can tell of a stream', async () => {
    const { ask } = house();
    const init = { body: { stream: true, logprobs: true } };
    expect((await ask(init)).cache).toBe('bypass');
    expect((await ask(init)).cache).toBe('bypass');
  });
});
