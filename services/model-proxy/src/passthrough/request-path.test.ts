import { describe, expect, it } from '@jest/globals';
import { readPath } from './request-path.ts';

describe('the target of what is passed through', () => {
  it('is read into provider, path and query', () => {
    expect(readPath('/passthrough/openai/vector_stores/vs_1:x;v=1?limit=2&after=%20a')).toEqual({
      provider: 'openai',
      path: '/vector_stores/vs_1:x;v=1',
      query: '?limit=2&after=%20a',
    });
    expect(readPath('/passthrough/o/files/%C3%A9')).toMatchObject({ path: '/files/%C3%A9' });
  });

  it.each([
    '/passthrough/openai/../admin',
    '/passthrough/openai/a/./b',
    '/passthrough/openai/a//b',
    '/passthrough/openai//evil.example/a',
    '/passthrough/openai/a/..;/b',
    '/passthrough/openai/a/',
    '/passthrough/openai/a%2Fb',
    '/passthrough/openai/a%2fb',
    '/passthrough/openai/%2e%2e/b',
    '/passthrough/openai/%2E%2E/b',
    '/passthrough/openai/a%5Cb',
    '/passthrough/openai/a\\b',
    '/passthrough/openai/a%00',
    '/passthrough/openai/a%0D%0AHost:x',
    '/passthrough/openai/a%C0%AFb',
    '/passthrough/openai/a%25%32%46b',
    '/passthrough/openai/a b',
    '/passthrough/openai/a#b',
    '/passthrough/openai/a?b#c',
    '/passthrough/openai',
    '/passthrough/%6Fpenai/a',
    '/passthrough/OPENAI/a',
    '/PASSTHROUGH/openai/a',
    'http://evil.example/passthrough/openai/a',
    '//evil.example/passthrough/openai/a',
    '/passthrough/openai@evil/a',
    `/passthrough/openai/${'a'.repeat(5000)}`,
    '/passthrough/openai/a?_method=DELETE',
    '/passthrough/openai/a?$httpMethod=DELETE',
    '/passthrough/openai/a?%24httpMethod=DELETE',
    '/passthrough/openai/a?X-HTTP-Method-Override=PUT',
    '/passthrough/openai/a?callback=x',
    undefined,
  ])('[passthrough:one-reading] is refused as %j', (target) => {
    expect(() => readPath(target)).toThrow(expect.objectContaining({ code: 'invalid_request' }));
  });
});
