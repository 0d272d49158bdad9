import { describe, expect, it } from '@jest/globals';
import { openDesk } from '../operations/testing.ts';
import { framesWithCost, withCost } from './tell-cost.ts';
import { modelOf, providerOf } from './testing.ts';
import { chat, house, message, sse } from './testing-provider.ts';

const USAGE = { prompt_tokens: 1_000, completion_tokens: 500, total_tokens: 1_500 };
/** At 1 and 2 dollars for a million tokens. */
const COST = 0.002;
const ASKS: Readonly<Record<string, object>> = {
  '/v1/chat/completions': { messages: [{ role: 'user', content: 'hi' }] },
  '/v1/messages': { max_tokens: 5, messages: [{ role: 'user', content: 'hi' }] },
  '/v1/responses': { input: 'hi', store: false },
};
const CLAUDE = [
  [
    'message_start',
    {
      message: {
        id: 'x',
        type: 'message',
        role: 'assistant',
        model: 'c',
        content: [],
        usage: { input_tokens: 1_000, output_tokens: 1 },
      },
    },
  ],
  ['content_block_start', { index: 0, content_block: { type: 'text', text: '' } }],
  ['content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'Hi.' } }],
  ['content_block_stop', { index: 0 }],
  ['message_delta', { delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 500 } }],
  ['message_stop', {}],
] as const;
const claudeStream = CLAUDE.map(
  ([type, fields]) => `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`,
).join('');
const claudeWhole = JSON.stringify(message(1_000, 500));
const WIRES = {
  'openai-compatible': [JSON.stringify(chat(1)), sse(1)],
  anthropic: [claudeWhole, claudeStream],
} as const;
type Type = keyof typeof WIRES;

const ask = async (type: Type, path: string, more: object, spec: object = {}) => {
  const desk = await openDesk({ models: [{ ...modelOf([providerOf(type)], spec), publicName: 'm' }] });
  desk.script(({ text }) =>
    (JSON.parse(text) as { stream?: boolean }).stream === true
      ? { type: 'text/event-stream', body: WIRES[type][1] }
      : { body: WIRES[type][0] },
  );
  const answer = await desk.post(path, { ...ASKS[path], model: 'm', ...more });
  const text = await answer.text();
  await desk.close();
  return { answer, text, sent: desk.calls[0]?.text ?? '' };
};
const cases = Object.keys(ASKS).flatMap((path) => (Object.keys(WIRES) as Type[]).map((type) => [path, type] as const));

describe.each(cases)('the cost in an answer of %s from %s', (path, type) => {
  it('[turn:usage-cost] stands in its usage, as in the header, where that is asked for', async () => {
    const { answer, text, sent } = await ask(type, path, { usage: { include: true } });
    const { usage } = JSON.parse(text) as { usage: { cost: number } };
    expect([usage.cost, answer.headers.get('sallyport-cost-usd')]).toEqual([COST, String(COST)]);
    expect(sent).not.toContain('include"');
    const unasked = await ask(type, path, {});
    expect((JSON.parse(unasked.text) as { usage: object }).usage).not.toHaveProperty('cost');
  });

  it('[turn:usage-cost] stands in the last usage of a stream, as in its last comment; all else is as without it', async () => {
    const { text, sent } = await ask(type, path, { usage: { include: true }, stream: true });
    expect(text).toContain(`cost-usd=${COST}`);
    expect(text.match(/"cost":0.002/g)).toHaveLength(1);
    expect(sent).not.toContain('"usage":{');
    const plain = await ask(type, path, {
      stream: true,
      ...(path === '/v1/chat/completions' ? { stream_options: { include_usage: true } } : {}),
    });
    expect(plain.text).not.toContain('"cost":');
    const stable = (all: string) =>
      all.replace(/,"cost":0.002/g, '').replace(/(resp|msg|rs)_[\w-]+|"(created|created_at|completed_at)":\d+/g, '');
    expect(stable(text)).toBe(stable(plain.text));
  });
});

describe('a cost that is not known', () => {
  it('[turn:usage-cost] is not told as a number', async () => {
    const whole = await ask(
      'openai-compatible',
      '/v1/chat/completions',
      { usage: { include: true } },
      { price: undefined },
    );
    expect(whole.text).not.toContain('"cost"');
    const stream = await ask(
      'openai-compatible',
      '/v1/chat/completions',
      { usage: { include: true }, stream: true },
      { price: undefined },
    );
    expect(stream.text).toContain('cost-usd=unknown');
    expect(stream.text).not.toContain('"cost"');
  });
});

describe('the cost of an answer that was kept', () => {
  it('[turn:usage-cost] is nothing', async () => {
    const { ask: asking } = house();
    const body = { usage: { include: true } };
    expect(JSON.parse((await asking({ body })).text)).toMatchObject({ usage: { ...USAGE, cost: COST } });
    const again = await asking({ body });
    expect([again.cache, JSON.parse(again.text).usage.cost]).toEqual(['hit', 0]);
  });
});

describe('frames', () => {
  it('[turn:usage-cost] that say no usage stay byte for byte', () => {
    const frames =
      ': hi\n\ndata: {"a": "\\"usage\\"", "usage":null}\n\nevent: x\ndata: {"usage": {}}\n\ndata: [DONE]\n\n';
    expect(framesWithCost(frames, 1)).toBe(
      ': hi\n\ndata: {"a": "\\"usage\\"", "usage":null}\n\nevent: x\ndata: {"usage":{"cost":1}}\n\ndata: [DONE]\n\n',
    );
    expect(framesWithCost(frames, undefined)).toBe(frames);
    expect(withCost({ usage: 5 }, 1)).toEqual({ usage: 5 });
  });
});
