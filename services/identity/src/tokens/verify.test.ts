import { describe, expect, it } from '@jest/globals';
import { GUARDS, type Guards } from './guards.ts';
import { type RefusedToken, refusedTokens } from './refused-tokens.ts';
import { AUDIENCE, CLAIMS, NOW, signed, testIssuer, testKeys } from './testing.ts';
import { TokenFault, type TokenFaultReason } from './token-fault.ts';
import { type CheckSignature, verifyToken } from './verify.ts';

const keys = testKeys();
const usual = [keys.rsa.jwk, keys.ec.jwk, keys.ed.jwk];
const rows = refusedTokens(keys);

async function outcome(
  row: Pick<RefusedToken, 'token' | 'rules' | 'keys'>,
  guards: Guards = GUARDS,
  checkSignature?: CheckSignature,
) {
  const issuer = testIssuer(row.keys ?? usual, row.rules);
  try {
    // Every issuer is offered, whatever the token says: the guard on it has to hold by itself.
    await verifyToken(row.token, () => [issuer], {
      nowMs: NOW * 1000,
      guards,
      ...(checkSignature && { checkSignature }),
    });
    return 'accepted';
  } catch (error) {
    if (error instanceof TokenFault) return error.reason;
    throw error;
  }
}

/** All guards but one. */
function without(reason: TokenFaultReason): Guards {
  const others = <G extends { readonly reason: TokenFaultReason }>(guards: readonly G[]) =>
    guards.filter((guard) => guard.reason !== reason);
  return {
    text: others(GUARDS.text),
    header: others(GUARDS.header),
    claims: others(GUARDS.claims),
    key: others(GUARDS.key),
  };
}

describe('verifyToken', () => {
  it.each([
    ['RS256', {}],
    ['PS256', { header: { alg: 'PS256' } }],
    ['ES256', { key: keys.ec }],
    ['EdDSA', { key: keys.ed }],
    ['a type in other letters', { header: { typ: 'AT+JWT' } }],
    ['a type with its whole name', { header: { typ: 'application/at+jwt' } }],
    ['several audiences, ours among them', { claims: { aud: ['https://other.example', AUDIENCE] } }],
    ['an end within the skew', { claims: { exp: NOW - 29 } }],
    ['an end at half a second', { claims: { exp: NOW + 10.5 } }],
    ['a beginning within the skew', { claims: { nbf: NOW + 30 } }],
    ['issued within the skew', { claims: { iat: NOW + 30 } }],
    [
      'an own claim called __proto__',
      { rawClaims: JSON.stringify(CLAIMS).replace('{', '{"__proto__":{"sub":"u-2"},') },
    ],
  ])('[tokens:accepted] accepts %s', async (_, change) => {
    expect(await outcome({ token: signed(keys.rsa, change) })).toBe('accepted');
  });

  it('[tokens:accepted] accepts a token without a key id where there is one key for it', async () => {
    expect(await outcome({ token: signed(keys.ec, { header: { kid: undefined } }) })).toBe('accepted');
  });

  it.each(rows)('[tokens:refused] refuses $name by its guard "$by"', async (row) => {
    expect(await outcome(row)).toBe(row.by);
  });

  it.each(rows.filter(({ by }) => by !== 'signature'))(
    '[tokens:guards] $name: without "$by" it comes to $without',
    async (row) => {
      expect(await outcome(row, without(row.by))).toBe(row.without);
    },
  );

  it.each(rows.filter(({ by }) => by === 'signature'))(
    '[tokens:guards] $name: is accepted by a check that lets all pass',
    async (row) => {
      expect(await outcome(row, GUARDS, async () => true)).toBe('accepted');
    },
  );

  it('[tokens:guards] has a row for every guard, and one that decides alone for every guard but the two that look at names first', () => {
    const all = [GUARDS.text, GUARDS.header, GUARDS.claims, GUARDS.key].flatMap((guards) =>
      guards.map(({ reason }) => reason),
    );
    expect([...new Set(all)].filter((reason) => !rows.some(({ by }) => by === reason))).toEqual([]);
    const alone = new Set(rows.filter((row) => row.without === 'accepted').map(({ by }) => by));
    // Behind these stand others: the list of algorithms, the look-up of a key by its name, and jose's own checks.
    expect(all.filter((reason) => !alone.has(reason)).sort()).toEqual([
      'algorithm-name',
      'critical',
      'key-id',
      'key-strength',
      'key-type',
      'parts',
    ]);
    expect(rows.length).toBeGreaterThanOrEqual(100);
  });

  it('[tokens:other-tenant] gives a token to the tenant of its audience and to no other, and to none where two would fit', async () => {
    const [a, b] = [testIssuer(usual), testIssuer(usual, { audiences: ['https://b.example'] })];
    const of = (token: string, issuers = [a, b]) => verifyToken(token, () => issuers, { nowMs: NOW * 1000 });
    expect((await of(signed(keys.rsa))).issuer).toBe(a);
    expect((await of(signed(keys.rsa, { claims: { aud: 'https://b.example' } }))).issuer).toBe(b);
    await expect(of(signed(keys.rsa, { claims: { aud: 'https://b.example' } }), [a])).rejects.toMatchObject({
      reason: 'audience',
    });
    await expect(of(signed(keys.rsa, { claims: { aud: [AUDIENCE, 'https://b.example'] } }))).rejects.toMatchObject({
      reason: 'ambiguous',
    });
  });
});
