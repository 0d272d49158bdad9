import type { Component } from '@sallyport/chassis/process';
import { type Client, rpcChannel, rpcClient } from '@sallyport/chassis/rpc/client';
import { RecordService } from '@sallyport/proto/audit/v1/audit_pb';
import { AuthenticationService } from '@sallyport/proto/identity/v1/identity_pb';
import { SubjectService } from '@sallyport/proto/identity/v1/subjects_pb';
import type { Config } from './config.ts';

/** The services that vault calls. */
export interface Clients {
  readonly records: Pick<Client<typeof RecordService>, 'commit'>;
  /** Undefined where identity is no peer. */
  readonly identity:
    | {
        readonly subjects: Pick<Client<typeof SubjectService>, 'assert'>;
        readonly authentication: Pick<Client<typeof AuthenticationService>, 'watchRevocations'>;
      }
    | undefined;
}

/** Opens the channels, lazily. */
export function connect(
  config: Pick<Config, 'peers'>,
  shared: Omit<Parameters<typeof rpcChannel>[0], 'target' | 'peer'>,
): { readonly clients: Clients; readonly component: Component } {
  const { audit: auditAt, identity: identityAt } = config.peers;
  const audit = rpcChannel({ ...shared, peer: 'audit', target: auditAt });
  const identity =
    identityAt === undefined ? undefined : rpcChannel({ ...shared, peer: 'identity', target: identityAt });
  return {
    clients: {
      records: rpcClient(RecordService, audit),
      identity:
        identity === undefined
          ? undefined
          : {
              subjects: rpcClient(SubjectService, identity),
              authentication: rpcClient(AuthenticationService, identity),
            },
    },
    component: {
      name: 'channels',
      stop() {
        audit.close();
        identity?.close();
      },
    },
  };
}
