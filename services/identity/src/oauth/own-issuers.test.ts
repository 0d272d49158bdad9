import { describe, expect, it } from '@jest/globals';
import { Principal_Role } from '@sallyport/proto/principal/v1/principal_pb';
import type { Token } from '../tokens/token.ts';
import { ownIssuers } from './own-issuers.ts';

const GRANT = { id: 'g1', client: 'app', user: 'dana', createdAtMs: 1_000, identityProvider: 'people' };

/** Our issuers with a person as they stand. */
function issuers(
  now: { readonly state: 'active' | 'ended' | 'unknown'; readonly userSinceMs?: number },
  grant: object = {},
) {
  const looks: string[] = [];
  const of = ownIssuers({
    publicUrl: 'https://gw.example',
    issuers: { bases: () => ['https://gw.example'], clients: { declared: () => undefined } as never },
    signing: { keys: [], published: { keys: [] } } as never,
    grants: { alive: async () => ({ ...GRANT, ...grant }) as never },
    directory: {} as never,
    async look(_tenant, user) {
      looks.push(user);
      return { displayName: '', teams: ['desk'], ownedTeams: [], role: Principal_Role.MEMBER, claimsJson: '', ...now };
    },
    isThere: (_tenant, { state, heirSinceMs }, sinceMs = 0) => state === 'active' && sinceMs >= (heirSinceMs ?? 0),
  });
  const claims = { sid: 'g1', client_id: 'app', sub: 'user:dana', exp: 2_000, scope: 'mcp' };
  const [issuer] = of('https://gw.example/oauth/acme', 'mcp');
  return { looks, principal: async () => await issuer?.principalOf({ claims } as unknown as Token) };
}

describe('principals of our own tokens', () => {
  it('[oauth:one-look] are people as the directory has them, who is asked once', async () => {
    const { looks, principal } = issuers({ state: 'active' });
    expect(await principal()).toMatchObject({ user: 'dana', teams: ['desk'], sessionId: 'g1' });
    expect(looks).toEqual(['dana']);
  });

  it.each([
    ['who is gone', { state: 'ended' }, {}],
    ['of whom nobody knows', { state: 'unknown' }, {}],
    ['who has the name of somebody before', { state: 'active', userSinceMs: 1_001 }, {}],
    ['whose grant is of another', { state: 'active' }, { user: 'robin' }],
  ] as const)('[oauth:one-look] are nobody %s', async (_who, now, grant) => {
    await expect(issuers(now, grant).principal()).rejects.toMatchObject({ reason: 'ended' });
  });
});
