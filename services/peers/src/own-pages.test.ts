import { describe, expect, it } from '@jest/globals';
import { isOwnPage } from './own-pages.ts';

describe('pages that a sign-in may lead on to', () => {
  it.each(['/approve', '/approve/a1', '/me/connect/mail', '/me/connect/mail?scopes=mail%3Asend+mail%3Aread'])(
    '[console:person-sign-in] are ours: %s',
    (page) => expect(isOwnPage(page)).toBe(true),
  );

  it.each([
    '//evil.example',
    '/\\evil.example',
    'https://evil.example',
    '/admin/v1',
    '/approve/../admin',
    '/me/%2e%2e',
    '/me?done=put',
    '/me?scopes=',
    '/me?scopes=a&next=b',
    '/me?scopes=a#b',
    '/me\n',
    `/me?scopes=${'a'.repeat(2049)}`,
  ])('[console:person-sign-in] are no others: %s', (page) => expect(isOwnPage(page)).toBe(false));
});
