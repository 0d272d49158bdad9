import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createLogger } from '@sallyport/chassis/log';
import { createMetrics } from '@sallyport/chassis/metrics';
import { findCondition, inboundOrigin, type Kind, scimGrantUid, signInGrantUid } from '@sallyport/custom-resources';
import { operatorMetrics } from '../metrics.ts';
import { createOperator } from '../operator.ts';
import { createCompiler } from '../snapshot/compile.ts';
import { folderSource } from '../source/folder.ts';
import { fakePeers } from '../testing/fake-peers.ts';
import { writeWhole } from '../testing/folder-suite.ts';

const log = createLogger({ service: 'test', level: 'error' });
const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

const head = (kind: string, name: string) =>
  `apiVersion: sallyport.dev/v1alpha1\nkind: ${kind}\nmetadata: {name: ${name}}\n`;
const secret = 'apiVersion: v1\nkind: Secret\nmetadata: {name: okta}\nstringData: {client: c-secret, scim: s-secret}\n';
const okta = (issuer: string) =>
  `${head('IdentityProvider', 'okta')}spec: {type: OIDC, issuer: "${issuer}", audiences: [gateway], client: {clientId: g, secretRef: {name: okta, key: client}}, scim: {secretRef: {name: okta, key: scim}}}\n`;

async function suite(files: Record<string, string>) {
  const root = await mkdtemp(join(tmpdir(), 'sallyport-operator-'));
  undo.push(() => rm(root, { recursive: true }));
  const path = join(root, 'resources');
  await mkdir(path);
  const write = (name: string, text: string) => writeWhole(join(path, name), text);
  for (const [name, text] of Object.entries(files)) await write(name, text);
  const peers = await fakePeers();
  undo.push(() => peers.close());
  const source = folderSource({ path, generatedDir: join(root, 'made'), log, debounceMs: 5, rescanMs: 60_000 });
  const metrics = operatorMetrics(createMetrics('operator', { defaults: false }));
  const operator = createOperator({ source, clients: peers.clients, log, metrics, heartbeatMs: 50 });
  operator.start?.();
  await source.start?.();
  await operator.lead(true);
  undo.push(async () => {
    await operator.stop?.(0);
    await source.stop?.(0);
  });
  const says = async (kind: Kind, name: string, type: string, wanted: string) => {
    const reason = () => {
      const found = findCondition(source.get(kind, 'default', name)?.status.conditions, type);
      return found === undefined ? 'none' : `${found.status} ${found.reason}`;
    };
    for (const until = Date.now() + 15_000; reason() !== wanted && Date.now() < until; ) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(reason()).toBe(wanted);
  };
  const uid = (kind: Kind, name: string) => source.get(kind, 'default', name)?.uid ?? '';
  return { write, peers, source, operator, says, uid };
}

describe('identity providers', () => {
  it('[tokens:provider-secrets] hand both of their secrets to vault, ours bound to the issuer, and none to another host', async () => {
    const { write, peers, says, uid } = await suite({ 'a.yaml': okta('https://a.example'), 's.yaml': secret });
    await says('IdentityProvider', 'okta', 'Ready', 'True Ready');
    const id = uid('IdentityProvider', 'okta');
    expect(peers.grants.get(id)).toBe('https://a.example:443');
    expect(peers.grants.get(scimGrantUid(id))).toBe(inboundOrigin);
    await write('a.yaml', okta('https://evil.example'));
    await says('IdentityProvider', 'okta', 'Ready', 'False OriginChanged');
    expect(peers.grants.has(id)).toBe(false);
  });

  it('[delegation:keep-grant] let sign-ins be kept where they say so, for their issuer, and no longer', async () => {
    const keeping = (issuer: string) => okta(issuer).replace('clientId: g', 'clientId: g, keepGrant: true');
    const { write, peers, says, uid } = await suite({ 'a.yaml': okta('https://a.example'), 's.yaml': secret });
    await says('IdentityProvider', 'okta', 'Ready', 'True Ready');
    const id = signInGrantUid(uid('IdentityProvider', 'okta'));
    expect(peers.grants.has(id)).toBe(false);
    const held = async (wanted: string | undefined) => {
      for (const until = Date.now() + 15_000; peers.grants.get(id) !== wanted && Date.now() < until; ) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      expect(peers.grants.get(id)).toBe(wanted);
    };
    await write('a.yaml', keeping('https://a.example'));
    await held('https://a.example:443');
    await write('a.yaml', keeping('https://evil.example'));
    await held(undefined);
    await write('a.yaml', keeping('https://a.example'));
    await held('https://a.example:443');
    // A Secret that is away for a moment signs nobody out.
    await write('s.yaml', '');
    await says('IdentityProvider', 'okta', 'Ready', 'False SecretNotFound');
    await held('https://a.example:443');
    await write('s.yaml', secret);
    await says('IdentityProvider', 'okta', 'Ready', 'True Ready');
    await write('a.yaml', okta('https://a.example'));
    await held(undefined);
    // Nor is one kept longer because a Secret is away when it is taken back.
    await write('a.yaml', keeping('https://a.example'));
    await held('https://a.example:443');
    await write('s.yaml', '');
    await says('IdentityProvider', 'okta', 'Ready', 'False SecretNotFound');
    await held('https://a.example:443');
    await write('a.yaml', okta('https://a.example'));
    await held(undefined);
  });

  it('without an issuer are not ready where there is no cluster, and get its keys where there is one', async () => {
    const cluster = `${head('IdentityProvider', 'cluster')}spec: {type: Kubernetes, audiences: [sallyport]}\n`;
    const { source, says } = await suite({ 'a.yaml': cluster });
    await says('IdentityProvider', 'cluster', 'Ready', 'False NoCluster');
    const keys = { issuer: 'https://kubernetes.default.svc', jwks: { keys: [{ kty: 'RSA', kid: '1' }] } };
    const [item] = createCompiler().compile('IdentityProvider', source, keys);
    expect(JSON.parse(item?.specJson ?? '{}')).toMatchObject({ type: 'Kubernetes', cluster: keys });
  });
});

describe('clients', () => {
  const client = (name: string, spec: string) => `${head('Client', name)}spec: {${spec}}\n`;

  it('are ready with their secret, and not without it', async () => {
    const spec =
      'grants: [ClientCredentials], authentication: client_secret_basic, secretRef: {name: okta, key: client}';
    const { write, peers, says, uid } = await suite({ 'c.yaml': client('robot', spec) });
    await says('Client', 'robot', 'Ready', 'False SecretNotFound');
    await write('s.yaml', secret);
    await says('Client', 'robot', 'Ready', 'True Ready');
    expect(peers.grants.get(uid('Client', 'robot'))).toBe(inboundOrigin);
  });

  it('[tokens:client-id-held] keep an id from those who declare it later', async () => {
    const { write, says } = await suite({ 'a.yaml': client('first', 'clientId: app') });
    await says('Client', 'first', 'Ready', 'True Ready');
    await write('b.yaml', client('second', 'clientId: app'));
    await says('Client', 'second', 'Accepted', 'False NameTaken');
    await write('b.yaml', client('second', 'clientId: app, identityProvider: okta'));
    await says('Client', 'second', 'Ready', 'False IdentityProviderNotFound');
  });
});
