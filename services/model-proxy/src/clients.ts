import type { Component } from '@sallyport/chassis/process';
import { type Client, type RpcChannel, rpcChannel, rpcClient } from '@sallyport/chassis/rpc/client';
import { RecordService, TurnService } from '@sallyport/proto/audit/v1/audit_pb';
import { AuthenticationService } from '@sallyport/proto/identity/v1/identity_pb';
import { AccessService } from '@sallyport/proto/policy/v1/access_pb';
import { ApprovalService } from '@sallyport/proto/policy/v1/approval_pb';
import { LimitService } from '@sallyport/proto/policy/v1/limit_pb';
import { DecisionService, TrajectoryService } from '@sallyport/proto/policy/v1/policy_pb';
import { QuarantineService } from '@sallyport/proto/quarantine/v1/quarantine_pb';
import { SnapshotService } from '@sallyport/proto/snapshot/v1/snapshot_pb';
import { ToolService } from '@sallyport/proto/tools/v1/tools_pb';
import { CredentialService } from '@sallyport/proto/vault/v1/vault_pb';
import type { Config } from './config.ts';

/** Typed clients of every service that model-proxy calls. */
export interface Clients {
  readonly snapshot: Client<typeof SnapshotService>;
  readonly authentication: Client<typeof AuthenticationService>;
  readonly credentials: Client<typeof CredentialService>;
  readonly access: Client<typeof AccessService>;
  readonly decisions: Client<typeof DecisionService>;
  readonly approvals: Client<typeof ApprovalService>;
  readonly limits: Client<typeof LimitService>;
  readonly trajectories: Client<typeof TrajectoryService>;
  readonly quarantine: Client<typeof QuarantineService>;
  readonly tools: Client<typeof ToolService>;
  readonly records: Client<typeof RecordService>;
  readonly turns: Client<typeof TurnService>;
}

/** Opens one channel a peer (lazily: nothing waits for a peer here) and the clients on them. */
export function connect(
  config: Pick<Config, 'peers'>,
  shared: Omit<Parameters<typeof rpcChannel>[0], 'target' | 'peer'>,
): { clients: Clients; component: Component } {
  const channel = (peer: keyof Config['peers']): RpcChannel =>
    rpcChannel({ ...shared, peer, target: config.peers[peer] });
  const operator = channel('operator');
  const identity = channel('identity');
  const vault = channel('vault');
  const policy = channel('policy');
  const audit = channel('audit');
  const quarantine = channel('quarantine');
  const broker = channel('mcp-broker');
  const channels = [operator, identity, vault, policy, audit, quarantine, broker];
  return {
    clients: {
      snapshot: rpcClient(SnapshotService, operator),
      authentication: rpcClient(AuthenticationService, identity),
      credentials: rpcClient(CredentialService, vault),
      access: rpcClient(AccessService, policy),
      decisions: rpcClient(DecisionService, policy),
      approvals: rpcClient(ApprovalService, policy),
      limits: rpcClient(LimitService, policy),
      trajectories: rpcClient(TrajectoryService, policy),
      quarantine: rpcClient(QuarantineService, quarantine),
      tools: rpcClient(ToolService, broker),
      records: rpcClient(RecordService, audit),
      turns: rpcClient(TurnService, audit),
    },
    component: {
      name: 'rpc channels',
      async stop() {
        await Promise.all(channels.map((one) => one.close()));
      },
    },
  };
}
