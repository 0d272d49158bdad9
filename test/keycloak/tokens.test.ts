import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startFakeProvider } from '../fakes/provider.ts';
import { browser } from '../support/browser.ts';
import { asSuperuser } from '../support/processes.ts';
import { eventually, openHouse, suiteWith, type TestSuite } from '../support/suite.ts';
import { type Keycloak, keycloakMissing, startKeycloak } from './keycloak.ts';
import { APP, GATEWAY, houseRealm, PASSWORD } from './realm.ts';

const CALLBACK = 'https://editor.example.com/callback';
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
      { kind: 'Secret', name: 'gateway', stringData: { secret: GATEWAY.secret } },
      {
        kind: 'Client',
        name: 'editor',
        spec: { displayName: 'The editor', redirectURIs: [CALLBACK], grants: ['AuthorizationCode', 'RefreshToken'] },
      },
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
          client: { clientId: GATEWAY.clientId, secretRef: { name: 'gateway', key: 'secret' }, keepGrant: true },
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
  }, 480_000);
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

  it('[oauth:keycloak] signs people in by its page, keeps the sign-in sealed, and gives tokens of ours for it', async () => {
    const [verifier, state] = ['v'.repeat(64), 's'.repeat(32)];
    const query = new URLSearchParams({
      client_id: 'editor',
      response_type: 'code',
      redirect_uri: CALLBACK,
      scope: 'mcp models',
      state,
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
    });
    for (const path of ['mcp', 'v1']) query.append('resource', `${suite.endpoint}/${path}`);
    const issuer = `${suite.endpoint}/oauth/default`;
    const window = browser(suite.endpoint);
    const asked = await window.open(`${issuer}/authorize?${query}`);
    expect(asked.away ?? asked.markup).toContain(keycloak.issuer);
    await expect(keycloak.signIn(asked.away ?? '', 'dana', 'wrong')).rejects.toThrow('not signed in');
    const consent = await window.open(await keycloak.signIn(asked.away ?? '', 'dana', PASSWORD));
    const { away = '' } = await window.submit(consent, '/consent', { decision: 'allow' });
    const fields = {
      grant_type: 'authorization_code',
      client_id: 'editor',
      code: new URL(away).searchParams.get('code') ?? '',
      redirect_uri: CALLBACK,
      code_verifier: verifier,
      resource: `${suite.endpoint}/v1`,
    };
    const answer = await fetch(`${issuer}/token`, { method: 'POST', body: new URLSearchParams(fields) });
    const { access_token: token } = (await answer.json()) as { access_token: string };
    // What its groups say of them counts for what is called with our token as well.
    expect((await ask(token, 'echo')).status).toBe(200);
    expect((await ask(token, 'large')).status).toBe(404);
    const { rows } = await asSuperuser(suite, (database) =>
      database.query(
        "select user_name, issuer, position(convert_to('eyJhbGciOi', 'UTF8') in sealed) as jwt from sallyport_vault.oauth_grants",
      ),
    );
    expect(rows).toEqual([{ user_name: 'dana', issuer: keycloak.issuer, jwt: 0 }]);
  }, 60_000);

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
