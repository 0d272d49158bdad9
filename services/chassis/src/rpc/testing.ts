import type { DescService } from '@bufbuild/protobuf';
import { createLogger, type Logger } from '../log.ts';
import { type Client, rpcChannel, rpcClient } from './client.ts';
import { rpcServer, type ServiceImpl } from './server.ts';

/** A service under test and its client. */
export interface InProcess<S extends DescService> {
  readonly client: Client<S>;
  readonly port: number;
  close(): Promise<void>;
}

/** Serves handlers on a real loopback socket without TLS and connects a client as `caller` (default `test`). */
export async function inProcess<S extends DescService>(
  service: S,
  impl: ServiceImpl<S>,
  options: { readonly caller?: string; readonly allowed?: readonly string[]; readonly log?: Logger } = {},
): Promise<InProcess<S>> {
  const caller = options.caller ?? 'test';
  const log = options.log ?? createLogger({ service: 'test', level: 'error' });
  const server = rpcServer({
    listen: { host: '127.0.0.1', port: 0 },
    tls: undefined,
    log,
    callers: { [service.typeName]: options.allowed ?? [caller] },
  }).add(service, impl);
  await server.start();
  const channel = rpcChannel({ target: `dns:///127.0.0.1:${server.port()}`, tls: undefined, self: caller, log });
  return {
    client: rpcClient(service, channel),
    port: server.port(),
    async close() {
      channel.close();
      await server.stop(Date.now() + 1000);
    },
  };
}
