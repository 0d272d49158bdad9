import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import { untrusted } from '@sallyport/turn';
import type { StreamEvent } from '../chat/stream.ts';
import type { ModelAnswer } from './call.ts';
import { receive } from './receive.ts';
import { createRelease } from './release.ts';
import { gateOf, listener, modelOf, providerOf, streamed, type TurnInit, turnOf } from './testing.ts';

const tools = [{ type: 'function', function: { name: 'f' } }];
const start: StreamEvent = { type: 'start', id: 'x', model: 'm' };
const text = (delta: string, choice?: number): StreamEvent => ({
  type: 'text',
  delta,
  ...(choice === undefined ? {} : { choice }),
});
const usage: StreamEvent = {
  type: 'usage',
  usage: { input: 10, output: 20, cacheRead: 0, cacheWrite: 0, reasoning: 0 },
};
const finish: StreamEvent = { type: 'finish', finish: { unified: 'stop', raw: 'stop' } };
const call = (index: number, id: string, args = '{}'): StreamEvent[] => [
  { type: 'toolCallStart', index, id, name: 'f' },
  { type: 'toolCallDelta', index, delta: args },
  { type: 'toolCallStop', index },
];

/** Receives a stream of events as if a provider had sent it. */
async function received(events: AsyncIterable<StreamEvent> | StreamEvent[], init: TurnInit = {}) {
  const heard = listener();
  const turn = turnOf({ ...init, body: { tools, stream: true, ...init.body } }, heard);
  const kept = gateOf();
  const reservation = await kept.gate.limits.reserve({} as never, {});
  const target = turn.model.targets[0] ?? { provider: providerOf(), model: 'x' };
  const answer: ModelAnswer = {
    target,
    step: 1,
    startedAtMs: 0,
    startedAt: performance.now(),
    firstTokenMs: 0,
    attempts: [],
    reservation,
    requestBytes: 400,
    content: { kind: 'events', segments: streamed(events) },
  };
  const received = Promise.resolve(receive(kept.gate, turn, answer, createRelease(turn)));
  const said = await received.catch((error: GatewayError) => error);
  return { said, turn, kept, heard };
}

describe('receiving a stream', () => {
  it('[turn:settle-once] releases text as it comes, settles once and leaves one record', async () => {
    const { said, kept, heard } = await received([start, text('Hello'), text(' you'), usage, finish]);
    expect(said).toMatchObject({ content: [{ type: 'text', text: 'Hello you' }], delivered: false });
    expect(heard.text()).toContain('"content":"Hello"');
    expect(kept.reserved[0]).toMatchObject({ times: 1, settled: { tokens: 30, requests: 1, nano_usd: 50_000 } });
    expect(kept.records).toMatchObject([{ outcome: 'ok', inputTokens: 10, usageEstimated: false }]);
  });

  it('[turn:one-write] tells what arrived at once without a wait in between, and its headers once', async () => {
    const heard = listener();
    const said: string[] = [];
    const headers: string[] = [];
    const answer = {
      ...heard.answer,
      started: () => said.length > 0,
      header: (name: string) => void headers.push(name),
      frames: (frames: string | Buffer) => void said.push(String(frames)),
    };
    const release = createRelease(turnOf({ body: { stream: true } }, { ...heard, answer }));
    // What a client's answer holds goes out in one write once this is over: `client-answer.test.ts`.
    expect([start, text('Hel'), text('lo.')].map((event) => release.event(event))).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(said.join('')).toMatch(/Hel[\s\S]*lo\./);
    expect(headers).toEqual([...new Set(headers)]);
  });

  it('[turn:estimate] estimates what the provider did not count', async () => {
    const { kept } = await received([start, text('12345678'), finish]);
    expect(kept.records).toMatchObject([{ usageEstimated: true, inputTokens: 100, outputTokens: 2 }]);
  });

  it('[turn:hold] holds calls back: no piece of one is heard before it is decided', async () => {
    const { said, heard } = await received([start, text('Wait.'), ...call(0, 'a', '{"x":1}'), usage, finish]);
    expect(said).toMatchObject({ content: [{ type: 'text' }, { type: 'toolCall', id: 'a', arguments: '{"x":1}' }] });
    expect(heard.text()).toContain('Wait.');
    expect(heard.text()).not.toContain('tool_calls');
  });

  it.each<[string, StreamEvent[], TurnInit]>([
    ['a call that was not offered', call(0, 'a'), { body: { tools: undefined } }],
    ['two calls of one id', [...call(0, 'a'), ...call(1, 'a')], {}],
    [
      'two ids that are one to the client',
      [...call(0, 'a.b'), ...call(1, 'a:b')],
      { dialect: 'anthropic-messages', body: { tools: [{ name: 'f', input_schema: {} }] } },
    ],
    ['too many calls', Array.from({ length: 65 }, (_, n) => call(n, `c${n}`)).flat(), {}],
    ['calls that are too large', call(0, 'a', 'x'.repeat(3_000_000)), {}],
    ['a name that is too large', [{ type: 'toolCallStart', index: 0, id: 'a', name: 'n'.repeat(3_000_000) }], {}],
  ])('[turn:hold-bounds] %s ends in a clean error, settled and recorded once', async (_name, events, init) => {
    const { said, kept } = await received([start, ...events, finish], init);
    expect(said).toMatchObject({ code: 'upstream_invalid' });
    expect(kept.reserved[0]?.times).toBe(1);
    expect(kept.records).toMatchObject([{ outcome: 'error', errorCode: 'upstream_invalid' }]);
  });

  it('[turn:one-answer] drops further answers that nobody asked for', async () => {
    const { said, turn } = await received([start, text('Mine.'), text('Other.', 1), finish]);
    expect(said).toMatchObject({ content: [{ text: 'Mine.' }] });
    expect(turn.spoken.texts()).toEqual(['Mine.']);
  });

  it('[turn:client-gone] a client that leaves is settled and recorded as cancelled', async () => {
    const gone = new AbortController();
    async function* events(): AsyncGenerator<StreamEvent> {
      yield start;
      yield text('Hel');
      gone.abort(new GatewayError('cancelled', 'The client is gone.'));
      throw new Error('aborted');
    }
    const { said, kept, turn } = await received(events(), { signal: gone.signal });
    expect(said).toMatchObject({ code: 'cancelled' });
    expect(kept.reserved[0]?.times).toBe(1);
    expect(kept.records).toMatchObject([{ outcome: 'cancelled', errorCode: 'cancelled', outputTokens: 1 }]);
    expect(turn.failureRecorded).toBe(true);
  });

  it('[turn:broken] a provider that breaks off is recorded once, with what it had sent', async () => {
    const failure = { kind: 'malformed', retryable: true, message: 'SECRET' } as const;
    const { said, kept } = await received([start, text('Hel'), { type: 'error', failure }]);
    expect(said).toMatchObject({ code: 'upstream_invalid', message: expect.not.stringContaining('SECRET') });
    expect(kept.records).toMatchObject([{ outcome: 'error' }]);
  });
});

describe('releasing', () => {
  const HANDLE = `h_${'a'.repeat(24)}`;
  const values = new Map([[HANDLE, { value: 'Ann <ann@x.example>', label: untrusted('tool:m/r') }]]);

  it.each([1, 2, 3, 7, 40])('[turn:fill-split] fills a handle that arrives %i characters at a time', async (size) => {
    const heard = listener();
    const turn = turnOf({ body: { tools, stream: true } }, heard);
    turn.handles.add(HANDLE);
    const release = createRelease(turn);
    release.know(values);
    const whole = `From {"$handle": "${HANDLE}","type":"string","from":"t","path":"/a"} and ${HANDLE}. h`;
    for (let at = 0; at < whole.length; at += size) await release.event(text(whole.slice(at, at + size)));
    await release.settled();
    expect(turn.spoken.texts()).toEqual(['From Ann <ann@x.example> and Ann <ann@x.example>. h']);
    expect(heard.text()).not.toContain(HANDLE);
    expect(release.filledLabel().integrity).toBe('untrusted');
  });

  it('[turn:fill-unknown] says of an unknown handle that it is withheld', async () => {
    const turn = turnOf({ body: { tools } });
    turn.handles.add(HANDLE);
    const release = createRelease(turn);
    await release.event(text(`See h_${'b'.repeat(24)}`));
    await release.settled();
    expect(turn.spoken.texts()).toEqual(['See [withheld]']);
  });

  it.each(['openai-chat', 'anthropic-messages'] as const)(
    '[turn:grammar] %s stays one message over a re-ask',
    async (dialect) => {
      const heard = listener();
      const turn = turnOf({ dialect, body: { stream: true, stream_options: { include_usage: true } } }, heard);
      const release = createRelease(turn);
      for (const event of [start, text('One.'), finish]) await release.event(event);
      release.nextMessage();
      for (const event of [start, { type: 'reasoning', delta: 'Hm.' } as StreamEvent, text('Two.'), finish])
        await release.event(event);
      await release.finish({ unified: 'stop', raw: 'stop' });
      expect(heard.text().match(dialect === 'openai-chat' ? /\[DONE\]/g : /event: message_stop/g)).toHaveLength(1);
      expect(heard.text().match(dialect === 'openai-chat' ? /"role"/g : /event: message_start/g)).toHaveLength(1);
      const blocks = heard.text().match(/event: content_block_(start|stop)/g) ?? [];
      expect(blocks.every((name, index) => name.endsWith(index % 2 === 0 ? 'start' : 'stop'))).toBe(true);
      expect(heard.text()).toMatch(/sallyport-cache=off cost-usd=/);
    },
  );

  it('[model:gemini-uncommented] ends a Gemini stream without a comment', async () => {
    const heard = listener();
    const turn = turnOf({ dialect: 'gemini', body: { stream: true, contents: [{ parts: [{ text: 'Hi' }] }] } }, heard);
    const release = createRelease(turn);
    for (const event of [start, text('One.'), finish]) await release.event(event);
    await release.finish({ unified: 'stop', raw: 'STOP' });
    expect(heard.text()).toContain('One.');
    expect(
      heard
        .text()
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('data: ')),
    ).toEqual([]);
  });

  it('[turn:headers] says where the answer came from, before the first byte', async () => {
    const heard = listener();
    const turn = turnOf({}, heard);
    turn.provider = 'p';
    turn.upstreamModel = 'u';
    turn.costNanoUsd = 1_500;
    await createRelease(turn).finish({ unified: 'stop', raw: 'stop' });
    expect(heard.headers).toMatchObject({
      'sallyport-trajectory': turn.trajectory,
      'sallyport-turn': turn.id,
      'sallyport-provider': 'p',
      'sallyport-model': 'u',
      'sallyport-cache': 'off',
      'sallyport-cost-usd': '0.0000015',
    });
    expect(modelOf([]).targets).toEqual([]);
  });
});
