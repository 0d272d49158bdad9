import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import type { DelegationWanted, KeptSignIn } from './adapter.ts';
import { createSubjects } from './subjects.ts';
import { DANA } from './testing.ts';

const wanted = { tenant: 'acme', person: DANA, server: { resourceName: 'crm' } } as DelegationWanted;
const signIn = { provider: 'people' } as KeptSignIn;

/** Subjects over an identity that answers so. */
function subjects(answer: () => Promise<{ token: string }>) {
  const asked: unknown[] = [];
  const found: string[] = [];
  const made = createSubjects({
    identity: {
      async assert(request) {
        asked.push(request);
        return await answer();
      },
    },
    signIns: {
      async find(_wanted, issuer) {
        found.push(issuer);
        return signIn;
      },
      stands: async () => true,
      challenged: async () => undefined,
    },
  });
  return { made, asked, found };
}

describe('tokens about people', () => {
  it('[delegation:vouched] asks identity before a kept sign-in is used, for a token that is nobody’s', async () => {
    const { made, asked, found } = subjects(async () => ({ token: 'thrown away' }));
    await expect(made.signIn(wanted, 'https://gateway.example/idp')).resolves.toBe(signIn);
    expect(asked).toEqual([
      {
        principal: { tenant: 'acme', id: 'key:k1', user: 'dana', client: '', sessionId: '', actors: [] },
        audience: 'https://nobody.invalid',
      },
    ]);
    expect(found).toEqual(['https://gateway.example/idp']);
  });

  it.each([
    [
      'does not vouch for them',
      'permission_denied',
      { code: 'upstream_credentials', details: { missing: 'vouching' } },
    ],
    ['is away', 'unavailable', { code: 'unavailable' }],
  ] as const)('[delegation:vouched] uses no kept sign-in where identity %s', async (_name, code, error) => {
    const { made, found } = subjects(() => Promise.reject(new GatewayError(code, 'no')));
    await expect(made.signIn(wanted, 'https://idp.example')).rejects.toMatchObject(error);
    await expect(made.assert(wanted, 'https://sts.example')).rejects.toMatchObject(error);
    expect(found).toEqual([]);
  });
});
