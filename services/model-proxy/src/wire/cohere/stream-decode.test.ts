import { describe, expect, it } from '@jest/globals';
import { answerOf, heardBy } from '../testing.ts';
import { decodeFailure, isFailure } from './failure.ts';
import { decodeResponse } from './response.ts';
import { createStreamDecoder } from './stream-decode.ts';
import { decodeUsage } from './usage.ts';

const usage = { billed_units: { input_tokens: 5, output_tokens: 7 }, tokens: { input_tokens: 500, output_tokens: 8 } };
const end = (finish_reason: string, more: object = {}) => ({
  type: 'message-end',
  delta: { finish_reason, usage, ...more },
});
const said = (type: string, message: object, index?: number) => ({ type, index, delta: { message } });
const begun = (index: number, id: string) =>
  said('tool-call-start', { tool_calls: { id, type: 'function', function: { name: 'f', arguments: '' } } }, index);
const args = (index: number, text: string) =>
  said('tool-call-delta', { tool_calls: { function: { arguments: text } } }, index);

const heard = (...payloads: (object | string)[]) => heardBy(createStreamDecoder(), payloads);

describe('a stream of Cohere', () => {
  it('[wires:cohere-streams] keeps thinking, the plan, text by blocks and arguments of calls that overlap', () => {
    const events = heard(
      { type: 'message-start', id: 'm1', delta: { message: { role: 'assistant' } } },
      said('content-start', { content: { type: 'thinking', thinking: 'Two ' } }, 0),
      said('content-delta', { content: { thinking: 'cities.' } }, 0),
      { type: 'content-end', index: 0 },
      said('tool-plan-delta', { tool_plan: 'I ' }),
      said('tool-plan-delta', { tool_plan: 'look.' }),
      begun(0, 'a'),
      begun(1, 'b'),
      args(1, '{"x":'),
      args(0, '{}'),
      args(1, '1}'),
      { type: 'tool-call-end', index: 0 },
      { type: 'tool-call-end', index: 1 },
      { type: 'citation-start', index: 0, delta: { message: { citations: { start: 0, end: 1 } } } },
      { type: 'something-new' },
      end('TOOL_CALL'),
      '[DONE]',
    );
    expect(answerOf(events)).toMatchObject({
      id: 'm1',
      content: [
        { type: 'reasoning', text: 'Two cities.' },
        { type: 'text', text: 'I look.' },
        { type: 'toolCall', id: 'a', arguments: '{}' },
        { type: 'toolCall', id: 'b', arguments: '{"x":1}' },
      ],
      finish: { unified: 'tool_calls', raw: 'TOOL_CALL' },
      usage: { input: 5, output: 7 },
    });
    expect(events.filter(({ type }) => type === 'error' || type === 'opaque')).toEqual([]);
  });

  it('[wires:cohere-streams] holds the plan and the text after it apart', () => {
    const events = heard(
      said('tool-plan-delta', { tool_plan: 'Plan.' }),
      said('content-start', { content: { type: 'text', text: '' } }, 0),
      said('content-delta', { content: { text: 'Text.' } }, 0),
      end('COMPLETE'),
    );
    expect(answerOf(events).content).toEqual([
      { type: 'text', text: 'Plan.' },
      { type: 'text', text: 'Text.' },
    ]);
  });

  it.each([
    ['COMPLETE', 'stop'],
    ['STOP_SEQUENCE', 'stop_sequence'],
    ['MAX_TOKENS', 'length'],
    ['ERROR_TOXIC', 'content_filter'],
    ['NEW', 'unknown'],
  ])('[wires:cohere-streams] that ends by %s ends by %s', (raw, unified) => {
    expect(answerOf(heard(end(raw))).finish).toEqual({ unified, raw });
  });

  it.each<[string, (object | string)[], object]>([
    ['its end tells one', [end('ERROR', { error: 'Broke.' })], { kind: 'server_error', message: 'Broke.' }],
    ['its model took too long', [end('TIMEOUT')], { kind: 'timeout', retryable: true }],
    ['a message stands alone', [{ message: 'Broke.' }], { kind: 'server_error', message: 'Broke.' }],
    ['it is cut', [said('content-delta', { content: { text: 'x' } }, 0)], { kind: 'malformed', raw: 'truncated' }],
    ['it is no JSON', ['{'], { kind: 'malformed', raw: 'not_json' }],
    ['a call is not begun', [args(0, '{}')], { kind: 'malformed', raw: 'out_of_order' }],
    ['a call begins twice', [begun(0, 'a'), begun(0, 'b')], { kind: 'malformed', raw: 'out_of_order' }],
    ['a call has no id', [begun(0, '')], { kind: 'malformed', raw: 'wrong_shape' }],
  ])('[wires:failures] ends by an error where %s, and by one', (_why, payloads, failure) => {
    const errors = heard(...payloads, end('COMPLETE')).filter(({ type }) => type === 'error');
    const cut = heard(...payloads).filter(({ type }) => type === 'error');
    expect(cut).toMatchObject([{ failure }]);
    expect(errors.length).toBeLessThanOrEqual(1);
  });
});

describe('an answer of Cohere', () => {
  it('[wires:cohere-streams] is read whole: plan, thinking, text with its sources, calls', () => {
    const citations = [
      { start: 0, end: 3, text: 'Sun', sources: [], content_index: 1 },
      { start: 0, end: 1, text: 'I', sources: [], type: 'PLAN' },
    ];
    const message = {
      role: 'assistant',
      tool_plan: 'I look.',
      content: [
        { type: 'thinking', thinking: 'Hm.' },
        { type: 'text', text: 'Sun.' },
        { type: 'text', text: '' },
      ],
      tool_calls: [{ id: 'a', type: 'function', function: { name: 'f' } }],
      citations,
    };
    expect(decodeResponse({ id: 'i', message, finish_reason: 'COMPLETE', usage, logprobs: [] })).toEqual({
      id: 'i',
      model: '',
      content: [
        { type: 'text', text: 'I look.' },
        { type: 'reasoning', text: 'Hm.' },
        { type: 'text', text: 'Sun.', extra: { cohere: { citations: [citations[0]] } } },
        { type: 'toolCall', id: 'a', name: 'f', arguments: '' },
      ],
      finish: { unified: 'tool_calls', raw: 'COMPLETE' },
      usage: { input: 5, output: 7, cacheRead: 0, cacheWrite: 0, reasoning: 0 },
      extra: { cohere: { logprobs: [] } },
    });
    expect(() => decodeResponse({ id: 'i' })).toThrow('message');
    expect(() => decodeResponse({ message: { content: [1] } })).toThrow('content[0]');
  });

  it('[wires:usage] counts what is billed, else the tokens, and what came from its cache', () => {
    expect(decodeUsage({ ...usage, cached_tokens: 3 })).toMatchObject({ input: 5, output: 7, cacheRead: 3 });
    expect(decodeUsage({ tokens: usage.tokens, cached_tokens: 900 })).toMatchObject({ input: 500, cacheRead: 500 });
    expect(decodeUsage({ billed_units: { search_units: 2, output_tokens: 0 } })).toMatchObject({ searches: 2 });
    expect(decodeUsage({ billed_units: { input_tokens: -1 } })).toBeUndefined();
  });
});

describe('a failure of Cohere', () => {
  it.each([
    [400, 'too many tokens: size limit exceeded by 5 tokens', 'context_length'],
    [401, 'invalid api token', 'auth'],
    [402, 'Please add a payment method.', 'billing'],
    [404, "model 'x' not found", 'not_found'],
    [422, 'invalid field', 'invalid_request'],
    [429, 'You are past the per minute request limit', 'rate_limited'],
    [429, 'You are using a Trial key, which is limited to 1000 API calls / month.', 'billing'],
    [498, 'invalid token', 'content_policy'],
    [499, 'request cancelled', 'timeout'],
    [503, 'upstream', 'overloaded'],
  ])('[wires:failures] with status %i and "%s" is %s', (status, message, kind) => {
    expect(decodeFailure(status, { id: 'x', message })).toMatchObject({ kind, status, message });
  });

  it('[wires:failures] that comes with status 200 is known by how it ended', () => {
    expect(isFailure({ finish_reason: 'ERROR', message: {} })).toBe(true);
    expect(isFailure({ finish_reason: 'COMPLETE', message: {} })).toBe(false);
    const failure = decodeFailure(undefined, { finish_reason: 'TIMEOUT', message: { role: 'assistant' } });
    expect(failure).toMatchObject({ kind: 'timeout', raw: 'TIMEOUT', message: 'The answer ended with TIMEOUT.' });
  });
});
