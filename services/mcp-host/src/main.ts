import { podFacts, readSecretFile } from '@sallyport/chassis/config';
import { httpServer } from '@sallyport/chassis/http/server';
import type { Logger } from '@sallyport/chassis/log';
import { run } from '@sallyport/chassis/process';
import { type Client, rpcChannel, rpcClient } from '@sallyport/chassis/rpc/client';
import { rpcServer } from '@sallyport/chassis/rpc/server';
import { beginService } from '@sallyport/chassis/service';
import { watchSnapshot } from '@sallyport/peers/snapshot';
import { HostingService, PodService } from '@sallyport/proto/hosting/v1/hosting_pb';
import { SnapshotService } from '@sallyport/proto/snapshot/v1/snapshot_pb';
import type { AtAddress } from './backend/cluster.ts';
import { localBackend } from './backend/local.ts';
import { type Config, configSchema, searchPath } from './config.ts';
import { createFront } from './front.ts';
import type { Backend } from './host.ts';
import { followHosts } from './hosts.ts';
import { reportHosts } from './reports.ts';
import { CALLERS, hostingService } from './server.ts';
import { bridgeBounds } from './stdio/bridge.ts';

const SELF = 'mcp-host';

run({
  name: SELF,
  async start(life) {
    const { config, log, metrics, tls } = await beginService(life, SELF, configSchema);
    const operator = await life.use(
      rpcChannel({ target: config.peers.operator, tls, self: SELF, peer: 'operator', log, metrics }),
    );
    const client = rpcClient(SnapshotService, operator);
    const { snapshotCacheFile: cacheFile } = config;
    const snapshot = watchSnapshot({ client, kinds: ['ToolServer'], log, ...(cacheFile ? { cacheFile } : {}) });
    life.readiness.add('snapshot', () => snapshot.seen() || 'no snapshot was received yet');

    const { backend, atAddress } = await backendOf(config, rpcClient(PodService, operator), log);
    const hosts = followHosts({
      snapshot,
      backend,
      bounds: bridgeBounds,
      maxPrincipals: config.maxPrincipalsPerNamespace,
      log,
      onState: () => reports.soon(),
    });
    const reports = reportHosts({
      client,
      hosts: () => hosts.all(),
      reporter: `${SELF}/${podFacts().pod}`,
      intervalMs: config.reportInterval,
      log,
    });
    await life.use(hosts);
    await life.use(reports);
    await life.use(snapshot);
    await life.use(
      rpcServer({ listen: config.grpc, tls, log, metrics, callers: CALLERS }).add(
        HostingService,
        hostingService(atAddress),
      ),
    );
    const app = createFront({ hosts, backend, log, metrics, secure: tls !== undefined });
    await life.use(httpServer({ listen: config.http, app, log, ...(tls === undefined ? {} : { tls }) }));
  },
});

async function backendOf(
  config: Config,
  pods: Client<typeof PodService>,
  log: Logger,
): Promise<{ readonly backend: Backend; readonly atAddress: AtAddress }> {
  const { cluster, local } = config;
  if (cluster !== undefined) {
    // Loaded only where there is a cluster: the API server's client alone is 25 MB of heap.
    const [{ kubeApi }, { kubeAttach }, { clusterBackend }] = await Promise.all([
      import('@sallyport/chassis/kube/api'),
      import('@sallyport/chassis/kube/attach'),
      import('./backend/cluster.ts'),
    ]);
    const api = kubeApi(cluster.kubeconfigFile, 'sallyport-mcp-host');
    const backend = clusterBackend({ api, attach: kubeAttach(cluster.kubeconfigFile), pods, log });
    return { backend, atAddress: backend.atAddress };
  }
  if (local === undefined) throw new Error('neither cluster nor local is given');
  log.warn('Hosted tool servers run as child processes of this one, without a sandbox.');
  const { egressKeyFile, ...rest } = local;
  const backend = localBackend({ ...rest, egressKey: readSecretFile(egressKeyFile), path: searchPath(), log });
  return { backend, atAddress: async () => undefined };
}
