import { describe, expect, it } from '@jest/globals';
import { keySignIn } from './key-sign-in.ts';

const KEYS: Readonly<Record<string, object>> = {
  own: { tenant: 'acme', user: 'dana' },
  foreign: { tenant: 'globex', user: 'dana' },
  nobodys: { tenant: 'acme', user: '' },
  narrow: { tenant: 'acme', user: 'dana', tools: ['mail/*'] },
};

describe('signing in with a key', () => {
  const asked: unknown[] = [];
  const signIn = keySignIn(
    async (key, endpoint, address) => {
      asked.push([key, endpoint, address]);
      return { principal: KEYS[key] as object, cacheTtlMs: 0 };
    },
    (tenant) => tenant === 'acme',
  );

  it('[oauth:key-sign-in] is for the owner of a key of the tenant, from where the key may be used', async () => {
    expect(await signIn('acme')?.('own', '192.0.2.7')).toBe('dana');
    expect(asked).toEqual([['own', 'oauth', '192.0.2.7']]);
  });

  it.each(['foreign', 'nobodys', 'narrow'])('[oauth:key-sign-in] is not with a key that is %s', async (key) => {
    await expect(signIn('acme')?.(key, '')).rejects.toMatchObject({ code: 'permission_denied' });
  });

  it('[oauth:key-sign-in] is not offered where a tenant has another way', () =>
    expect(signIn('globex')).toBeUndefined());
});
