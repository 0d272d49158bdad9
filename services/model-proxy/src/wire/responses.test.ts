import { describe, expect, it } from '@jest/globals';
import { createAccumulator } from '../chat/accumulate.ts';
import { DecodeError } from '../chat/failure.ts';
import type { FrontDialect } from '../chat/message.ts';
import type { ChatResponse } from '../chat/response.ts';
import type { StreamEvent } from '../chat/stream.ts';
import { encodeResponse as encodeAnthropic } from './anthropic-messages/response.ts';
import { createStreamEncoder as anthropicEncoder } from './anthropic-messages/stream-encode.ts';
import { codecs } from './codec.ts';
import { encodeResponse as encodeGemini } from './gemini/response.ts';
import { createStreamEncoder as geminiEncoder } from './gemini/stream-encode.ts';
import { encodeResponse as encodeOpenAi } from './openai-chat/response.ts';
import { createStreamEncoder as openaiEncoder } from './openai-chat/stream-encode.ts';
import { encodeResponse as encodeResponses } from './openai-responses/response.ts';
import { createStreamEncoder as responsesEncoder } from './openai-responses/stream-encode.ts';
import { eventsOf, fixtureBody, fixtureText } from './testing.ts';

const dialects: FrontDialect[] = ['openai-chat', 'openai-responses', 'anthropic-messages', 'gemini'];
const encoders = {
  'openai-chat': encodeOpenAi,
  'openai-responses': encodeResponses,
  'anthropic-messages': encodeAnthropic,
  gemini: encodeGemini,
};
const noError = () => '';
const streamEncoders = {
  'openai-chat': () => openaiEncoder({ includeUsage: true, errorFrame: noError }),
  'openai-responses': () => responsesEncoder({ errorFrame: noError }),
  'anthropic-messages': () => anthropicEncoder({ errorFrame: noError }),
  gemini: () => geminiEncoder({ errorFrame: noError }),
};

function collect(events: readonly StreamEvent[]): ChatResponse {
  const accumulator = createAccumulator();
  for (const event of events) accumulator.add(event);
  return accumulator.response();
}

/** An answer without what dialects word differently: names, times and the reason's own word. */
function plain(response: ChatResponse) {
  const { content, finish, usage } = response;
  const bare = content.map((block) => {
    if (block.type !== 'toolCall') return block;
    return { ...block, arguments: JSON.parse(block.arguments) as unknown, extra: undefined };
  });
  return { content: bare, finish: finish.unified, usage };
}

describe.each(dialects)('answers of %s', (from) => {
  const codec = codecs[from];

  it('tell usage with cached tokens inside the input', () => {
    expect(codec.decodeResponse(fixtureBody(from, 'text')).usage).toMatchObject({
      input: 82,
      output: 17,
      cacheRead: 64,
    });
  });

  it('[model:stream-equals-body] say the same streamed as whole', () => {
    const streamed = collect(eventsOf(codec.streamDecoder(), fixtureText(from, 'tools.chunks.txt')));
    const whole = codec.decodeResponse(fixtureBody(from, 'tools'));
    expect(plain(streamed).content).toEqual(plain(whole).content);
    expect(streamed.finish.unified).toBe('tool_calls');
    expect(streamed.usage).toMatchObject({ input: 82, output: 17, cacheRead: 64 });
  });

  describe.each(dialects)('rendered as %s', (to) => {
    it.each(['text', 'tools'])('[model:translate-whole] keep %s, calls, finish and usage', (name) => {
      const response = codec.decodeResponse(fixtureBody(from, name));
      const again = codecs[to].decodeResponse(JSON.parse(JSON.stringify(encoders[to](response))));
      expect(plain(again)).toEqual(plain(response));
    });

    it.each(['text', 'tools'])('[model:translate-stream] keep a streamed %s, calls, finish and usage', (name) => {
      const events = eventsOf(codec.streamDecoder(), fixtureText(from, `${name}.chunks.txt`));
      const encoder = streamEncoders[to]();
      const text = events.map((event) => encoder.encode(event)).join('') + encoder.end();
      const again = eventsOf(codecs[to].streamDecoder(), text);
      const wanted = plain(collect(events));
      const got = plain(collect(again));
      // OpenAI's chunks tell a signature after the text it signs; empty blocks and blocks are as they were.
      expect(got).toEqual(wanted);
    });
  });
});

describe('finish reasons', () => {
  it.each([
    ['stop', 'end_turn'],
    ['length', 'max_tokens'],
    ['content_filter', 'refusal'],
  ])('[model:finish-reasons] OpenAI %s is Anthropic %s and back', (openai, anthropic) => {
    const body = fixtureBody('openai-chat', 'text');
    const choice = (body.choices as { finish_reason: string }[])[0]!;
    choice.finish_reason = openai;
    const rendered = encodeAnthropic(codecs['openai-chat'].decodeResponse(body));
    expect(rendered.stop_reason).toBe(anthropic);
    const back = encodeOpenAi(codecs['anthropic-messages'].decodeResponse(rendered));
    expect((back.choices as { finish_reason: string }[])[0]!.finish_reason).toBe(openai);
  });

  it('[model:finish-tool-calls] is tool_calls where the provider says stop beside calls', () => {
    const body = fixtureBody('openai-chat', 'tools');
    (body.choices as { finish_reason: string }[])[0]!.finish_reason = 'stop';
    expect(codecs['openai-chat'].decodeResponse(body).finish).toEqual({ unified: 'tool_calls', raw: 'stop' });
  });
});

describe('Anthropic answers', () => {
  it('[model:bad-arguments] are not written with arguments that are no JSON object', () => {
    const response: ChatResponse = {
      id: 'x',
      model: 'm',
      content: [{ type: 'toolCall', id: 'c', name: 'n', arguments: '{"a":' }],
      finish: { unified: 'tool_calls', raw: '' },
    };
    expect(() => encodeAnthropic(response)).toThrow(DecodeError);
  });

  it('keep blocks apart where calls of another provider interleave', () => {
    const encoder = anthropicEncoder({ errorFrame: noError });
    const events: StreamEvent[] = [
      { type: 'start', id: 'a', model: 'm' },
      { type: 'toolCallStart', index: 0, id: 'c0', name: 'n0' },
      { type: 'toolCallStart', index: 1, id: 'c1', name: 'n1' },
      { type: 'toolCallDelta', index: 1, delta: '{"b"' },
      { type: 'toolCallDelta', index: 0, delta: '{"a":1}' },
      { type: 'toolCallDelta', index: 1, delta: ':2}' },
      { type: 'toolCallStop', index: 0 },
      { type: 'toolCallStop', index: 1 },
      { type: 'finish', finish: { unified: 'tool_calls', raw: '' } },
    ];
    const text = events.map((event) => encoder.encode(event)).join('') + encoder.end();
    const response = collect(eventsOf(codecs['anthropic-messages'].streamDecoder(), text));
    expect(plain(response).content).toMatchObject([
      { id: 'c0', arguments: { a: 1 } },
      { id: 'c1', arguments: { b: 2 } },
    ]);
  });

  it('follow the exact grammar of events', () => {
    const encoder = anthropicEncoder({ errorFrame: noError });
    const events = eventsOf(codecs['openai-chat'].streamDecoder(), fixtureText('openai-chat', 'tools.chunks.txt'));
    const text = events.map((event) => encoder.encode(event)).join('') + encoder.end();
    const names = [...text.matchAll(/^event: (.*)$/gm)].map(([, name]) => name);
    expect(names.filter((name) => name !== 'content_block_delta')).toEqual([
      'message_start',
      'content_block_start',
      'content_block_stop',
      'content_block_start',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ]);
  });
});

describe('OpenAI streams', () => {
  const written = (includeUsage: boolean): string[] => {
    const encoder = openaiEncoder({ includeUsage, errorFrame: noError });
    const events = eventsOf(
      codecs['anthropic-messages'].streamDecoder(),
      fixtureText('anthropic-messages', 'text.chunks.txt'),
    );
    const text = events.map((event) => encoder.encode(event)).join('') + encoder.end();
    return text.trimEnd().split('\n\n');
  };

  it('begin with the role and end with usage and [DONE] where usage was asked for', () => {
    const frames = written(true);
    expect(frames[0]).toContain('"delta":{"role":"assistant"');
    expect(frames.at(-2)).toContain('"choices":[],"usage":{"prompt_tokens":82,"completion_tokens":17');
    expect(frames.at(-1)).toBe('data: [DONE]');
  });

  it('[model:usage-not-asked] tell no usage where none was asked for', () => {
    expect(written(false).join('')).not.toContain('usage');
  });
});
