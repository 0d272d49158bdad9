import { podFacts, readSecretFile } from '@sallyport/chassis/config';
import { urlGuard } from '@sallyport/chassis/net/guard';
import { run } from '@sallyport/chassis/process';
import { rpcChannel, rpcClient } from '@sallyport/chassis/rpc/client';
import { beginService } from '@sallyport/chassis/service';
import { openSpool } from '@sallyport/chassis/spool';
import { recorder } from '@sallyport/peers/records';
import { watchSnapshot } from '@sallyport/peers/snapshot';
import { RecordService } from '@sallyport/proto/audit/v1/audit_pb';
import { HostingService } from '@sallyport/proto/hosting/v1/hosting_pb';
import { SnapshotService } from '@sallyport/proto/snapshot/v1/snapshot_pb';
import { createAdmission, type OwnerAt } from './admission.ts';
import { configSchema } from './config.ts';
import { createEgressProxy } from './proxy.ts';
import { accountRefusals } from './refusals.ts';
import { nameResolver } from './resolve.ts';

const SELF = 'egress-proxy';
const ADDRESS_MS = 3_000;

run({
  name: SELF,
  async start(life) {
    const { config, log, metrics, tls } = await beginService(life, SELF, configSchema);
    const channelTo = (peer: string, target: string) =>
      life.use(rpcChannel({ target, tls, self: SELF, peer, log, metrics }));
    const client = rpcClient(SnapshotService, await channelTo('operator', config.peers.operator));
    const records = rpcClient(RecordService, await channelTo('audit', config.peers.audit));
    const hosting = config.peers['mcp-host'];
    let ownerAt: OwnerAt | undefined;
    if (hosting !== undefined) {
      const hosts = rpcClient(HostingService, await channelTo('mcp-host', hosting));
      ownerAt = async (address, tenant) => {
        const owner = await hosts.atAddress({ address, tenant }, { timeoutMs: ADDRESS_MS });
        return owner.uid === '' ? undefined : owner;
      };
    }
    const { snapshotCacheFile: cacheFile } = config;
    const snapshot = watchSnapshot({ client, kinds: ['ToolServer'], log, ...(cacheFile ? { cacheFile } : {}) });
    life.readiness.add('snapshot', () => snapshot.seen() || 'no snapshot was received yet');
    const spool = await openSpool({ dir: config.spoolDir, maxBytes: config.spoolMaxBytes, fsync: true, log });
    const refusals = accountRefusals({
      snapshot,
      recorder: await life.use(recorder({ client: records, spool, log, metrics })),
      client,
      reporter: `${SELF}/${podFacts().pod}`,
      intervalMs: config.reportInterval,
      log,
    });
    await life.use(refusals);
    const refused = metrics.counter('egress_refused_total', 'Connections of hosted servers that were refused.', [
      'reason',
    ]);
    const opened = metrics.counter('egress_opened_total', 'Connections of hosted servers that were let out.', []);
    const admission = createAdmission({ snapshot, key: readSecretFile(config.egressKeyFile), ownerAt });
    const lookup = nameResolver();
    await life.use(snapshot);
    await life.use(
      createEgressProxy({
        listen: config.proxy,
        admission,
        guards: { strict: urlGuard({ lookup }), open: urlGuard({ lookup, allowPrivate: true }) },
        onRefused(one) {
          refused.inc({ reason: one.reason });
          refusals.add(one);
        },
        onOpened: () => opened.inc(),
        log,
      }),
    );
  },
});
