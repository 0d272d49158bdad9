import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createLogger } from '@sallyport/chassis/log';
import { createMetrics } from '@sallyport/chassis/metrics';
import { configSchema } from '../config.ts';
import { operatorMetrics } from '../metrics.ts';
import { openSource } from './open.ts';

const KUBECONFIG = `
apiVersion: v1
kind: Config
clusters: [{ name: here, cluster: { server: 'https://127.0.0.1:1' } }]
users: [{ name: me, user: { token: word } }]
contexts: [{ name: it, context: { cluster: here, user: me } }]
current-context: it
`;

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'sallyport-open-'));
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

const peers = { vault: 'ipv4:127.0.0.1:1', identity: 'ipv4:127.0.0.1:1' };

const opened = (of: object) =>
  openSource(configSchema.parse({ admin: { port: 0 }, grpc: { port: 0 }, insecure: true, peers, ...of }), {
    log: createLogger({ service: 'test', level: 'error' }),
    metrics: operatorMetrics(createMetrics('operator', { defaults: false })),
  });

test('the one process over a folder leads by itself', async () => {
  const { election } = await opened({ folder: { path: dir, generatedDir: join(dir, 'generated') } });
  expect(election({ lead: async () => undefined }).name).toBe('leadership');
});

test('replicas over a cluster elect who leads', async () => {
  const kubeconfigFile = join(dir, 'kubeconfig');
  writeFileSync(kubeconfigFile, KUBECONFIG);
  const { election } = await opened({ cluster: { kubeconfigFile, watchNamespaces: ['acme'] } });
  expect(election({ lead: async () => undefined }).name).toBe('leader election');
});
