import type { Component } from '@sallyport/chassis/process';
import { type Client, rpcChannel, rpcClient } from '@sallyport/chassis/rpc/client';
import { RecordService } from '@sallyport/proto/audit/v1/audit_pb';
import type { Config } from './config.ts';

/** The one service that vault calls. */
export interface Clients {
  readonly records: Pick<Client<typeof RecordService>, 'commit'>;
}

/** Opens the channel to audit, lazily. */
export function connect(
  config: Pick<Config, 'peers'>,
  shared: Omit<Parameters<typeof rpcChannel>[0], 'target' | 'peer'>,
): { readonly clients: Clients; readonly component: Component } {
  const audit = rpcChannel({ ...shared, peer: 'audit', target: config.peers.audit });
  return {
    clients: { records: rpcClient(RecordService, audit) },
    component: { name: 'channels', stop: () => audit.close() },
  };
}
