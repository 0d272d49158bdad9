import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startFakeProvider } from '../fakes/provider.ts';
import { eventually, openHouse, suiteWith, type TestSuite } from '../support/suite.ts';
import { type Keycloak, keycloakMissing, startKeycloak } from './keycloak.ts';
import { APP, houseRealm, PASSWORD } from './realm.ts';

const missing = keycloakMissing();
const described = missing === undefined ? describe : describe.skip;
if (missing !== undefined) console.log(`skipped: ${missing}`);

described('a real Keycloak as IdentityProvider', () => {
  let keycloak: Keycloak;
  let suite: TestSuite;
  let closeProvider: () => Promise<void>;

  beforeAll(async () => {
    const provider = await startFakeProvider();
    closeProvider = () => provider.close();
    keycloak = await startKeycloak(houseRealm());
    suite = await suiteWith([
      ...openHouse(provider, ['echo', 'large']).filter(({ kind }) => kind !== 'AccessPolicy'),
      {
        kind: 'IdentityProvider',
        name: 'house',
        spec: {
          type: 'OIDC',
          issuer: keycloak.issuer,
          allowPrivateNetwork: true,
          audiences: ['sallyport'],
          mapping: {
            user: 'claims.preferred_username',
            teams: "claims.groups.filter(g, g.startsWith('/')).map(g, g.substring(1))",
            claims: ['department'],
          },
          adminGroups: ['wardens'],
        },
      },
      {
        kind: 'AccessPolicy',
        name: 'support',
        spec: { subjects: { teams: ['support'] }, models: ['echo'], tools: ['*/*'] },
      },
      { kind: 'AccessPolicy', name: 'users', spec: { subjects: { users: ['olga'] }, models: ['large'] } },
    ]);
    await eventually(
      async () => (await ask(await tokenOf('dana'), 'echo')).status,
      (status) => status === 200,
      30_000,
    );
  }, 300_000);
  afterAll(async () => {
    await suite?.end();
    await keycloak?.close();
    await closeProvider?.();
  }, 60_000);

  const tokenOf = async (username: string, more: Record<string, string> = {}) => {
    const { body } = await keycloak.token({
      grant_type: 'password',
      client_id: APP.clientId,
      client_secret: APP.secret,
      scope: 'openid',
      username,
      password: PASSWORD,
      ...more,
    });
    return String(body[more.take ?? 'access_token']);
  };
  const ask = async (token: string, model: string) => {
    const answer = await fetch(`${suite.endpoint}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hi' }] }),
    });
    return { status: answer.status, body: (await answer.json()) as { error?: { code?: string } } };
  };

  it('[tokens:keycloak] takes its access tokens, and people and teams from them', async () => {
    expect((await ask(await tokenOf('dana'), 'echo')).status).toBe(200);
    expect((await ask(await tokenOf('dana'), 'large')).status).toBe(404);
    expect((await ask(await tokenOf('olga'), 'large')).status).toBe(200);
    expect((await ask(await tokenOf('olga'), 'echo')).status).toBe(404);
  });

  it('[tokens:keycloak] refuses what Keycloak signed for something else', async () => {
    expect((await ask(await tokenOf('dana', { take: 'id_token' }), 'echo')).status).toBe(401);
    expect((await ask(await tokenOf('dana', { take: 'refresh_token' }), 'echo')).status).toBe(401);
    const { body } = await keycloak.token({
      grant_type: 'client_credentials',
      client_id: 'stranger',
      client_secret: APP.secret,
    });
    expect((await ask(String(body.access_token), 'echo')).status).toBe(401);
    const token = await tokenOf('dana');
    const [head, payload, signature] = token.split('.') as [string, string, string];
    const other = Buffer.from(payload, 'base64url').toString().replace('"dana"', '"olga"');
    expect((await ask(`${head}.${Buffer.from(other).toString('base64url')}.${signature}`, 'large')).status).toBe(401);
  });

  it('[tokens:keycloak] lets a group of Keycloak change what the next token may do', async () => {
    const [user] = await keycloak.admin<{ id: string }[]>('GET', 'users?username=olga');
    const [group] = await keycloak.admin<{ id: string }[]>('GET', 'groups?search=support');
    await keycloak.admin('PUT', `users/${user?.id}/groups/${group?.id}`);
    expect((await ask(await tokenOf('olga'), 'echo')).status).toBe(200);
    await keycloak.admin('DELETE', `users/${user?.id}/groups/${group?.id}`);
    expect((await ask(await tokenOf('olga'), 'echo')).status).toBe(404);
  });

  it('[tokens:keycloak] takes members of the admin group for admins', async () => {
    const who = async (username: string) => {
      const answer = await fetch(`${suite.endpoint}/admin/v1/whoami`, {
        headers: { authorization: `Bearer ${await tokenOf(username)}` },
      });
      return (await answer.json()) as Record<string, unknown>;
    };
    expect(await who('wanda')).toMatchObject({ id: 'user:wanda', role: 'Admin' });
    expect(await who('dana')).toMatchObject({ id: 'user:dana', role: 'Member' });
  });

  it('[tokens:keycloak] goes on when Keycloak rotates its keys', async () => {
    const before = await tokenOf('dana');
    const [realm] = await keycloak.admin<{ id: string }[]>('GET', 'components?name=rsa-generated');
    await keycloak.admin('POST', 'components', {
      name: 'newer',
      providerId: 'rsa-generated',
      providerType: 'org.keycloak.keys.KeyProvider',
      parentId: (realm as unknown as { parentId?: string })?.parentId,
      config: { priority: ['200'], keySize: ['2048'], algorithm: ['RS256'] },
    });
    const after = await tokenOf('dana');
    expect(kidOf(after)).not.toBe(kidOf(before));
    // An unknown key id is looked up once a cooldown, whoever asks how often.
    await eventually(
      async () => (await ask(after, 'echo')).status,
      (status) => status === 200,
      40_000,
    );
    expect((await ask(before, 'echo')).status).toBe(200);
  }, 60_000);
});

function kidOf(token: string): unknown {
  return JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).kid;
}
