import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type FakeAuthorizationServer, startAuthorizationServer } from '../../../../test/fakes/authorization-server.ts';
import { type ProtectedTools, startProtectedTools } from '../../../../test/fakes/protected-tools.ts';
import type { AuthSpec } from './auth-spec.ts';
import { createDiscovery, type Discovery } from './discovery.ts';
import { type OAuthHttp, oauthHttp } from './http.ts';

const AUTH: AuthSpec = { type: 'OAuth', scopes: [] };

describe('discovery of authorization servers', () => {
  let as: FakeAuthorizationServer;
  let tools: ProtectedTools;
  let http: OAuthHttp;
  let discovery: Discovery;
  beforeAll(async () => {
    as = await startAuthorizationServer();
    tools = await startProtectedTools(as);
    http = oauthHttp();
    discovery = createDiscovery(http);
  });
  afterAll(async () => {
    await http?.stop();
    await tools?.close();
    await as?.close();
  });
  let count = 0;
  const discover = (auth: Partial<AuthSpec> = {}, allowPrivate = true) => {
    count++;
    return discovery({ url: `${tools.url}/${count}`, allowPrivate, auth: { ...AUTH, ...auth } });
  };

  it('[grants:refused] waits for nobody who does not answer, or never comes to an end', async () => {
    const hasty = oauthHttp(500);
    for (const answer of ['slow', 'dripping'] as const) {
      as.faults.metadataAnswer = answer;
      const server = { url: `${tools.url}/${answer}`, allowPrivate: true, auth: AUTH };
      await expect(createDiscovery(hasty)(server)).rejects.toMatchObject({ code: 'unavailable' });
    }
    await hasty.stop();
    as.faults.metadataAnswer = 'well';
    await expect(discover()).resolves.toMatchObject({ resource: tools.url, scopes: ['tools:use'] });
  });

  it('[grants:refused] asks nobody in private networks where the resource does not allow it, and no metadata address', async () => {
    const before = as.requests.length;
    const denied = { code: 'permission_denied' };
    await expect(discover({}, false)).rejects.toMatchObject(denied);
    for (const issuer of [
      'https://127.0.0.1:8443',
      'https://[fd00::1]',
      'https://169.254.169.254',
      'http://login.example',
    ]) {
      await expect(discover({ issuer }, false)).rejects.toMatchObject(denied);
    }
    await expect(discover({ issuer: 'http://169.254.169.254' })).rejects.toMatchObject(denied);
    Object.assign(tools.metadata, { authorization_servers: ['http://metadata.google.internal'] });
    await expect(discover()).rejects.toMatchObject(denied);
    delete tools.metadata.authorization_servers;
    expect(as.requests.length).toBe(before);
  });

  it('says that a server is away that cannot be reached', async () => {
    const gone = await startAuthorizationServer();
    await gone.close();
    await expect(discover({ issuer: gone.issuer })).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('takes what the resource says before what servers say, and remembers it', async () => {
    const found = await discovery({
      url: 'https://tools.example/mcp/',
      allowPrivate: true,
      auth: { ...AUTH, issuer: as.issuer, scopes: ['a'] },
    });
    expect(found).toMatchObject({ resource: 'https://tools.example/mcp/', scopes: ['a'], as: { issuer: as.issuer } });
    const server = { url: `${tools.url}/same`, allowPrivate: true, auth: AUTH };
    await discovery(server);
    const before = as.requests.length;
    await discovery(server);
    expect(as.requests.length).toBe(before);
  });
});
