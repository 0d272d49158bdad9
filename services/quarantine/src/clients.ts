import type { TlsConfig } from '@sallyport/chassis/config';
import type { Logger } from '@sallyport/chassis/log';
import type { Metrics } from '@sallyport/chassis/metrics';
import { type Client, type RpcChannel, rpcChannel, rpcClient } from '@sallyport/chassis/rpc/client';
import { CompletionService } from '@sallyport/proto/models/v1/models_pb';

/** The services that quarantine calls. */
export interface Clients {
  readonly completions: Client<typeof CompletionService>;
  readonly channel: RpcChannel;
}

/** Opens the channel to model-proxy; nothing is connected before the first call. */
export function createClients(options: {
  readonly peers: Readonly<Record<string, string>>;
  readonly tls: TlsConfig | undefined;
  readonly log: Logger;
  readonly metrics: Metrics;
}): Clients {
  const { tls, log, metrics } = options;
  const target = options.peers['model-proxy'] ?? '';
  const channel = rpcChannel({ target, tls, self: 'quarantine', peer: 'model-proxy', log, metrics });
  return { channel, completions: rpcClient(CompletionService, channel) };
}
