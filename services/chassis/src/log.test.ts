import { describe, expect, it } from '@jest/globals';
import { createLogger, isSecretKey, redactText } from './log.ts';

function captured(level: 'debug' | 'info' = 'info') {
  const lines: Record<string, unknown>[] = [];
  const log = createLogger({ service: 's', level, write: (line) => void lines.push(JSON.parse(line)) });
  return { log, lines };
}

describe('log', () => {
  it('writes one JSON object a line with time, level, service, message and fields', () => {
    const { log, lines } = captured();
    log.child({ rpc: 'x' }).info('hello', { n: 1 });
    expect(lines).toEqual([{ time: expect.any(String), level: 'info', service: 's', rpc: 'x', msg: 'hello', n: 1 }]);
  });

  it('leaves out what is below its level', () => {
    const { log, lines } = captured();
    log.debug('x');
    expect(lines).toEqual([]);
  });

  it('[chassis:log-redaction] never writes what looks like a secret', () => {
    const { log, lines } = captured();
    log.warn('call with Bearer abcdefghijklmnop failed', {
      apiKey: 'k',
      headers: { Authorization: 'Bearer abc', 'x-api-key': 'k', cookie: 'c' },
      nested: [{ clientSecret: 's', text: 'sk-proj-ABCDEFGHIJKLMNOPQRST is in here' }],
      url: 'postgres://user:hunter2@host/db',
      jwt: 'eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl',
      error: new Error('login failed: password=hunter2', { cause: new Error('token: hunter3') }),
      tokens: 12,
    });
    const text = JSON.stringify(lines);
    for (const secret of ['abcdefghij', '"k"', 'ABCDEFGHIJKL', 'hunter', 'eyJhb', '"Bearer abc"', '"c"']) {
      expect(text).not.toContain(secret);
    }
    expect(text).toContain('[redacted]');
  });

  it('survives bigints, cycles by depth, dates and buffers', () => {
    const { log, lines } = captured();
    const cyclic: Record<string, unknown> = { big: 1n, at: new Date(0), bytes: Buffer.alloc(3) };
    cyclic.self = cyclic;
    log.info('x', cyclic);
    expect(lines[0]).toMatchObject({ big: '1', at: '1970-01-01T00:00:00.000Z', bytes: '[3 bytes]' });
  });
});

describe('isSecretKey', () => {
  it.each(['authorization', 'apiKey', 'api_key', 'x-api-key', 'clientSecret', 'accessToken', 'password', 'Set-Cookie'])(
    '%s names a secret',
    (key) => expect(isSecretKey(key)).toBe(true),
  );
  it.each(['passwordFile', 'keyId', 'tokenCount', 'monkey', 'author'])('%s does not', (key) =>
    expect(isSecretKey(key)).toBe(false),
  );
});

describe('redactText', () => {
  it.each(['a task-force of people', 'skating', 'https://host/path', 'the token was refused'])(
    'leaves %j alone',
    (text) => expect(redactText(text)).toBe(text),
  );
});
