import type { TlsConfig } from '@sallyport/chassis/config';
import type { Logger } from '@sallyport/chassis/log';
import type { Metrics } from '@sallyport/chassis/metrics';
import type { Component } from '@sallyport/chassis/process';
import { type Client, rpcChannel, rpcClient } from '@sallyport/chassis/rpc/client';
import { QueryService, RecordService } from '@sallyport/proto/audit/v1/audit_pb';
import { AuthenticationService, KeyService } from '@sallyport/proto/identity/v1/identity_pb';
import { ConsentService, SessionService } from '@sallyport/proto/identity/v1/sessions_pb';
import { AccessService } from '@sallyport/proto/policy/v1/access_pb';
import { ApprovalService } from '@sallyport/proto/policy/v1/approval_pb';
import { ResourceService } from '@sallyport/proto/resources/v1/resources_pb';
import { GrantService } from '@sallyport/proto/vault/v1/grants_pb';
import { OwnedCredentialService } from '@sallyport/proto/vault/v1/owned_pb';
import type { Config } from './config.ts';

/** Everything that console asks; it keeps nothing itself. */
export interface Clients {
  readonly access: Client<typeof AccessService>;
  readonly approvals: Pick<
    Client<typeof ApprovalService>,
    'listApprovals' | 'getApproval' | 'decideApproval' | 'listEndorsements' | 'revokeEndorsement'
  >;
  readonly authentication: Pick<Client<typeof AuthenticationService>, 'authenticate'>;
  readonly keys: Pick<Client<typeof KeyService>, 'create' | 'update' | 'revoke' | 'rotate' | 'get' | 'list'>;
  readonly sessions: Client<typeof SessionService>;
  readonly consents: Client<typeof ConsentService>;
  readonly connections: Client<typeof GrantService>;
  readonly owned: Client<typeof OwnedCredentialService>;
  readonly queries: Client<typeof QueryService>;
  readonly records: Pick<Client<typeof RecordService>, 'commit'>;
  readonly resources: Client<typeof ResourceService>;
}

/** Opens one channel a peer, lazily, and the clients on them. */
export function connect(
  config: Pick<Config, 'peers'>,
  shared: {
    readonly self: string;
    readonly tls: TlsConfig | undefined;
    readonly log: Logger;
    readonly metrics: Metrics;
  },
): { readonly clients: Clients; readonly component: Component } {
  const channel = (peer: keyof Config['peers']) => rpcChannel({ ...shared, peer, target: config.peers[peer] });
  const identity = channel('identity');
  const audit = channel('audit');
  const operator = channel('operator');
  const policy = channel('policy');
  const vault = channel('vault');
  return {
    clients: {
      access: rpcClient(AccessService, policy),
      approvals: rpcClient(ApprovalService, policy),
      authentication: rpcClient(AuthenticationService, identity),
      keys: rpcClient(KeyService, identity),
      sessions: rpcClient(SessionService, identity),
      consents: rpcClient(ConsentService, identity),
      connections: rpcClient(GrantService, vault),
      owned: rpcClient(OwnedCredentialService, vault),
      queries: rpcClient(QueryService, audit),
      records: rpcClient(RecordService, audit),
      resources: rpcClient(ResourceService, operator),
    },
    component: {
      name: 'channels',
      stop() {
        for (const channel of [identity, audit, operator, policy, vault]) channel.close();
      },
    },
  };
}
