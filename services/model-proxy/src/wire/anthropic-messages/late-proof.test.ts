import { describe, expect, it } from '@jest/globals';
import type { AssistantContent, JsonObject } from '../../chat/message.ts';
import type { ChatResponse } from '../../chat/response.ts';
import type { StreamEvent } from '../../chat/stream.ts';
import { gemini } from '../gemini/codec.ts';
import { answerOf, eventsOf } from '../testing.ts';
import { anthropicMessages } from './codec.ts';
import { encodeResponse } from './response.ts';
import { createStreamEncoder } from './stream-encode.ts';

const answer = (parts: JsonObject[]) => ({
  candidates: [{ content: { role: 'model', parts }, finishReason: 'STOP' }],
});
const whole = (parts: JsonObject[]): JsonObject => encodeResponse(gemini.decodeResponse(answer(parts)));
const streamed = (parts: JsonObject[]): ChatResponse => {
  const encoder = createStreamEncoder({ errorFrame: () => '' });
  const events: StreamEvent[] = eventsOf(gemini.streamDecoder(), `data: ${JSON.stringify(answer(parts))}\n\n`);
  const text = events.map((event) => encoder.encode(event)).join('') + encoder.end();
  return answerOf(eventsOf(anthropicMessages.streamDecoder(), text));
};
const typesOf = (content: unknown) => (content as AssistantContent[]).map(({ type }) => type);
const sentBack = (content: unknown): JsonObject => {
  const messages = [
    { role: 'user', content: 'hi' },
    { role: 'assistant', content },
    { role: 'user', content: 'go on' },
  ];
  const request = anthropicMessages.decodeRequest({ model: 'm', max_tokens: 9, messages });
  return gemini.encodeRequest(request).body;
};

const call = { functionCall: { id: 'c1', name: 'f', args: {} } };

describe('[model:late-proof] a proof of thoughts that Gemini does not tell', () => {
  it.each<[string, JsonObject[], string[], JsonObject[]]>([
    [
      'a text',
      [{ text: 'Hello.', thoughtSignature: 'c2ln' }],
      ['text', 'thinking'],
      [{ text: 'Hello.' }, { text: '', thoughtSignature: 'c2ln' }],
    ],
    [
      'a call',
      [{ ...call, thoughtSignature: 'c2ln' }],
      ['thinking', 'tool_use'],
      [{ ...call, thoughtSignature: 'c2ln' }],
    ],
    [
      'a text and a call with its own',
      [
        { text: 'Hello.', thoughtSignature: 'c2ln' },
        { ...call, thoughtSignature: 'b3du' },
      ],
      ['text', 'thinking', 'tool_use', 'thinking'],
      [{ text: 'Hello.' }, { ...call, thoughtSignature: 'b3du' }, { text: '', thoughtSignature: 'c2ln' }],
    ],
    [
      'a thought that is told',
      [
        { text: 'Hm.', thought: true },
        { text: 'Hello.', thoughtSignature: 'c2ln' },
      ],
      ['thinking', 'text'],
      [{ text: 'Hello.', thoughtSignature: 'c2ln' }],
    ],
  ])('that stands on %s is no block before the text, and comes back', (_on, parts, types, back) => {
    const { content } = whole(parts);
    expect(typesOf(content)).toEqual(types);
    const neutral: Readonly<Record<string, string>> = { thinking: 'reasoning', tool_use: 'toolCall' };
    expect(typesOf(streamed(parts).content)).toEqual(types.map((type) => neutral[type] ?? type));
    expect(sentBack(content)).toMatchObject({ contents: [{}, { role: 'model', parts: back }, {}] });
    expect(sentBack(encodeResponse(streamed(parts)).content)).toEqual(sentBack(content));
  });
});
