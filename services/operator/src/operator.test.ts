import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createLogger } from '@sallyport/chassis/log';
import { createMetrics } from '@sallyport/chassis/metrics';
import { inProcess } from '@sallyport/chassis/rpc/testing';
import { findCondition, type Kind, kinds } from '@sallyport/custom-resources';
import { ResourceService } from '@sallyport/proto/resources/v1/resources_pb';
import { SnapshotService, type WatchResponse } from '@sallyport/proto/snapshot/v1/snapshot_pb';
import { operatorMetrics } from './metrics.ts';
import { createOperator } from './operator.ts';
import { resourceService, snapshotService } from './server.ts';
import { createCompiler } from './snapshot/compile.ts';
import { folderSource } from './source/folder.ts';
import { fakePeers } from './testing/fake-peers.ts';

const log = createLogger({ service: 'test', level: 'error' });
const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

const head = (kind: string, name: string, annotations = '') =>
  `apiVersion: sallyport.dev/v1alpha1\nkind: ${kind}\nmetadata: {name: ${name}${annotations}}\n`;
const secret = 'apiVersion: v1\nkind: Secret\nmetadata: {name: openai}\nstringData: {key: sk-secret-value}\n';
const provider = (url = 'https://a.example', annotations = '') =>
  `${head('ModelProvider', 'openai', annotations)}spec: {type: openai-compatible, baseURL: "${url}", credentials: {secretRef: {name: openai, key: key}}}\n`;
const model = (name: string, publicName = name) =>
  `${head('Model', name)}spec: {publicName: ${publicName}, targets: [{provider: openai, model: gpt}]}\n`;

async function suite(files: Record<string, string>) {
  const root = await mkdtemp(join(tmpdir(), 'sallyport-operator-'));
  undo.push(() => rm(root, { recursive: true }));
  const path = join(root, 'resources');
  await mkdir(path);
  const write = (name: string, text: string) => writeFile(join(path, name), text);
  for (const [name, text] of Object.entries(files)) await write(name, text);
  const peers = await fakePeers();
  undo.push(() => peers.close());
  const generatedDir = join(root, 'generated');
  const source = folderSource({ path, generatedDir, log, debounceMs: 5, rescanMs: 60_000 });
  const metrics = operatorMetrics(createMetrics('operator', { defaults: false }));
  const operator = createOperator({ source, clients: peers.clients, log, metrics, heartbeatMs: 50 });
  operator.start?.();
  await source.start?.();
  await operator.lead(true);
  undo.push(async () => {
    await operator.stop?.(0);
    await source.stop?.(0);
  });
  const { publisher, observations, leads, observed } = operator;
  const served = { publisher, view: source, observations, leads, onObserved: observed, log };
  const snapshots = await inProcess(SnapshotService, snapshotService(served), { caller: 'mcp-broker' });
  const policy = await inProcess(SnapshotService, snapshotService(served), { caller: 'policy' });
  const resources = await inProcess(ResourceService, resourceService(source), { caller: 'console' });
  undo.push(
    () => snapshots.close(),
    () => policy.close(),
    () => resources.close(),
  );
  const condition = (kind: Kind, name: string, type: string) =>
    findCondition(source.get(kind, 'default', name)?.status.conditions, type);
  const reason = (kind: Kind, name: string, type: string) => {
    const found = condition(kind, name, type);
    return found === undefined ? 'none' : `${found.status} ${found.reason}`;
  };
  return {
    path,
    write,
    remove: (name: string) => rm(join(path, name)),
    peers,
    source,
    operator,
    snapshots,
    policy,
    resources,
    condition,
    reason,
  };
}

async function eventually(what: () => unknown, wanted: unknown) {
  for (let i = 0; i < 300 && what() !== wanted; i++) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(what()).toBe(wanted);
}

describe('the operator over a folder', () => {
  it('makes a provider with its Secret, a model and a key ready', async () => {
    const key = `${head('VirtualKey', 'demo')}spec: {targetSecret: {name: demo-key, key: key}, role: Admin}\n`;
    const { peers, source, reason } = await suite({
      'all.yaml': [secret, provider(), model('smart'), key].join('---\n'),
    });
    await eventually(() => reason('ModelProvider', 'openai', 'Ready'), 'True Ready');
    await eventually(() => reason('Model', 'smart', 'Ready'), 'True Ready');
    await eventually(() => reason('VirtualKey', 'demo', 'Ready'), 'True Ready');
    expect(Object.fromEntries(peers.secrets)).toEqual({ 'default/openai/key': 'sk-secret-value' });
    expect([...peers.grants.values()]).toEqual(['https://a.example:443']);
    expect((await source.secret('default', 'demo-key'))?.data.get('key')).toBe('sp_generated_1_value');
    expect(source.get('VirtualKey', 'default', 'demo')?.status).toMatchObject({ prefix: 'sp_' });
    expect(source.get('Model', 'default', 'smart')?.status).toMatchObject({ liveTargets: 1, observedGeneration: 1 });
    expect(JSON.stringify(source.list('ModelProvider'))).not.toContain('sk-secret');
  });

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

  it('[operator:last-good] leaves the last good revision in force, and a first bad one absent', async () => {
    const { operator, write, reason, source } = await suite({
      'model.yaml': model('smart'),
      'bad.yaml': `${head('Model', 'bad')}spec: {}\n`,
    });
    const items = async () => {
      for await (const message of operator.publisher.watch(['Model'], AbortSignal.timeout(500))) return message;
      return undefined;
    };
    await eventually(() => reason('Model', 'bad', 'Accepted'), 'False Invalid');
    expect((await items())?.upserts.map(({ name }) => name)).toEqual(['smart']);
    await write('model.yaml', `${head('Model', 'smart')}spec: {targets: [{provider: openai, model: gpt, prio: 3}]}\n`);
    await eventually(() => reason('Model', 'smart', 'Accepted'), 'False Invalid');
    expect(findCondition(source.get('Model', 'default', 'smart')?.status.conditions, 'Ready')?.message).toBe(
      'spec.targets[0].prio: unknown field; did you mean "priority"?',
    );
    expect((await items())?.upserts[0]).toMatchObject({ name: 'smart', generation: 1 });
  });

  it('[operator:first-bad-denies] has a ToolPolicy that was never good deny what it selects, until it is mended', async () => {
    const policy = (name: string, tools: string, when: string) =>
      `${head('ToolPolicy', name)}spec: {tools: ${tools}, calls: [{name: a, when: "${when}", action: Allow, reason: r}]}\n`;
    const mail = '[{server: mail, tool: send}]';
    const { operator, write, reason } = await suite({
      'p.yaml': policy('p', mail, 'args.to =='),
      'q.yaml': policy('q', '[{servr: mail}]', 'true'),
    });
    const specs = async () => {
      for await (const { upserts } of operator.publisher.watch(['ToolPolicy'], AbortSignal.timeout(500))) {
        return Object.fromEntries(upserts.map((item) => [item.name, JSON.parse(item.specJson)]));
      }
      return undefined;
    };
    await eventually(() => reason('ToolPolicy', 'p', 'Accepted').startsWith('False'), true);
    expect((await specs())?.p).toMatchObject({
      tools: [{ server: 'mail', tool: 'send' }],
      calls: [{ action: 'Deny' }],
      results: [{ action: 'Deny' }],
    });
    expect(kinds.ToolPolicy.spec.safeParse((await specs())?.p).success).toBe(true);
    expect((await specs())?.q).toBeNull();
    await write('p.yaml', policy('p', mail, "args.to == 'a'"));
    await eventually(() => reason('ToolPolicy', 'p', 'Accepted'), 'True Accepted');
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect((await specs())?.p).toMatchObject({ calls: [{ name: 'a', action: 'Allow' }] });
    await write('p.yaml', policy('p', mail, 'args.to =='));
    await eventually(() => reason('ToolPolicy', 'p', 'Accepted').startsWith('False'), true);
    expect((await specs())?.p).toMatchObject({ calls: [{ name: 'a', action: 'Allow' }] });
  });

  it('[operator:first-bad-denies] tells of a Limit and of a Deny on client tools that were never good what they select', async () => {
    const first = await suite({
      'l.yaml': `${head('Limit', 'l')}spec: {per: Key, requests: ten, window: 1m, match: {keys: [k]}}\n`,
      'a.yaml': `${head('AccessPolicy', 'a')}spec: {subjects: {keys: [k]}, models: ['*'], modls: [x], clientTools: Deny}\n`,
    });
    const { source, write, reason } = first;
    await eventually(() => reason('Limit', 'l', 'Accepted'), 'False Invalid');
    await eventually(() => reason('AccessPolicy', 'a', 'Accepted'), 'False Invalid');
    const specOf = (kind: Kind) => JSON.parse(createCompiler().compile(kind, source)[0]?.specJson ?? '');
    expect(specOf('Limit')).toEqual({ match: expect.objectContaining({ keys: ['k'] }) });
    const { subjects, models, clientTools } = specOf('AccessPolicy');
    expect({ keys: subjects.keys, models, clientTools }).toEqual({ keys: ['k'], models: [], clientTools: 'Deny' });
    const good = (requests: string) =>
      `${head('Limit', 'l')}spec: {per: Key, requests: ${requests}, window: 1m, match: {keys: [k]}}\n`;
    await write('l.yaml', good('10'));
    await eventually(() => reason('Limit', 'l', 'Accepted'), 'True Accepted');
    await new Promise((resolve) => setTimeout(resolve, 60));
    await write('l.yaml', good('eleven'));
    await eventually(() => reason('Limit', 'l', 'Accepted'), 'False Invalid');
    await eventually(() => source.get('Limit', 'default', 'l')?.status.inForce !== undefined, true);
    expect(specOf('Limit')).toMatchObject({ requests: 10 });
  });

  it('[operator:last-good] has the last good ToolPolicy in force after a restart and in another replica', async () => {
    const policy = (when: string) =>
      `${head('ToolPolicy', 'p')}spec: {tools: [{server: mail, tool: send}], calls: [{name: a, when: "${when}", action: Allow, reason: r}]}\n`;
    const first = await suite({ 'p.yaml': policy("args.to == 'a'") });
    await eventually(() => first.reason('ToolPolicy', 'p', 'Accepted'), 'True Accepted');
    await new Promise((resolve) => setTimeout(resolve, 60));
    await first.write('p.yaml', policy('args.to =='));
    await eventually(() => first.reason('ToolPolicy', 'p', 'Accepted').startsWith('False'), true);
    expect(first.source.get('ToolPolicy', 'default', 'p')?.status.inForce).toMatchObject({ generation: 1 });
    const other = createCompiler().compile('ToolPolicy', first.source);
    expect(other).toMatchObject([{ name: 'p', generation: 1 }]);
    expect(JSON.parse(other[0]?.specJson ?? '')).toMatchObject({ calls: [{ name: 'a', action: 'Allow' }] });
    await first.write('p.yaml', policy("args.to == 'b'"));
    await eventually(() => first.source.get('ToolPolicy', 'default', 'p')?.status.inForce, undefined);
  });

  it('[operator:name-taken] has no last good Model in force under a name that another holds by now', async () => {
    const { operator, write, reason } = await suite({ 'a.yaml': model('a', 'x') });
    await new Promise((resolve) => setTimeout(resolve, 5));
    await write('b.yaml', model('b', 'y'));
    await eventually(() => reason('Model', 'b', 'Accepted'), 'True Accepted');
    await write('b.yaml', model('b', 'x'));
    await eventually(() => reason('Model', 'b', 'Accepted'), 'False NameTaken');
    await write('c.yaml', model('c', 'y'));
    await eventually(() => reason('Model', 'c', 'Accepted'), 'True Accepted');
    await new Promise((resolve) => setTimeout(resolve, 60));
    for await (const { upserts } of operator.publisher.watch(['Model'], AbortSignal.timeout(500))) {
      expect(upserts.map(({ name }) => name).sort()).toEqual(['a', 'c']);
      break;
    }
  });

  it('[operator:name-taken] lets the oldest hold a public name', async () => {
    const { write, reason, remove } = await suite({ 'a.yaml': model('a', 'gpt') });
    await new Promise((resolve) => setTimeout(resolve, 5));
    await write('b.yaml', model('b', 'gpt'));
    await eventually(() => reason('Model', 'b', 'Accepted'), 'False NameTaken');
    expect(reason('Model', 'a', 'Accepted')).toBe('True Accepted');
    await remove('a.yaml');
    await eventually(() => reason('Model', 'b', 'Accepted'), 'True Accepted');
  });

  it('streams full sets, then deltas and heartbeats', async () => {
    const { write, remove, snapshots } = await suite({ 'a.yaml': model('a') });
    const end = new AbortController();
    const messages: WatchResponse[] = [];
    const watching = (async () => {
      const stream = snapshots.client.watch(
        { kinds: ['Model', 'Limit'] },
        { timeoutMs: Number.POSITIVE_INFINITY, signal: end.signal },
      );
      for await (const message of stream) messages.push(message);
    })().catch(() => undefined);
    const of = (kind: string) => messages.filter((message) => message.kind === kind);
    await eventually(() => of('Model').length === 1 && of('Limit').length === 1, true);
    expect(of('Model')[0]).toMatchObject({ full: true, upserts: [{ tenant: 'default', name: 'a' }] });
    expect(JSON.parse(of('Model')[0]?.upserts[0]?.specJson ?? '')).toMatchObject({
      publicName: 'a',
      retry: { attempts: 1 },
    });
    expect(of('Limit')[0]).toMatchObject({ full: true, upserts: [] });
    await write('b.yaml', model('b'));
    await eventually(() => of('Model').length, 2);
    expect(of('Model')[1]).toMatchObject({ full: false, upserts: [{ name: 'b' }], removals: [] });
    await remove('a.yaml');
    await eventually(() => of('Model').length, 3);
    expect(of('Model')[2]).toMatchObject({ full: false, upserts: [], removals: [{ name: 'a' }] });
    await eventually(() => of('').length > 1, true);
    end.abort();
    await watching;
  });

  it('merges what services report into the status, and only what each may speak of', async () => {
    const server = `${head('ToolServer', 'mail')}spec: {remote: {url: "https://m.example"}}\n`;
    const { source, snapshots, reason } = await suite({ 'all.yaml': [secret, provider(), server].join('---\n') });
    await eventually(() => reason('ToolServer', 'mail', 'Ready'), 'Unknown NotObserved');
    const digest = `sha256:${'0'.repeat(64)}`;
    const of = (kind: 'ToolServer' | 'ModelProvider', name: string) => ({
      kind,
      tenant: 'default',
      name,
      uid: source.get(kind, 'default', name)?.uid ?? '',
      generation: 1,
    });
    const seen = (type: string, status: string, why: string) => ({ type, status, reason: why, message: '' });
    await snapshots.client.report(
      {
        reporter: 'broker-1',
        observations: [
          {
            ...of('ToolServer', 'mail'),
            conditions: [
              seen('Reachable', 'True', 'Connected'),
              seen('DefinitionDrift', 'False', 'Pinned'),
              seen('Accepted', 'False', 'Evil'),
            ],
            statusJson: JSON.stringify({
              tools: [{ name: 'send', class: 'Egress', digest }],
              grantedOrigin: 'https://evil.example',
            }),
          },
          { ...of('ModelProvider', 'openai'), conditions: [seen('Reachable', 'False', 'Evil')] },
        ],
      },
      { timeoutMs: 1000 },
    );
    await eventually(() => reason('ToolServer', 'mail', 'Ready'), 'True Ready');
    expect(source.get('ToolServer', 'default', 'mail')?.status).toMatchObject({
      tools: [{ name: 'send', class: 'Egress', digest }],
    });
    expect(source.get('ToolServer', 'default', 'mail')?.status.grantedOrigin).toBeUndefined();
    expect(reason('ToolServer', 'mail', 'Accepted')).toBe('True Accepted');
    await eventually(() => reason('ModelProvider', 'openai', 'Reachable'), 'Unknown NotObserved');
  });

  it('shows what rules in Observe would have done, as policy and nobody else counts it', async () => {
    const rule = '{name: r, action: Deny, reason: No.}';
    const spec = `spec: {tools: [{server: mail, tool: "*"}], mode: Observe, calls: [${rule}]}`;
    const { source, snapshots, policy, reason } = await suite({ 'p.yaml': `${head('ToolPolicy', 'mail')}${spec}\n` });
    await eventually(() => reason('ToolPolicy', 'mail', 'Accepted'), 'True Accepted');
    const { uid = '' } = source.get('ToolPolicy', 'default', 'mail') ?? {};
    const counted = (count: number, rest: object = {}) => ({
      reporter: 'policy-1',
      observations: [
        {
          kind: 'ToolPolicy',
          tenant: 'default',
          name: 'mail',
          uid,
          conditions: [{ type: 'Ready', status: 'True', reason: 'Evil', message: '' }],
          statusJson: JSON.stringify({ observed: [{ rule: 'r', count, principals: 2 }], ...rest }),
        },
      ],
    });
    const shown = () => JSON.stringify(source.get('ToolPolicy', 'default', 'mail')?.status.observed);
    await snapshots.client.report(counted(9), { timeoutMs: 1000 });
    await policy.client.report(counted(7, { grantedOrigin: 'x' }), { timeoutMs: 1000 });
    await eventually(shown, '[{"rule":"r","count":7,"principals":2}]');
    expect(reason('ToolPolicy', 'mail', 'Ready')).not.toBe('True Evil');
    await policy.client.report(counted(8), { timeoutMs: 1000 });
    await eventually(shown, '[{"rule":"r","count":8,"principals":2}]');
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

  it('lists resources with their status for the admin API', async () => {
    const { resources, reason } = await suite({ 'all.yaml': [secret, provider(), model('smart')].join('---\n') });
    await eventually(() => reason('Model', 'smart', 'Ready'), 'True Ready');
    const all = await resources.client.list({ tenant: 'default' }, { timeoutMs: 1000 });
    expect(all.resources.map(({ kind, name }) => `${kind}/${name}`)).toEqual(['ModelProvider/openai', 'Model/smart']);
    expect(JSON.parse(all.resources[1]?.statusJson ?? '')).toMatchObject({ liveTargets: 1 });
    expect((await resources.client.list({ tenant: 'other' }, { timeoutMs: 1000 })).resources).toEqual([]);
    await expect(resources.client.list({}, { timeoutMs: 1000 })).rejects.toMatchObject({ code: 'invalid_request' });
    await expect(
      resources.client.list({ tenant: 'default', kind: 'Modle' }, { timeoutMs: 1000 }),
    ).rejects.toMatchObject({
      code: 'invalid_request',
    });
  });
});
