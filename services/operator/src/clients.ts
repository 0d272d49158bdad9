import type { Logger } from '@sallyport/chassis/log';
import type { Metrics } from '@sallyport/chassis/metrics';
import type { Component } from '@sallyport/chassis/process';
import { type Client, rpcChannel, rpcClient } from '@sallyport/chassis/rpc/client';
import { KeyService } from '@sallyport/proto/identity/v1/identity_pb';
import { SecretService } from '@sallyport/proto/vault/v1/vault_pb';
import type { Config } from './config.ts';

/** The peers that the operator hands things to. */
export type Clients = {
  readonly secrets: Client<typeof SecretService>;
  readonly keys: Client<typeof KeyService>;
};

/** Opens channels to vault and identity; both connect when they are first needed. */
export function connect(
  config: Config,
  options: { readonly self: string; readonly log: Logger; readonly metrics: Metrics },
): { readonly clients: Clients; readonly channels: Component[] } {
  const { tls } = config;
  const vault = rpcChannel({ ...options, target: config.peers.vault, tls, peer: 'vault' });
  const identity = rpcChannel({ ...options, target: config.peers.identity, tls, peer: 'identity' });
  return {
    clients: { secrets: rpcClient(SecretService, vault), keys: rpcClient(KeyService, identity) },
    channels: [vault, identity],
  };
}
