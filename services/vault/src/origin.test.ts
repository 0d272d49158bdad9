import { describe, expect, it } from '@jest/globals';
import { originOf, originsOf } from './origin.ts';

describe('originOf', () => {
  it.each([
    ['https://api.openai.com/v1', 'https://api.openai.com:443'],
    ['https://API.OpenAI.com:443', 'https://api.openai.com:443'],
    ['http://models.lan:8080/x?y#z', 'http://models.lan:8080'],
    ['http://[::1]:9', 'http://[::1]:9'],
    ['https://user:pass@evil.example/', 'https://evil.example:443'],
    ['https://xn--mnchen-3ya.de', 'https://xn--mnchen-3ya.de:443'],
    ['https://münchen.de', 'https://xn--mnchen-3ya.de:443'],
  ])('%s is %s', (url, origin) => {
    expect(originOf(url)).toBe(origin);
  });

  it.each(['', 'api.openai.com', 'ftp://x', 'file:///etc/passwd', 'javascript:alert(1)', 'https://'])(
    '%j has none',
    (url) => {
      expect(originOf(url)).toBeUndefined();
    },
  );
});

describe('originsOf', () => {
  it.each<[string, string | undefined]>([
    ['https://a.example/v1', 'https://a.example:443'],
    ['https://a.example https://login.example/token', 'https://a.example:443 https://login.example:443'],
    ['https://a.example nothing', undefined],
    ['https://a.example ', undefined],
    ['', undefined],
  ])('[clouds:bound-to-both] %j is %s', (urls, origins) => {
    expect(originsOf(urls)).toBe(origins);
  });
});
