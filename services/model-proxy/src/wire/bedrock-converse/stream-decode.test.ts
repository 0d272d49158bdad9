import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createAccumulator } from '../../chat/accumulate.ts';
import type { StreamEvent } from '../../chat/stream.ts';
import { decodeFailure } from './failure.ts';
import { decodeResponse } from './response.ts';
import { createStreamDecoder } from './stream-decode.ts';
import { decodeUsage } from './usage.ts';

const stop = (stopReason: string) => ({ messageStop: { stopReason } });
const metadata = { metadata: { usage: { inputTokens: 5, outputTokens: 7, totalTokens: 12 }, metrics: {} } };
const delta = (contentBlockIndex: number, one: object) => ({ contentBlockDelta: { contentBlockIndex, delta: one } });
const ended = (contentBlockIndex: number) => ({ contentBlockStop: { contentBlockIndex } });
const begun = (contentBlockIndex: number, toolUseId: string) => ({
  contentBlockStart: { contentBlockIndex, start: { toolUse: { toolUseId, name: 'weather' } } },
});

function heard(...payloads: readonly (object | string)[]): StreamEvent[] {
  const decoder = createStreamDecoder();
  const events = payloads.flatMap((one) => decoder.push(typeof one === 'string' ? one : JSON.stringify(one)));
  return [...events, ...decoder.end()];
}
function answerOf(events: readonly StreamEvent[]) {
  const all = createAccumulator();
  for (const event of events) all.add(event);
  return all.response();
}

describe('a stream of Converse', () => {
  it('[clouds:converse-streams] keeps reasoning with its proof, text and the arguments of calls that overlap', () => {
    const events = heard(
      { messageStart: { role: 'assistant' } },
      delta(0, { reasoningContent: { text: 'Two ' } }),
      delta(0, { reasoningContent: { text: 'cities.' } }),
      delta(0, { reasoningContent: { signature: 'sig' } }),
      ended(0),
      delta(1, { reasoningContent: { redactedContent: 'cmVk' } }),
      ended(1),
      delta(2, { text: 'I look.' }),
      ended(2),
      begun(3, 'a'),
      begun(4, 'b'),
      delta(4, { toolUse: { input: '{"city":' } }),
      delta(3, { toolUse: { input: '{"city":"Kraków"}' } }),
      delta(4, { toolUse: { input: '"Łódź"}' } }),
      ended(3),
      ended(4),
      stop('tool_use'),
      metadata,
    );
    expect(answerOf(events)).toMatchObject({
      content: [
        { type: 'reasoning', text: 'Two cities.', signature: 'sig' },
        { type: 'reasoning', redacted: 'cmVk' },
        { type: 'text', text: 'I look.' },
        { type: 'toolCall', id: 'a', arguments: '{"city":"Kraków"}' },
        { type: 'toolCall', id: 'b', arguments: '{"city":"Łódź"}' },
      ],
      finish: { unified: 'tool_calls', raw: 'tool_use' },
      usage: { input: 5, output: 7 },
    });
  });

  it.each([
    ['end_turn', 'stop'],
    ['stop_sequence', 'stop_sequence'],
    ['max_tokens', 'length'],
    ['model_context_window_exceeded', 'length'],
    ['guardrail_intervened', 'content_filter'],
    ['content_filtered', 'content_filter'],
    ['something_new', 'unknown'],
  ])('[clouds:converse-streams] that ends by %s ends by %s', (raw, unified) => {
    expect(answerOf(heard(delta(0, { text: 'x' }), stop(raw), metadata)).finish).toEqual({ unified, raw });
  });

  it('[clouds:converse-streams] without usage is whole, without a reason to stop was cut', () => {
    expect(heard(delta(0, { text: 'x' }), stop('end_turn')).at(-1)).toMatchObject({ type: 'finish' });
    expect(heard(delta(0, { text: 'x' })).at(-1)).toMatchObject({ type: 'error', failure: { kind: 'malformed' } });
    expect(heard().at(-1)).toMatchObject({ type: 'error' });
  });

  it.each([
    ['throttlingException', { message: 'Too many tokens' }, 'rate_limited', true],
    ['modelStreamErrorException', { message: 'x', originalStatusCode: 500 }, 'server_error', true],
    ['serviceUnavailableException', { message: 'x' }, 'overloaded', true],
    ['validationException', { message: 'Input is too long for requested model.' }, 'context_length', false],
    ['validationException', { message: 'bad' }, 'invalid_request', false],
    ['InternalServerError', { message: 'x' }, 'server_error', true],
  ])('[clouds:converse-failures] that fails by %s and %j fails as %s', (name, payload, kind, retryable) => {
    const events = heard(delta(0, { text: 'x' }), { ':exception': name, payload }, delta(0, { text: 'more' }));
    expect(events.at(-1)).toMatchObject({ type: 'error', failure: { kind, retryable, raw: name } });
  });

  it.each([
    ['a call that was not begun', delta(3, { toolUse: { input: '{}' } })],
    ['a call without a name', { contentBlockStart: { contentBlockIndex: 0, start: { toolUse: { toolUseId: 'a' } } } }],
    ['what is no JSON', '{"messageStart":'],
  ])('[clouds:converse-streams] refuses %s', (_name, payload) => {
    expect(heard(payload).at(-1)).toMatchObject({ type: 'error', failure: { kind: 'malformed' } });
  });

  it('[clouds:converse-streams] never throws, whatever JSON it is sent', () => {
    fc.assert(
      fc.property(fc.array(fc.json()), (payloads) => {
        heard(...payloads);
      }),
    );
  });
});

describe('a whole answer of Converse', () => {
  it('[clouds:converse-streams] says what its stream would, citations by their text', () => {
    const answer = decodeResponse({
      output: {
        message: {
          role: 'assistant',
          content: [
            { reasoningContent: { reasoningText: { text: 'Hm.', signature: 's' } } },
            { citationsContent: { content: [{ text: 'As said.' }], citations: [{ title: 'T' }] } },
            { toolUse: { toolUseId: 'a', name: 'weather', input: { city: 'Kraków' } } },
            { video: { format: 'mp4' } },
          ],
        },
      },
      stopReason: 'end_turn',
      usage: { inputTokens: 1, outputTokens: 2 },
      trace: { guardrail: {} },
    });
    expect(answer.content).toMatchObject([
      { type: 'reasoning', text: 'Hm.', signature: 's' },
      { type: 'text', text: 'As said.' },
      { type: 'toolCall', id: 'a', arguments: '{"city":"Kraków"}' },
      { type: 'opaque', dialect: 'bedrock-converse', kind: 'video' },
    ]);
    expect(answer.finish).toEqual({ unified: 'tool_calls', raw: 'end_turn' });
    expect(answer.id).toMatch(/^msg_/);
  });

  it('[clouds:converse-usage] counts what was read from the cache and written to it', () => {
    const cacheDetails = [{ ttl: '1h', inputTokens: 30 }];
    const usage = {
      inputTokens: 10,
      outputTokens: 5,
      cacheReadInputTokens: 100,
      cacheWriteInputTokens: 40,
      cacheDetails,
    };
    expect(decodeUsage(usage)).toEqual({
      input: 150,
      output: 5,
      cacheRead: 100,
      cacheWrite: 40,
      cacheWrite1h: 30,
      reasoning: 0,
    });
    expect(decodeUsage({ inputTokens: -1 })).toBeUndefined();
  });

  it.each<[number, object, string]>([
    [403, { message: 'The security token included in the request is invalid.' }, 'auth'],
    [403, { message: "You don't have access to the model with the specified model ID." }, 'permission'],
    [404, { message: 'Could not resolve the foundation model' }, 'not_found'],
    [400, { message: 'The provided model identifier is invalid.' }, 'invalid_request'],
    [400, { message: 'Input is too long for requested model.' }, 'context_length'],
    [429, { message: 'Too many tokens, please wait before trying again.' }, 'rate_limited'],
    [424, { message: 'x', originalStatusCode: 500 }, 'server_error'],
    [408, { message: 'x' }, 'timeout'],
    [503, { message: 'x' }, 'overloaded'],
    [400, { __type: 'ServiceQuotaExceededException:http://internal.amazon.com/', message: 'x' }, 'rate_limited'],
    [400, { __type: 'com.amazon.coral.service#ThrottlingException', Message: 'x' }, 'rate_limited'],
  ])('[clouds:converse-failures] of status %i and %j is %s', (status, body, kind) => {
    expect(decodeFailure(status, body)).toMatchObject({ kind, status });
  });
});
