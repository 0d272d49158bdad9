import type { TlsConfig } from '@sallyport/chassis/config';
import type { Logger } from '@sallyport/chassis/log';
import type { Metrics } from '@sallyport/chassis/metrics';
import { type Client, type RpcChannel, rpcChannel, rpcClient } from '@sallyport/chassis/rpc/client';
import { SnapshotService } from '@sallyport/proto/snapshot/v1/snapshot_pb';

/** The services that policy calls. */
export interface Clients {
  readonly snapshots: Client<typeof SnapshotService>;
  readonly channel: RpcChannel;
}

/** Opens the channel to the operator; nothing is connected before the first call. */
export function createClients(options: {
  readonly peers: Readonly<Record<string, string>>;
  readonly tls: TlsConfig | undefined;
  readonly log: Logger;
  readonly metrics: Metrics;
}): Clients {
  const { tls, log, metrics } = options;
  const target = options.peers.operator ?? '';
  const channel = rpcChannel({ target, tls, self: 'policy', peer: 'operator', log, metrics });
  return { channel, snapshots: rpcClient(SnapshotService, channel) };
}
