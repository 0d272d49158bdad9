import { describe, expect, it } from '@jest/globals';
import { redactText } from '@sallyport/chassis/log';
import { faultOfChosenSecret, generateSecret, lookupPrefixOf, shownPrefixOf } from './secret.ts';

describe('a generated secret', () => {
  it('has a public prefix and 200 random bits, and never comes twice', () => {
    const secrets = Array.from({ length: 200 }, generateSecret);
    expect(new Set(secrets).size).toBe(200);
    for (const secret of secrets) {
      expect(secret).toMatch(/^sp-[a-z2-7]{8}-[a-z2-7]{40}$/);
      expect(lookupPrefixOf(secret)).toBe(secret.slice(0, 11));
      expect(shownPrefixOf(secret)).toBe(secret.slice(0, 11));
    }
  });

  it('is taken out of log lines wherever it stands', () => {
    expect(redactText(`key=${generateSecret()};`)).toBe('key=[redacted];');
  });
});

describe('a chosen secret', () => {
  it.each(['my-team-chose-this-value', 'sp-looksgen-butisnotoneatall', 'sk-ant-0123456789abcdef'])(
    '%s is looked up by digest and shows only four characters',
    (secret) => {
      expect(lookupPrefixOf(secret)).toBeUndefined();
      expect(shownPrefixOf(secret)).toBe(secret.slice(0, 4));
      expect(faultOfChosenSecret(secret)).toBeUndefined();
    },
  );

  it.each([
    ['too short', 'short'],
    ['too long', 'ab3de'.repeat(200)],
    ['with a space', 'a value with spaces in it'],
    ['not ASCII', 'geheimnisvoller-schlüssel-0815'],
    ['of few characters', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaa'],
  ])('is refused when it is %s, without being repeated in the reason', (_name, secret) => {
    const fault = faultOfChosenSecret(secret);
    expect(fault).toBeDefined();
    expect(fault).not.toContain(secret);
  });
});
