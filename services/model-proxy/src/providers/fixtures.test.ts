import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import type { KnownCapabilities } from '../catalogue/capabilities.ts';
import { createAccumulator } from '../chat/accumulate.ts';
import type { FailureKind } from '../chat/failure.ts';
import type { AssistantContent, JsonObject } from '../chat/message.ts';
import type { ChatResponse } from '../chat/response.ts';
import type { StreamEvent } from '../chat/stream.ts';
import { codecs, forwardBytes, unsupportedOf } from '../wire/codec.ts';
import { payloadReader } from '../wire/framing.ts';
import { createStreamScanner } from '../wire/scan.ts';
import type { ProviderDeclaration } from './define-provider.ts';
import { failureInAnswer, readFailure } from './failure.ts';
import { providers } from './index.ts';

// Every provider was asked the same and answers the same, each in its own shape.
const TEXT = 'Kraków is sunny.';
const CITIES = [{ city: 'Kraków' }, { city: 'Łódź' }];
const folder = new URL('./fixtures/', import.meta.url);
const cases = providers.map((provider): [string, ProviderDeclaration] => [provider.id, provider]);
const withTools = cases.filter(([, { capabilities }]) => capabilities?.tools !== false);

const file = (id: string, name: string): Buffer => readFileSync(new URL(`${id}/${name}`, folder));
const body = (id: string, name: string): JsonObject => JSON.parse(file(id, name).toString('utf8')) as JsonObject;

/** A stream's bytes; those of a binary framing are kept as base64. */
function recorded(id: string, name: string): Buffer {
  const base64 = new URL(`${id}/${name}.chunks.base64`, folder);
  return existsSync(base64) ? Buffer.from(readFileSync(base64, 'utf8'), 'base64') : file(id, `${name}.chunks.txt`);
}

const textOf = (content: readonly AssistantContent[]) =>
  content.map((block) => (block.type === 'text' ? block.text : '')).join('');
const callsOf = (content: readonly AssistantContent[]) =>
  content.flatMap((block) =>
    block.type === 'toolCall' ? [{ id: block.id, name: block.name, arguments: JSON.parse(block.arguments) }] : [],
  );

/** What a stream says when it arrives in pieces of so many bytes. */
function heard({ id, wire }: ProviderDeclaration, name: string, step: number): ChatResponse {
  const { framing, streamDecoder } = codecs[wire];
  const decoder = streamDecoder();
  const reader = payloadReader(framing, 1_000_000);
  const bytes = recorded(id, name);
  const payloads: string[] = [];
  for (let at = 0; at < bytes.length; at += step) payloads.push(...reader.push(bytes.subarray(at, at + step)));
  payloads.push(...reader.end());
  const events: StreamEvent[] = payloads.flatMap((payload) => decoder.push(payload));
  events.push(...decoder.end());
  const all = createAccumulator();
  for (const event of events) {
    if (event.type === 'error') throw new Error(`${event.failure.kind}: ${event.failure.message}`);
    all.add(event);
  }
  return all.response();
}

describe('the recorded answers of a provider', () => {
  it('[providers:fixtures] are there for every declaration, and for nothing else', () => {
    expect(readdirSync(folder).sort()).toEqual(cases.map(([id]) => id).sort());
    for (const [id, { capabilities }] of cases) {
      const names = readdirSync(new URL(`${id}/`, folder)).map((name) => name.replace(/\.(json|chunks\..*)$/, ''));
      const wanted = ['error', 'stream', 'text', ...(capabilities?.tools === false ? [] : ['tools', 'tools'])];
      expect([id, ...names.sort()]).toEqual([id, ...wanted]);
    }
  });

  it.each(cases)('[providers:fixtures] of %s: a text is read whole, with its usage', (id, { wire }) => {
    const answer = codecs[wire].decodeResponse(body(id, 'text.json'));
    expect(textOf(answer.content)).toBe(TEXT);
    expect(answer.finish.unified).toBe('stop');
    expect(answer.usage).toMatchObject({ input: 24, output: 9 });
    // Nothing that a provider adds for itself looks like a tool at work.
    expect(answer.content.filter(({ type }) => type === 'opaque')).toEqual([]);
  });

  it.each(withTools)('[providers:fixtures] of %s: a tool call is read whole', (id, { wire }) => {
    const answer = codecs[wire].decodeResponse(body(id, 'tools.json'));
    expect(callsOf(answer.content)).toMatchObject([{ name: 'get_weather', arguments: CITIES[0] }]);
    expect(answer.finish.unified).toBe('tool_calls');
  });

  it.each(cases)('[providers:fixtures] of %s: a stream is read in pieces of any size', (_id, provider) => {
    for (const step of [1, 7, 4096]) {
      const answer = heard(provider, 'stream', step);
      expect(textOf(answer.content)).toBe(TEXT);
      expect(answer.finish.unified).toBe('stop');
      expect(answer.usage).toMatchObject({ input: 24, output: 9 });
    }
  });

  it.each(withTools)('[providers:fixtures] of %s: no argument of two streamed calls is lost', (_id, provider) => {
    for (const step of [1, 4096]) {
      const answer = heard(provider, 'tools', step);
      const calls = callsOf(answer.content);
      expect(calls.map((call) => call.arguments)).toEqual(CITIES);
      expect(new Set(calls.map((call) => call.id)).size).toBe(2);
      expect(answer.finish.unified).toBe('tool_calls');
      expect(answer.usage).toMatchObject({ input: 24, output: 9 });
    }
  });

  it.each(cases.filter(([, { wire }]) => codecs[wire].framing === 'sse'))(
    '[providers:fixtures] of %s: a stream that goes on as it is says the same',
    (id, { wire }) => {
      const scanner = createStreamScanner(codecs[wire].streamDecoder());
      const bytes = recorded(id, 'stream');
      const segments = [
        ...scanner.push(bytes.subarray(0, 301)),
        ...scanner.push(bytes.subarray(301)),
        ...scanner.end(),
      ];
      const all = createAccumulator();
      for (const segment of segments) {
        if (segment.kind === 'text') all.add({ type: 'text', delta: segment.text });
        else for (const event of segment.events) all.add(event);
      }
      expect(textOf(all.response().content)).toBe(TEXT);
      expect(all.response().usage).toMatchObject({ input: 24, output: 9 });
    },
  );

  it.each(cases)('[providers:fixtures] of %s: a failure is classed', (id, provider) => {
    const {
      status,
      kind,
      body: said,
    } = body(id, 'error.json') as { status: number; kind: FailureKind; body: JsonObject };
    const failure =
      status === 200
        ? failureInAnswer(provider, said)
        : readFailure(provider, status, JSON.stringify(said), () => undefined, 0);
    expect(failure).toMatchObject({ kind });
    expect(failure?.message).not.toBe('');
  });
});

describe('what a declaration says that a provider can do', () => {
  const tools = [{ type: 'function', function: { name: 'f', parameters: { type: 'object' } } }];
  const demands: [keyof KnownCapabilities, JsonObject][] = [
    ['severalAnswers', { n: 2 }],
    ['logprobs', { logprobs: true }],
    ['seed', { seed: 7 }],
    ['jsonSchema', { response_format: { type: 'json_schema', json_schema: { name: 'a', schema: {} } } }],
    ['tools', { tools }],
    ['toolChoice', { tools, tool_choice: 'required' }],
  ];
  const asked = { model: 'm', max_completion_tokens: 9, messages: [{ role: 'user', content: 'hi' }] };

  it.each(cases.filter(([, { wire }]) => wire === 'openai-chat'))(
    '[providers:differences] of %s: what it lacks is refused, and it is not said to have it',
    (id, provider) => {
      if (provider.wire !== 'openai-chat') throw new TypeError(id);
      for (const [ability, fields] of demands) {
        const refused = unsupportedOf(provider, { ...asked, ...fields }).length > 0;
        // Known to be lacking, so that routing passes it by, is what would be refused, and nothing else.
        expect([id, ability, provider.capabilities?.[ability] === false]).toEqual([id, ability, refused]);
      }
    },
  );

  it.each(cases.filter(([, { wire }]) => wire === 'openai-chat'))(
    '[providers:differences] of %s: a request goes in the fields that it knows',
    (id, provider) => {
      if (provider.wire !== 'openai-chat') throw new TypeError(id);
      const client = { ...asked, store: true, metadata: { a: 'b' } };
      const bytes = forwardBytes(provider, Buffer.from(JSON.stringify(client)), client, { model: 'theirs' });
      const sent = JSON.parse(bytes.toString()) as JsonObject;
      expect(sent).toMatchObject({ model: 'theirs', messages: asked.messages });
      expect(sent.max_tokens ?? sent.max_completion_tokens).toBe(9);
      for (const field of provider.quirks.differs?.drops ?? []) expect(sent[field]).toBeUndefined();
      for (const field of Object.keys(provider.quirks.differs?.renames ?? {})) expect(sent[field]).toBeUndefined();
    },
  );
});
