import { describe, expect, it } from '@jest/globals';
import { createMetrics } from '@sallyport/chassis/metrics';
import { challengeOf, createIngress, secretOf } from './ingress.ts';
import { quiet } from './testing.ts';

/** A request as Node has it: the first Authorization stays, others of one name are joined. */
function request(rawHeaders: readonly string[], url = '/v1/chat/completions') {
  const headers: Record<string, string> = {};
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const [name, value] = [(rawHeaders[i] as string).toLowerCase(), rawHeaders[i + 1] as string];
    if (headers[name] === undefined) headers[name] = value;
    else if (name !== 'authorization') headers[name] += `, ${value}`;
  }
  return { headers, rawHeaders: [...rawHeaders], url };
}

describe('secretOf', () => {
  it.each([
    ['Authorization', 'Bearer k-1'],
    ['authorization', 'bearer   k-1 '],
    ['AUTHORIZATION', 'BEARER k-1'],
    ['x-api-key', 'k-1'],
    ['api-key', 'k-1'],
    ['X-Goog-Api-Key', 'k-1'],
  ])('[tokens:ingress] takes %s: %s', (name, value) => {
    expect(secretOf(request([name, value]))).toBe('k-1');
  });

  it('[tokens:ingress] [turn:secret] takes the same credential under two names', () => {
    expect(secretOf(request(['authorization', 'Bearer k-1', 'x-api-key', 'k-1']))).toBe('k-1');
  });

  it.each<[string, string[], string, number]>([
    ['nothing', [], 'unauthenticated', 401],
    ['a cookie', ['cookie', 'token=k-1'], 'unauthenticated', 401],
    ['Basic', ['authorization', 'Basic azox'], 'unauthenticated', 401],
    ['DPoP', ['authorization', 'DPoP k-1'], 'unauthenticated', 401],
    ['a bearer of two words', ['authorization', 'Bearer a b'], 'unauthenticated', 401],
    ['100 KB', ['authorization', `Bearer ${'k'.repeat(100_000)}`], 'unauthenticated', 401],
    ['two Authorization headers', ['authorization', 'Bearer a', 'Authorization', 'Bearer b'], 'invalid_request', 400],
    [
      'one Authorization header twice',
      ['authorization', 'Bearer a', 'Authorization', 'Bearer a'],
      'invalid_request',
      400,
    ],
    ['two x-api-key headers', ['x-api-key', 'a', 'X-Api-Key', 'b'], 'invalid_request', 400],
    ['two credentials', ['authorization', 'Bearer a', 'x-goog-api-key', 'b'], 'invalid_request', 400],
  ])('[tokens:ingress] refuses %s', (_, headers, code, status) => {
    expect(() => secretOf(request(headers))).toThrow(expect.objectContaining({ code, status }));
  });

  it.each(['access_token', 'key', 'api_key', '%6bey', 'KEY'])(
    '[tokens:no-query] refuses a credential in the URL as %s',
    (name) => {
      const req = request(['authorization', 'Bearer a'], `/v1/models?limit=2&${name}=b`);
      expect(() => secretOf(req)).toThrow(expect.objectContaining({ code: 'invalid_request' }));
      expect(secretOf(request(['authorization', 'Bearer a'], '/v1/models?limit=2'))).toBe('a');
    },
  );
});

describe('createIngress', () => {
  it('[tokens:networks] gives the secret, and the address of the client as its proxies say it', () => {
    const req = {
      ...request(['x-api-key', 'k-1', 'x-forwarded-for', '192.0.2.7']),
      socket: { remoteAddress: '10.0.0.1' },
    };
    const metrics = createMetrics('test', { defaults: false });
    const of = (trustedProxies: string[]) =>
      createIngress({ trustedProxies, forwardedHeader: 'x-forwarded-for' }, { log: quiet, metrics }).credentialOf(req);
    expect(of(['10.0.0.0/8'])).toMatchObject({ secret: 'k-1' });
    expect(of(['10.0.0.0/8']).address()).toBe('192.0.2.7');
    expect(of([]).address()).toBe('10.0.0.1');
  });
});

describe('challengeOf', () => {
  it('[tokens:challenge] says invalid_token only to who presented one, and where the metadata is', () => {
    expect(challengeOf(request([]))).toBe('Bearer realm="sallyport"');
    expect(challengeOf(request(['x-api-key', 'a']), 'https://g.example/m')).toBe(
      'Bearer realm="sallyport", error="invalid_token", resource_metadata="https://g.example/m"',
    );
  });
});
