import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import type { Dimension, Reservation } from '@sallyport/peers/limits';
import { openDesk } from '../operations/testing.ts';
import { modelOf, providerOf } from '../turn/testing.ts';

const RESETS = Math.ceil(Date.now() / 1000) * 1000 + 90_000;
const LEFT: Partial<Record<Dimension, { limit: number; remaining: number; resetsAtMs: number }>> = {
  requests: { limit: 60, remaining: 58, resetsAtMs: RESETS },
  // Of a run: it has no window.
  tokens: { limit: 5_000, remaining: 1_234, resetsAtMs: 0 },
};
const reservation = (left: typeof LEFT): Reservation => ({
  touched: [],
  amounts: {},
  settle() {},
  allowance: (dimension) => left[dimension],
});
const said = {
  body: JSON.stringify({
    id: 'c',
    model: 'm',
    choices: [{ index: 0, message: { role: 'assistant', content: 'Hi.' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  }),
};
const ASKS: Readonly<Record<string, object>> = {
  '/v1/chat/completions': { model: 'm', messages: [{ role: 'user', content: 'hi' }] },
  '/v1/messages': { model: 'm', max_tokens: 5, messages: [{ role: 'user', content: 'hi' }] },
  '/v1/responses': { model: 'm', input: 'hi', store: false },
  '/v1/embeddings': { model: 'm', input: 'hi' },
  '/gemini/v1beta/models/m:generateContent': { contents: [{ role: 'user', parts: [{ text: 'hi' }] }] },
};
const model = { ...modelOf([providerOf()]), publicName: 'm' };
const limitHeaders = (answer: Response) =>
  Object.fromEntries([...answer.headers].filter(([name]) => name.includes('ratelimit')));
const deskWith = (limits: object) => openDesk({ models: [model], ports: { limits } });
const OPENAI = {
  'x-ratelimit-limit-requests': '60',
  'x-ratelimit-remaining-requests': '58',
  'x-ratelimit-reset-requests': expect.stringMatching(/^1m(2\d|3\d)s$/),
  'x-ratelimit-limit-tokens': '5000',
  'x-ratelimit-remaining-tokens': '1234',
};
const ANTHROPIC = {
  'anthropic-ratelimit-requests-limit': '60',
  'anthropic-ratelimit-requests-remaining': '58',
  'anthropic-ratelimit-requests-reset': new Date(RESETS).toISOString().replace('.000Z', 'Z'),
  'anthropic-ratelimit-tokens-limit': '5000',
  'anthropic-ratelimit-tokens-remaining': '1234',
};
const formOf = (path: string) => (path === '/v1/messages' ? ANTHROPIC : OPENAI);

describe.each(Object.entries(ASKS))('headers of limits at %s', (path, body) => {
  it('[limits:told] stand on the answer, and on what failed behind the limit', async () => {
    const desk = await deskWith({ reserve: async () => reservation(LEFT) });
    desk.script(() => (path === '/v1/embeddings' ? { body: '{"data":[],"usage":{"prompt_tokens":1}}' } : said));
    expect(limitHeaders(await desk.post(path, body))).toEqual(formOf(path));
    desk.script(() => ({ status: 500, body: '{}' }));
    const failed = await desk.post(path, body);
    expect([failed.status >= 500, limitHeaders(failed)]).toEqual([true, formOf(path)]);
    await desk.close();
  });

  it('[limits:told] are absent where no limit applied', async () => {
    const desk = await deskWith({ reserve: async () => reservation({}) });
    desk.script(() => said);
    expect(limitHeaders(await desk.post(path, body))).toEqual({});
    await desk.close();
  });

  it('[limits:told] name the limit that refused, beside retry-after; one on money has none', async () => {
    let dimension = 'requests';
    const desk = await deskWith({
      reserve: async () => {
        const resetsAt = new Date(RESETS).toISOString();
        const details = { limit: 'l', dimension, value: 3, remaining: 0.5, resetsAt };
        throw new GatewayError('rate_limited', 'Used up.', { details, retryAfterMs: 90_000 });
      },
    });
    const refused = await desk.post(path, body);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '90']);
    const names = Object.keys(formOf(path)).filter((name) => name.includes('requests'));
    const told = limitHeaders(refused);
    expect(Object.keys(told).sort()).toEqual(names.sort());
    expect(Object.values(told)).toEqual(expect.arrayContaining(['3', '0']));
    dimension = 'nano_usd';
    expect(limitHeaders(await desk.post(path, body))).toEqual({});
    await desk.close();
  });
});

describe('the time until a limit begins anew', () => {
  it.each([
    [400, /^[34]\d\dms$/],
    [12_000, /^1[12]s$/],
    [360_000, /^(6m0s|5m59s)$/],
    [2 * 3_600_000, /^(2h0m0s|1h59m59s)$/],
  ])('[limits:told] in %d ms is said as %s', async (ms, form) => {
    const desk = await deskWith({
      reserve: async () => reservation({ requests: { limit: 1, remaining: 0, resetsAtMs: Date.now() + ms } }),
    });
    desk.script(() => said);
    const answer = await desk.post('/v1/chat/completions', ASKS['/v1/chat/completions']);
    expect(answer.headers.get('x-ratelimit-reset-requests')).toMatch(form);
    await desk.close();
  });
});
