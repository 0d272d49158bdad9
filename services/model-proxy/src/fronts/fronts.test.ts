import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import type { FailureKind } from '../chat/failure.ts';
import { estimateTokens } from './anthropic/count-tokens.ts';
import * as anthropicErrors from './anthropic/errors.ts';
import * as anthropicParse from './anthropic/parse.ts';
import { renderResponse as renderAnthropic, renderStream as streamAnthropic } from './anthropic/render.ts';
import { asGatewayFailure, asUnsupported } from './failure.ts';
import { frontOf } from './index.ts';
import * as openaiErrors from './openai/errors.ts';
import * as openaiParse from './openai/parse.ts';
import { renderResponse as renderOpenAi, renderStream as streamOpenAi } from './openai/render.ts';

const user = { role: 'user', content: 'hi' };

function faultOf(parse: (body: unknown) => unknown, body: unknown): unknown {
  try {
    parse(body);
  } catch (error) {
    if (error instanceof GatewayError) return [error.status, error.code, error.details?.param];
    throw error;
  }
  return undefined;
}

describe('the OpenAI front', () => {
  it.each<[string, unknown, string | undefined]>([
    ['no object', [], undefined],
    ['no model', { messages: [user] }, 'model'],
    ['no messages', { model: 'm' }, 'messages'],
    ['empty messages', { model: 'm', messages: [] }, 'messages'],
    ['a message that is null', { model: 'm', messages: [null] }, 'messages[0]'],
    ['an unknown role', { model: 'm', messages: [{ role: 'root', content: '' }] }, 'messages[0].role'],
    ['content that is a number', { model: 'm', messages: [{ role: 'user', content: 1 }] }, 'messages[0].content'],
    [
      'text that is a number',
      { model: 'm', messages: [{ role: 'user', content: [{ type: 'text', text: 1 }] }] },
      'messages[0].content[0].text',
    ],
    ['a result without a call', { model: 'm', messages: [{ role: 'tool', content: '' }] }, 'messages[0].tool_call_id'],
    [
      'a call without arguments',
      { model: 'm', messages: [{ role: 'assistant', tool_calls: [{ id: 'a', function: { name: 'f' } }] }] },
      'messages[0].tool_calls[0].function.arguments',
    ],
    ['a stream flag that is text', { model: 'm', messages: [user], stream: 'yes' }, 'stream'],
    [
      'a tool without a name',
      { model: 'm', messages: [user], tools: [{ type: 'function', function: {} }] },
      'tools[0].function.name',
    ],
    ['a tool choice of no kind', { model: 'm', messages: [user], tool_choice: 'maybe' }, 'tool_choice'],
    ['the functions of 2023', { model: 'm', messages: [user], functions: [] }, 'functions'],
    ['no answers', { model: 'm', messages: [user], n: 0 }, 'n'],
    [
      'a filter that cannot be read',
      { model: 'm', messages: [user], tools: [{ type: 'mcp', server_label: 's', allowed_tools: { names: ['a'] } }] },
      'tools[0].allowed_tools',
    ],
  ])('[model:invalid-names-path] refuses %s and names the path', (_name, body, param) => {
    expect(faultOf(openaiParse.parseRequest, body)).toEqual([400, 'invalid_request', param]);
  });

  it('answers errors in its dialect with a stable code and the trajectory', () => {
    const error = new GatewayError('budget_exceeded', 'The budget is used up.');
    expect(openaiErrors.errorBody(error, 'tr_1')).toEqual({
      error: {
        message: 'The budget is used up.',
        type: 'insufficient_quota',
        param: null,
        code: 'budget_exceeded',
        trajectory: 'tr_1',
      },
    });
  });

  it('ends a stream that fails with an error and no [DONE]', () => {
    const encoder = streamOpenAi({ trajectory: 'tr_1' });
    const failed = encoder.encode({
      type: 'error',
      failure: { kind: 'server_error', retryable: true, message: 'db at 10.0.0.1' },
    });
    expect(JSON.parse(failed.slice('data: '.length))).toMatchObject({
      error: { code: 'upstream_error', trajectory: 'tr_1' },
    });
    expect(failed).not.toContain('10.0.0.1');
    expect(encoder.end()).toBe('');
  });
});

describe('the Anthropic front', () => {
  it.each<[string, unknown, string | undefined]>([
    ['no object', 'x', undefined],
    ['no limit', { model: 'm', messages: [user] }, 'max_tokens'],
    ['a system text of no kind', { model: 'm', max_tokens: 1, system: 5, messages: [user] }, 'system'],
    ['the role tool', { model: 'm', max_tokens: 1, messages: [{ role: 'tool', content: '' }] }, 'messages[0].role'],
    [
      'a result without a call',
      { model: 'm', max_tokens: 1, messages: [{ role: 'user', content: [{ type: 'tool_result' }] }] },
      'messages[0].content[0].tool_use_id',
    ],
    [
      'a tool without a schema',
      { model: 'm', max_tokens: 1, messages: [user], tools: [{ name: 'a' }] },
      'tools[0].input_schema',
    ],
  ])('[model:invalid-names-path] refuses %s and names the path', (_name, body, param) => {
    expect(faultOf(anthropicParse.parseRequest, body)).toEqual([400, 'invalid_request', param]);
  });

  it.each([
    ['a message', anthropicParse.parseRequest, { type: 'create' }],
    ['a message that goes on', anthropicParse.parseRequest, { type: 'continue', previous_message_id: 'msg_1' }],
    ['a count', anthropicParse.parseCountRequest, { type: 'create' }],
  ])(
    '[model:anthropic-thread] keeps no history of %s at the provider, and says so as Anthropic does',
    (_name, parse, thread) => {
      const body = { model: 'm', max_tokens: 1, messages: [user] };
      expect(faultOf(parse, { ...body, thread })).toEqual([400, 'unsupported', 'thread']);
      let refused: unknown;
      try {
        parse({ ...body, thread });
      } catch (error) {
        refused = error;
      }
      expect(anthropicErrors.errorBody(refused as GatewayError)).toMatchObject({
        error: { type: 'invalid_request_error', details: { error_code: 'thread_unsupported_request' } },
      });
      expect(parse({ ...body, thread: null }).facts.messageCount).toBe(1);
    },
  );

  it('answers errors in its dialect with a stable code and the trajectory', () => {
    const error = new GatewayError('rate_limited', 'Too many.');
    expect(anthropicErrors.errorBody(error, 'tr_1')).toEqual({
      type: 'error',
      error: { type: 'rate_limit_error', message: 'Too many.', code: 'rate_limited' },
      request_id: 'tr_1',
    });
    expect(
      streamAnthropic().encode({ type: 'error', failure: { kind: 'overloaded', retryable: true, message: '' } }),
    ).toMatch(/^event: error\ndata: \{"type":"error","error":\{"type":"overloaded_error"/);
  });

  it('estimates tokens of text, tools and pictures, more for more', () => {
    const count = (content: unknown, tools: unknown[] = []) =>
      estimateTokens(
        anthropicParse.parseCountRequest({ model: 'm', messages: [{ role: 'user', content }], tools }).facts,
      );
    expect(count('The quick brown fox jumps over the lazy dog.')).toBe(17);
    expect(count('漢字漢字')).toBe(8);
    expect(count('a', [{ name: 'f', input_schema: {} }])).toBeGreaterThan(count('a'));
    expect(count([{ type: 'image', source: { type: 'url', url: 'https://e.com' } }])).toBeGreaterThan(1000);
  });
});

describe('both fronts', () => {
  it('name answers in their own dialect', () => {
    const response = { id: 'msg_1', model: 'real', content: [], finish: { unified: 'stop' as const, raw: '' } };
    expect(renderOpenAi(response, { model: 'public' })).toMatchObject({ id: 'chatcmpl-1', model: 'public' });
    expect(renderAnthropic({ ...response, id: 'chatcmpl-2' })).toMatchObject({ id: 'msg_2', model: 'real' });
    expect(streamOpenAi().encode({ type: 'start', id: 'msg_1', model: 'm' })).toBe('');
    expect(streamAnthropic().encode({ type: 'start', id: 'chatcmpl-3', model: 'm' })).toContain('"id":"msg_3"');
  });

  it.each<[FailureKind, number, string, boolean]>([
    ['rate_limited', 429, 'rate_limited', false],
    ['overloaded', 503, 'unavailable', false],
    ['context_length', 400, 'invalid_request', true],
    ['content_policy', 400, 'invalid_request', true],
    ['auth', 502, 'upstream_credentials', false],
    ['billing', 502, 'upstream_credentials', false],
    ['invalid_request', 400, 'invalid_request', true],
    ['malformed', 502, 'upstream_invalid', false],
  ])('[model:upstream-errors-hidden] say the failure %s as %i %s', (kind, status, code, tells) => {
    const error = asGatewayFailure({ kind, retryable: false, message: 'org-secret account', retryAfterMs: 5 });
    expect([error.status, error.code, error.retryAfterMs]).toEqual([status, code, 5]);
    expect(error.message.includes('org-secret')).toBe(tells);
  });

  it('[model:known-errors] give clients the code and the words that they test for when the prompt is too long', () => {
    const error = asGatewayFailure({ kind: 'context_length', retryable: false, message: '' });
    expect(openaiErrors.errorBody(error)).toMatchObject({ error: { code: 'context_length_exceeded' } });
    // By which LangChain knows it at Anthropic, and LangChain and LiteLLM at Google.
    for (const words of ['prompt is too long', 'exceeds the maximum number of tokens allowed'])
      expect(error.message).toContain(words);
  });

  it('[model:known-errors] give OpenAI clients the code of a model that is not there, and of no other thing', () => {
    const missing = (param: string) => new GatewayError('not_found', 'None.', { details: { param } });
    expect(openaiErrors.errorBody(missing('model'))).toMatchObject({ error: { code: 'model_not_found' } });
    expect(openaiErrors.errorBody(missing('file_id'))).toMatchObject({ error: { code: 'not_found' } });
  });

  it('[model:whole-answers] leave out no field of an answer that OpenRouter clients demand', () => {
    const response = { id: 'msg_1', model: 'real', content: [], finish: { unified: 'stop' as const, raw: '' } };
    expect(renderOpenAi(response, { model: 'public' })).toHaveProperty('system_fingerprint', null);
    const whole = frontOf('openai-responses').renderResponse(response, {
      model: 'public',
      trajectory: '',
      created: 1,
      includeUsage: false,
    });
    expect(whole).toMatchObject({ status: 'completed', frequency_penalty: 0, presence_penalty: 0 });
    expect(whole.completed_at).toBeGreaterThan(1_700_000_000);
  });

  it('refuse what the target cannot say, naming each field', () => {
    const error = asUnsupported([
      { field: 'sampling.seed', reason: 'no' },
      { field: 'tools[0]', reason: 'never' },
    ]);
    expect(error).toMatchObject({ status: 400, code: 'unsupported', details: { param: 'sampling.seed' } });
    expect(error.message).toContain('tools[0] (never)');
  });
});
