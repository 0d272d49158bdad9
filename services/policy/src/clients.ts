import type { TlsConfig } from '@sallyport/chassis/config';
import type { Logger } from '@sallyport/chassis/log';
import type { Metrics } from '@sallyport/chassis/metrics';
import { type Client, type RpcChannel, rpcChannel, rpcClient } from '@sallyport/chassis/rpc/client';
import { RecordService } from '@sallyport/proto/audit/v1/audit_pb';
import { AuthenticationService } from '@sallyport/proto/identity/v1/identity_pb';
import { SnapshotService } from '@sallyport/proto/snapshot/v1/snapshot_pb';

/** The services that policy calls. */
export interface Clients {
  readonly snapshots: Client<typeof SnapshotService>;
  readonly records: Client<typeof RecordService>;
  /** Absent where no identity is among the peers: then nothing is heard of revocations. */
  readonly authentication: Client<typeof AuthenticationService> | undefined;
  readonly channels: readonly RpcChannel[];
}

/** Opens the channels to operator, audit and, where it is a peer, identity; nothing is connected before the first call. */
export function createClients(options: {
  readonly peers: Readonly<Record<string, string>>;
  readonly tls: TlsConfig | undefined;
  readonly log: Logger;
  readonly metrics: Metrics;
}): Clients {
  const { tls, log, metrics } = options;
  const open = (peer: 'operator' | 'audit' | 'identity') =>
    rpcChannel({ target: options.peers[peer] ?? '', tls, self: 'policy', peer, log, metrics });
  const [operator, audit] = [open('operator'), open('audit')];
  const identity = 'identity' in options.peers ? open('identity') : undefined;
  return {
    channels: identity === undefined ? [operator, audit] : [operator, audit, identity],
    snapshots: rpcClient(SnapshotService, operator),
    records: rpcClient(RecordService, audit),
    authentication: identity && rpcClient(AuthenticationService, identity),
  };
}
