import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { modelOf, providerOf } from '../turn/testing.ts';
import { type Desk, openDesk } from './testing.ts';

let desk: Desk;
let isOver = false;
const named = (publicName: string, providers: Parameters<typeof modelOf>[0], spec: object = {}) => ({
  ...modelOf(providers, spec),
  publicName,
});
const anthropic = providerOf('anthropic-compatible', 'ant');

beforeAll(async () => {
  desk = await openDesk({
    models: [
      named('a', [anthropic]),
      named('both', [providerOf('openai-compatible', 'compat'), anthropic]),
      named('unpriced', [anthropic], { price: undefined }),
    ],
  });
  const { limits } = desk.kept.gate;
  const reserve = limits.reserve.bind(limits);
  limits.reserve = async (...given) => {
    if (isOver) throw Object.assign(new Error('over'), { code: 'rate_limited' });
    return await reserve(...given);
  };
});
afterAll(() => desk.close());
beforeEach(() => {
  desk.calls.length = 0;
  desk.kept.records.length = 0;
  (desk.kept.reserved as unknown[]).length = 0;
  isOver = false;
});

const messages = (content: unknown = 'How long is this?') => ({ messages: [{ role: 'user', content }] });
const counted = (input_tokens: unknown) => () => ({ body: JSON.stringify({ input_tokens }) });
const WAYS: [string, string, object][] = [
  ['messages.count_tokens', '/v1/messages/count_tokens', { model: 'both', ...messages() }],
  ['countTokens', '/gemini/v1beta/models/a:countTokens', { contents: [{ role: 'user', parts: [{ text: 'hello' }] }] }],
  ['responses.input_tokens', '/v1/responses/input_tokens', { model: 'a', input: 'hello' }],
];

describe('counting tokens', () => {
  it('[operations:counted] by the provider is limited, settled and recorded once, and costs nothing', async () => {
    desk.script(counted(42));
    for (const model of ['a', 'unpriced']) {
      const answer = await desk.post('/anthropic/v1/messages/count_tokens', { model, ...messages() });
      expect([answer.status, await answer.json()]).toEqual([200, { input_tokens: 42 }]);
      expect(answer.headers.get('sallyport-estimated')).toBeNull();
      expect(answer.headers.get('sallyport-trajectory')).toMatch(/^[0-9a-f-]{36}$/);
      expect(answer.headers.get('sallyport-cost-usd')).toBe('0');
    }
    expect(desk.calls[0]).toMatchObject({ path: '/messages/count_tokens', provider: 'ant' });
    expect(JSON.parse(desk.calls[0]?.text ?? '')).toMatchObject({ model: 'ant-model' });
    expect(desk.kept.records).toMatchObject(
      ['a', 'unpriced'].map((model) => ({
        endpoint: 'messages.count_tokens',
        model,
        provider: 'ant',
        outcome: 'ok',
        costNanoUsd: 0,
        inputTokens: 0,
      })),
    );
    expect(desk.kept.reserved).toMatchObject([
      { needed: { requests: 1, steps: 1, tokens: 0, nano_usd: 0 }, settled: { requests: 1, tokens: 0 }, times: 1 },
      { times: 1 },
    ]);
  });

  it.each(WAYS)(
    '[operations:counted] %s is limited and recorded where it is estimated',
    async (endpoint, path, body) => {
      const answer = await desk.post(path, body);
      expect(answer.status).toBe(200);
      expect(answer.headers.get('sallyport-estimated')).toBe('true');
      expect(desk.calls).toEqual([]);
      expect(desk.kept.records).toMatchObject([{ endpoint, provider: '', outcome: 'ok', costNanoUsd: 0 }]);
      expect(desk.kept.reserved).toMatchObject([{ needed: { requests: 1 }, settled: { requests: 1 }, times: 1 }]);
      isOver = true;
      const refused = await desk.post(path, body);
      expect(refused.status).toBeGreaterThanOrEqual(400);
      expect(desk.kept.records.at(-1)).toMatchObject({ endpoint, outcome: 'error' });
    },
  );

  it.each([
    ['fails', () => ({ status: 500, body: '{}' })],
    ['has no such path', () => ({ status: 404, body: '{}' })],
    ['tells no number', counted('many')],
  ])('[operations:counted] is estimated where the provider %s, and that is recorded', async (_what, script) => {
    desk.script(script);
    const answer = await desk.post('/v1/messages/count_tokens', { model: 'a', ...messages() });
    expect([answer.status, answer.headers.get('sallyport-estimated')]).toEqual([200, 'true']);
    expect(desk.kept.records).toMatchObject([{ endpoint: 'messages.count_tokens', provider: 'ant', outcome: 'error' }]);
    expect(desk.kept.reserved).toMatchObject([{ times: 1 }]);
  });

  it('[routing:openrouter] asks no provider where the client says who may see the question', async () => {
    for (const wish of [{ provider: { zdr: true } }, { timeout: 5 }, { metadata: { tags: ['a'] } }]) {
      for (const path of ['/v1/messages/count_tokens', '/v1/responses/input_tokens']) {
        const answer = await desk.post(path, { model: 'a', input: 'hi', ...messages(), ...wish });
        expect([answer.status, answer.headers.get('sallyport-estimated')]).toEqual([200, 'true']);
      }
    }
    expect(desk.calls).toEqual([]);
  });

  it('[operations:counted] asks no provider that would fetch a URL for it', async () => {
    const url = { type: 'image', source: { type: 'url', url: 'https://pictures.example/a.png' } };
    const answer = await desk.post('/v1/messages/count_tokens', { model: 'a', ...messages([url]) });
    expect([answer.status, answer.headers.get('sallyport-estimated')]).toEqual([200, 'true']);
    expect(desk.calls).toEqual([]);
  });
});
