import { describe, expect, it } from '@jest/globals';
import { modelProvider } from '@sallyport/custom-resources/model-provider';
import { callHeaders } from './define-provider.ts';
import { findProvider } from './index.ts';

const accepts = (headers: Record<string, string>) =>
  modelProvider.spec.safeParse({ type: 'openrouter', headers }).success;

describe('headers that a ModelProvider adds', () => {
  it('[providers:headers] go with each call, by lower-case name', () => {
    const added = { 'X-Title': 'Agents', 'HTTP-Referer': 'https://acme.example' };
    expect(callHeaders(findProvider('openrouter')!, added)).toEqual({
      'content-type': 'application/json',
      'x-title': 'Agents',
      'http-referer': 'https://acme.example',
    });
    expect(callHeaders(findProvider('openrouter')!)).toEqual({ 'content-type': 'application/json' });
  });

  it('[providers:headers] never carry a key, nor what the gateway or the protocol sets', () => {
    expect(accepts({ 'x-portkey-provider': 'openai' })).toBe(true);
    for (const name of [
      'Authorization',
      'x-api-key',
      'X-Goog-Api-Key',
      'cookie',
      'Host',
      'sallyport-user',
      'a b',
      '',
    ]) {
      expect([name, accepts({ [name]: 'x' })]).toEqual([name, false]);
    }
    expect(accepts({ 'x-ok': 'a\r\nb' })).toBe(false);
  });
});
