import { describe, expect, it } from '@jest/globals';
import { REDACTED, withoutSecrets } from './secret-scan.ts';

describe('withoutSecrets', () => {
  it.each([
    ['an OpenAI key', 'sk-proj-abcdefghijklmnop1234'],
    ['an Anthropic key', 'sk-ant-api03-abcdefghijklmnop1234'],
    ['one of our own', 'sp-xywzn2bv-d2g7icllb5sqpgk6mm3dpfpgv33m237n'],
    ['a GitHub token', 'ghp_abcdefghijklmnopqrstuvwx'],
    ['a Slack token', 'xoxb-1234567890-abcdef'],
    ['an AWS key id', 'AKIAABCDEFGHIJKLMNOP'],
    ['a JWT', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl'],
    ['a PEM key', '-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----'],
  ])('takes %s out [audit:secrets-redacted]', (_what, secret) => {
    expect(withoutSecrets(`before ${secret} after`)).toBe(`before ${REDACTED} after`);
    expect(withoutSecrets(JSON.stringify(`a\n${secret}`))).toBe(JSON.stringify(`a\n${REDACTED}`));
  });

  it('takes the password out of a URL and a bearer value out of a header, and leaves the rest', () => {
    expect(withoutSecrets('postgres://app:hunter22@db:5432/x')).toBe(`postgres://app:${REDACTED}@db:5432/x`);
    expect(withoutSecrets('Authorization: Bearer abcdefghijklmnop')).toBe(`Authorization: Bearer ${REDACTED}`);
  });

  it('leaves JSON that can be parsed', () => {
    const text = JSON.stringify({ body: 'use -----BEGIN PRIVATE KEY-----\nAB+/=\n-----END PRIVATE KEY-----', n: 1 });
    expect(JSON.parse(withoutSecrets(text))).toEqual({ body: `use ${REDACTED}`, n: 1 });
  });

  it('leaves JSON that can be parsed behind a key that was cut off [audit:secrets-redacted]', () => {
    for (const behind of ['"', '\\', '\\"', '\t"', 'é', '\u2028']) {
      const text = JSON.stringify({ body: `"-----BEGIN PRIVATE KEY-----\nAB+/=${behind} and so on` });
      for (const given of [text, JSON.stringify({ text })]) {
        expect(JSON.stringify(JSON.parse(withoutSecrets(given)))).not.toContain('AB+');
      }
    }
  });

  it('takes a JWT out behind a hyphen too [audit:secrets-redacted]', () => {
    const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl';
    expect(withoutSecrets(`x session-${jwt} y`)).toBe(`x session-${REDACTED} y`);
    expect(withoutSecrets(`--${jwt}`)).toBe(`--${REDACTED}`);
    expect(withoutSecrets('a-eyJ.b.c, -eyJaaaaaaaaaa b')).toBe('a-eyJ.b.c, -eyJaaaaaaaaaa b');
  });

  it.each(['', 'risky-business-is-not-a-key', 'see https://example.com/a:b@c', 'task sk-1', 'm1 to ann@example.com'])(
    'leaves %j as it is',
    (text) => {
      expect(withoutSecrets(text)).toBe(text);
    },
  );

  it('takes time linear in the text', () => {
    const started = performance.now();
    for (const unit of [
      'a:',
      'eyJaaaaaaaa.',
      '-eyJaaaaaaaa',
      '-eyJaaaaaaaa.',
      '-eyJ',
      '-----BEGIN PRIVATE KEY-----',
      '://a:',
      'sk-',
    ]) {
      withoutSecrets(unit.repeat(100_000));
    }
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  it('[audit:secrets-long] takes a secret of 10 MB out as well, without running out of its stack', () => {
    const long = 'ab'.repeat(5_000_000);
    expect(withoutSecrets(`Authorization: Bearer ${long}`)).toBe(`Authorization: Bearer ${REDACTED}`);
    expect(withoutSecrets(`-----BEGIN PRIVATE KEY-----${long}`)).toBe(REDACTED);
    for (const prefix of ['sk-', 'ghp_', 'github_pat_', 'glpat-', 'xoxb-', 'npm_', 'pypi-', 'AIza', 'sp-abcdefgh-']) {
      expect(withoutSecrets(`${prefix}${long}`)).toBe(REDACTED);
    }
    expect(withoutSecrets(`x-eyJ${long}.${long}.`)).toBe(`x-${REDACTED}`);
  });
});
