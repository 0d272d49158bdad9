import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import type { FailureKind } from '../chat/failure.ts';
import { putKey } from '../upstream/authenticate.ts';
import { callHeaders, defineProvider } from './define-provider.ts';
import { parseRetryAfter, readFailure } from './failure.ts';
import { findProvider, providers } from './index.ts';

const none = () => undefined;

describe('the provider list', () => {
  it('has every declaration of its folder', () => {
    const folder = new URL('.', import.meta.url);
    const declared = readdirSync(folder).filter(
      (file) =>
        file.endsWith('.ts') && /= (defineProvider|openAiAlike)\(/.test(readFileSync(new URL(file, folder), 'utf8')),
    );
    expect(declared.map((file) => file.replace('.ts', '')).sort()).toEqual(providers.map(({ id }) => id).sort());
  });

  it('puts the key where the provider reads it', () => {
    const headersFor = (id: string) => {
      const provider = findProvider(id)!;
      const headers = callHeaders(provider);
      if (provider.auth.kind === 'header') putKey(provider.auth, 'k', { path: '/', headers });
      return headers;
    };
    expect(headersFor('openai')).toMatchObject({ authorization: 'Bearer k' });
    expect(headersFor('anthropic')).toMatchObject({ 'x-api-key': 'k', 'anthropic-version': '2023-06-01' });
    expect(callHeaders(findProvider('openai-compatible')!)).toEqual({ 'content-type': 'application/json' });
  });

  it('refuses a declaration with a fault when it loads', () => {
    const good = findProvider('openai')!;
    expect(() => defineProvider({ ...good, baseURL: 'https://a.example/' })).toThrow('baseURL');
    expect(() => defineProvider({ ...good, baseURL: 'http://a.example' })).toThrow(TypeError);
    expect(() => defineProvider({ ...good, headers: { 'X-A': '1' } })).toThrow('lower case');
  });
});

describe('the failure of a provider', () => {
  it.each<[string, number, unknown, FailureKind, boolean]>([
    [
      'openai',
      429,
      { error: { message: 'Rate limit reached', type: 'requests', code: 'rate_limit_exceeded' } },
      'rate_limited',
      true,
    ],
    [
      'openai',
      429,
      { error: { message: 'You exceeded your current quota', type: 'insufficient_quota', code: 'insufficient_quota' } },
      'billing',
      false,
    ],
    [
      'openai',
      400,
      { error: { message: 'x', type: 'invalid_request_error', code: 'context_length_exceeded' } },
      'context_length',
      false,
    ],
    [
      'openai',
      400,
      { error: { message: "This model's maximum context length is 8192 tokens", type: 'invalid_request_error' } },
      'context_length',
      false,
    ],
    ['openai', 400, { error: { message: 'x', code: 'content_filter' } }, 'content_policy', false],
    ['openai', 401, { error: { message: 'Incorrect API key', code: 'invalid_api_key' } }, 'auth', false],
    ['openai', 404, { error: { message: 'no', code: 'model_not_found' } }, 'not_found', false],
    ['openai', 400, { error: { message: 'bad', type: 'invalid_request_error' } }, 'invalid_request', false],
    ['openai', 500, { error: { message: 'x', type: 'server_error' } }, 'server_error', true],
    ['openai-compatible', 503, { message: 'busy' }, 'overloaded', true],
    ['openai-compatible', 422, { detail: 'no' }, 'invalid_request', false],
    [
      'anthropic',
      529,
      { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } },
      'overloaded',
      true,
    ],
    ['anthropic', 429, { type: 'error', error: { type: 'rate_limit_error', message: 'x' } }, 'rate_limited', true],
    [
      'anthropic',
      400,
      { type: 'error', error: { type: 'invalid_request_error', message: 'prompt is too long: 210000 tokens' } },
      'context_length',
      false,
    ],
    [
      'anthropic',
      400,
      { type: 'error', error: { type: 'invalid_request_error', message: 'Your credit balance is too low' } },
      'billing',
      false,
    ],
    ['anthropic', 413, { type: 'error', error: { type: 'request_too_large', message: 'x' } }, 'too_large', false],
    ['anthropic', 401, { type: 'error', error: { type: 'authentication_error', message: 'x' } }, 'auth', false],
  ])('[model:failure-class] of %s with status %i and %j is %s', (id, status, body, kind, retryable) => {
    expect(readFailure(findProvider(id)!, status, JSON.stringify(body), none, 0)).toMatchObject({
      kind,
      retryable,
      status,
    });
  });

  it('is classed by its status where the body is a proxy page', () => {
    expect(readFailure(findProvider('anthropic')!, 502, '<html>', none, 0)).toMatchObject({
      kind: 'server_error',
      retryable: true,
    });
    expect(readFailure(findProvider('openai')!, 504, '', none, 0)).toMatchObject({ kind: 'timeout' });
    expect(readFailure(findProvider('openai')!, 400, '[]', none, 0)).toMatchObject({ kind: 'invalid_request' });
  });

  it.each([
    [{ 'retry-after': '3' }, 3000],
    [{ 'retry-after': '0.5' }, 500],
    [{ 'retry-after': 'Thu, 01 Jan 1970 00:00:10 GMT' }, 9000],
    [{ 'retry-after': 'Thu, 01 Jan 1970 00:00:00 GMT' }, 0],
    [{ 'retry-after-ms': '120', 'retry-after': '9' }, 120],
    [{ 'retry-after': '99999999' }, 600_000],
    [{ 'retry-after': '-5e9' }, undefined],
    [{ 'retry-after': 'soon' }, undefined],
    [{}, undefined],
  ] as [Record<string, string>, number | undefined][])(
    '[model:retry-after] is asked again after what %j says',
    (headers, expected) => {
      expect(parseRetryAfter((name) => headers[name], 1000)).toBe(expected);
    },
  );
});
