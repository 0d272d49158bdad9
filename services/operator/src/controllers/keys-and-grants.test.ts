import { afterEach, describe, expect, it } from '@jest/globals';
import { endSuites, eventually, head, provider, secret, suite } from '../testing/folder-suite.ts';

afterEach(endSuites);

describe('keys and grants', () => {
  it('[operator:origin-changed] voids the credential when the URL changes, until an annotation grants it anew', async () => {
    const { peers, write, reason } = await suite({ 'secret.yaml': secret, 'provider.yaml': provider() });
    await eventually(() => reason('ModelProvider', 'openai', 'CredentialsValid'), 'True Granted');
    await write('provider.yaml', provider('https://evil.example'));
    await eventually(() => reason('ModelProvider', 'openai', 'CredentialsValid'), 'False OriginChanged');
    expect(reason('ModelProvider', 'openai', 'Ready')).toBe('False OriginChanged');
    expect(peers.grants.size).toBe(0);
    await write(
      'provider.yaml',
      provider('https://evil.example', ', annotations: {sallyport.dev/grant-origin: "https://evil.example"}'),
    );
    await eventually(() => reason('ModelProvider', 'openai', 'CredentialsValid'), 'True Granted');
    expect([...peers.grants.values()]).toEqual(['https://evil.example:443']);
    await write('provider.yaml', provider('https://evil.example/other/path'));
    await eventually(() => reason('ModelProvider', 'openai', 'Ready'), 'True Ready');
  });

  it('[operator:internal-secret] hands over no Secret that the chart marks as its own, and takes back what it did', async () => {
    const key = (name: string) => `${head('VirtualKey', name)}spec: {secretRef: {name: openai, key: key}}\n`;
    const { peers, write, reason } = await suite({ 'secret.yaml': secret, 'provider.yaml': provider() });
    await eventually(() => reason('ModelProvider', 'openai', 'CredentialsValid'), 'True Granted');
    await write(
      'secret.yaml',
      secret
        .replace('{name: openai', '{name: openai, labels: {app.kubernetes.io/part-of: sallyport}')
        .replace('sk-secret-value', 'sk-another-value'),
    );
    await eventually(() => reason('ModelProvider', 'openai', 'CredentialsValid'), 'False SecretNotAllowed');
    expect([peers.secrets.size, peers.grants.size]).toEqual([0, 0]);
    await write('key.yaml', key('taken'));
    await eventually(() => reason('VirtualKey', 'taken', 'Ready'), 'False SecretNotAllowed');
    expect(peers.keys.size).toBe(0);
  });

  it('[operator:origin-changed] binds the secret of an OAuth client to its issuer, and lets a server without one move', async () => {
    const server = (issuer: string, url = 'https://tools.example/mcp', more = '') =>
      `${head('ToolServer', 'mail')}spec: {remote: {url: "${url}"}, auth: {type: OAuth${more}${issuer}}}\n`;
    const own = ', clientId: c, secretRef: {name: openai, key: key}';
    const { peers, write, reason } = await suite({
      'secret.yaml': secret,
      'server.yaml': server(', issuer: "https://login.example"', undefined, own),
    });
    const granted = () => [...peers.grants.values()].join();
    await eventually(() => reason('ToolServer', 'mail', 'CredentialsValid'), 'True Granted');
    expect(granted()).toBe('https://tools.example:443');
    await write('server.yaml', server(', issuer: "https://evil.example"', undefined, own));
    await eventually(() => reason('ToolServer', 'mail', 'CredentialsValid'), 'False OriginChanged');
    expect(peers.grants.size).toBe(0);
    await write('server.yaml', server('', 'https://moved.example/mcp'));
    await eventually(granted, 'https://moved.example:443');
  });

  it('[clouds:bound-to-both] binds a credential that tokens are had with to where they are had, too', async () => {
    const vertex = (token: string) =>
      `${head('ModelProvider', 'vertex')}spec: {type: vertex, google: {project: p}, credentials: {secretRef: {name: openai, key: key}, tokenURL: "${token}"}}\n`;
    const { peers, write, reason } = await suite({
      'secret.yaml': secret,
      'provider.yaml': vertex('https://tokens.example/token'),
    });
    await eventually(() => reason('ModelProvider', 'vertex', 'CredentialsValid'), 'True Granted');
    expect([...peers.grants.values()]).toEqual(['https://aiplatform.googleapis.com:443 https://tokens.example:443']);
    await write('provider.yaml', vertex('https://evil.example/token'));
    await eventually(() => reason('ModelProvider', 'vertex', 'CredentialsValid'), 'False OriginChanged');
    expect(peers.grants.size).toBe(0);
  });

  it('takes keys and grants away with their resources, and tries again while a peer is down', async () => {
    const key = `${head('VirtualKey', 'demo')}spec: {secretRef: {name: openai, key: key}}\n`;
    const { peers, write, remove, reason } = await suite({
      'secret.yaml': secret,
      'p.yaml': provider(),
      'key.yaml': key,
    });
    await eventually(() => reason('VirtualKey', 'demo', 'Ready'), 'False SecretTooShort');
    await write('secret.yaml', secret.replace('sk-secret-value', 'a-chosen-value-of-some-length'));
    await eventually(() => reason('VirtualKey', 'demo', 'Ready'), 'True Ready');
    await eventually(() => peers.secrets.get('default/openai/key'), 'a-chosen-value-of-some-length');
    peers.down = true;
    await remove('key.yaml');
    await remove('p.yaml');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect([peers.keys.size, peers.grants.size]).toEqual([1, 1]);
    peers.down = false;
    await eventually(() => peers.keys.size + peers.grants.size, 0);
  });

  it('[operator:key-follows] lets a key follow its spec while its Secret is gone or its value is refused', async () => {
    const value = (text: string) => secret.replace('sk-secret-value', text);
    const key = (name: string, rest = '') =>
      `${head('VirtualKey', name)}spec: {secretRef: {name: openai, key: key}${rest}}\n`;
    const { peers, write, remove, reason, source } = await suite({
      'secret.yaml': value('a-chosen-value-of-some-length'),
      'key.yaml': key('demo'),
    });
    const spec = () => peers.keys.get(source.get('VirtualKey', 'default', 'demo')?.uid ?? '')?.spec;
    await eventually(() => reason('VirtualKey', 'demo', 'Ready'), 'True Ready');
    await remove('secret.yaml');
    await eventually(() => reason('VirtualKey', 'demo', 'Ready'), 'False SecretNotFound');
    await write('key.yaml', key('demo', ', disabled: true'));
    await eventually(() => spec()?.disabled, true);
    await write('secret.yaml', value('another-value-of-some-length'));
    await write('key.yaml', key('demo'));
    await eventually(() => reason('VirtualKey', 'demo', 'Ready'), 'True Ready');
    await write('other.yaml', key('other'));
    await eventually(() => reason('VirtualKey', 'other', 'Ready'), 'False SecretRefused');
  });

  it('[operator:orphans] takes away keys and grants whose resources went while no operator ran', async () => {
    const { peers, source, operator, reason } = await suite({ 'all.yaml': [secret, provider()].join('---\n') });
    await eventually(() => reason('ModelProvider', 'openai', 'Ready'), 'True Ready');
    const timeoutMs = 1000;
    const ref = { name: 'openai', key: 'key' };
    // One of a tenant that has no resource left, one of a resource whose name another has by now.
    const gone = { ref, kind: 'ModelProvider', origin: 'https://a.example' };
    await peers.clients.secrets.grant({ ...gone, tenant: 'left', name: 'a', uid: 'uid-1' }, { timeoutMs });
    await peers.clients.secrets.grant({ ...gone, tenant: 'default', name: 'openai', uid: 'uid-2' }, { timeoutMs });
    await peers.clients.keys.upsert({ tenant: 'left', resourceUid: 'uid-3', spec: { name: 'k' } }, { timeoutMs });
    await operator.lead(false);
    await operator.lead(true);
    await eventually(() => peers.keys.size, 0);
    await eventually(() => [...peers.grants.keys()].join(), source.get('ModelProvider', 'default', 'openai')?.uid);
  });
});
