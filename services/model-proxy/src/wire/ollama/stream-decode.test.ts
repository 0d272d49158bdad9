import { describe, expect, it } from '@jest/globals';
import { answerOf, heardBy } from '../testing.ts';
import { decodeFailure, isFailure } from './failure.ts';
import { decodeResponse } from './response.ts';
import { createStreamDecoder } from './stream-decode.ts';

const created_at = '2026-01-02T03:04:05.678901Z';
const said = (message: object) => ({
  model: 'q',
  created_at,
  message: { role: 'assistant', content: '', ...message },
  done: false,
});
const end = (done_reason?: string, more: object = {}) => ({
  model: 'q',
  created_at,
  message: { role: 'assistant', content: '' },
  done: true,
  done_reason,
  prompt_eval_count: 5,
  eval_count: 7,
  ...more,
});
const call = (id: string | undefined, args: unknown) => ({ id, function: { name: 'f', arguments: args } });

const heard = (...payloads: (object | string)[]) => heardBy(createStreamDecoder(), payloads);

describe('a stream of Ollama', () => {
  it('[wires:ollama-streams] keeps thinking, text and calls, each of which has an id', () => {
    const events = heard(
      said({ thinking: 'Two ' }),
      said({ thinking: 'cities.' }),
      said({ content: 'I look.' }),
      said({ tool_calls: [call('a', { city: 'Łódź' }), call(undefined, {})] }),
      said({ tool_calls: [call(undefined, undefined)] }),
      end('stop'),
    );
    const answer = answerOf(events);
    expect(answer).toMatchObject({
      model: 'q',
      created: 1767323045,
      content: [
        { type: 'reasoning', text: 'Two cities.' },
        { type: 'text', text: 'I look.' },
        { type: 'toolCall', id: 'a', arguments: '{"city":"Łódź"}' },
        { type: 'toolCall', arguments: '{}' },
        { type: 'toolCall', arguments: '{}' },
      ],
      finish: { unified: 'tool_calls', raw: 'stop' },
      usage: { input: 5, output: 7 },
    });
    const ids = answer.content.flatMap((block) => (block.type === 'toolCall' ? [block.id] : []));
    expect([new Set(ids).size, ids.every((id) => id !== '')]).toEqual([3, true]);
  });

  it.each([
    ['stop', 'stop'],
    ['length', 'length'],
    ['load', 'stop'],
    [undefined, 'stop'],
    ['new', 'unknown'],
  ])('[wires:ollama-streams] that ends by %s ends by %s', (raw, unified) => {
    expect(answerOf(heard(end(raw))).finish).toEqual({ unified, raw: raw ?? '' });
  });

  it('[wires:usage] is not told where the server kept the prompt and did not count it', () => {
    expect(answerOf(heard(end('stop', { prompt_eval_count: undefined }))).usage).toBeUndefined();
  });

  it.each<[string, (object | string)[], object]>([
    ['a line tells one', [said({ content: 'x' }), { error: 'Broke.' }], { kind: 'server_error', message: 'Broke.' }],
    ['a remote model failed', [{ error: 'no', status_code: 401 }], { kind: 'auth' }],
    ['it is cut', [said({ content: 'x' })], { kind: 'malformed', raw: 'truncated' }],
    ['it is no JSON', ['{'], { kind: 'malformed', raw: 'not_json' }],
    ['a call has no name', [said({ tool_calls: [{ function: {} }] })], { kind: 'malformed', raw: 'wrong_shape' }],
    ['arguments are a text', [said({ tool_calls: [call('a', '{}')] })], { kind: 'malformed', raw: 'wrong_shape' }],
    ['a line says nothing', [{}], { kind: 'malformed', raw: 'wrong_shape' }],
  ])('[wires:failures] ends by an error where %s, and by one', (_why, payloads, failure) => {
    expect(heard(...payloads).filter(({ type }) => type === 'error')).toMatchObject([{ failure }]);
  });
});

describe('an answer of Ollama', () => {
  it('[wires:ollama-streams] is read whole', () => {
    const message = { role: 'assistant', content: 'Sun.', thinking: 'Hm.', tool_calls: [call('a', {})] };
    expect(decodeResponse(end('length', { message }))).toMatchObject({
      model: 'q',
      created: 1767323045,
      content: [
        { type: 'reasoning', text: 'Hm.' },
        { type: 'text', text: 'Sun.' },
        { type: 'toolCall', id: 'a', name: 'f', arguments: '{}' },
      ],
      finish: { unified: 'length', raw: 'length' },
      usage: { input: 5, output: 7, cacheRead: 0, cacheWrite: 0, reasoning: 0 },
    });
    expect(() => decodeResponse({ done: true })).toThrow('message');
    expect(() => decodeResponse({ message: {}, done: false })).toThrow('done');
  });
});

describe('a failure of Ollama', () => {
  const tooLong = { code: 400, message: 'request (8889 tokens) exceeds the available context size (4096 tokens)' };
  it.each([
    [404, { error: "model 'q' not found" }, 'not_found'],
    [undefined, { error: "model 'q' not found" }, 'not_found'],
    [400, { error: '"q" does not support tools' }, 'invalid_request'],
    [400, { error: 'prompt too long; exceeded max context length by 4 tokens' }, 'context_length'],
    [400, { error: JSON.stringify({ error: tooLong }) }, 'context_length'],
    [401, { error: 'unauthorized' }, 'auth'],
    [503, { error: 'server busy, please try again.' }, 'overloaded'],
    [500, { error: 'llama runner process has terminated' }, 'server_error'],
    [429, { error: { message: 'slow down' } }, 'rate_limited'],
  ])('[wires:failures] with status %s and %j is %s', (status, body, kind) => {
    const failure = decodeFailure(status, body);
    expect(failure.kind).toBe(kind);
    expect(failure.message).not.toMatch(/^(\{|$)/);
  });

  it('[wires:failures] that comes with status 200 has no message beside its error', () => {
    expect([isFailure({ error: 'x' }), isFailure({ message: {}, error: null })]).toEqual([true, false]);
  });
});
