import type { Component } from '@sallyport/chassis/process';
import { type Client, type RpcChannel, rpcChannel, rpcClient } from '@sallyport/chassis/rpc/client';
import { decisionStream } from '@sallyport/peers/decision-stream';
import { RecordService } from '@sallyport/proto/audit/v1/audit_pb';
import { AuthenticationService } from '@sallyport/proto/identity/v1/identity_pb';
import { CompletionService, LoopService } from '@sallyport/proto/models/v1/models_pb';
import { AccessService } from '@sallyport/proto/policy/v1/access_pb';
import { ApprovalService } from '@sallyport/proto/policy/v1/approval_pb';
import { LimitService } from '@sallyport/proto/policy/v1/limit_pb';
import { DecisionService, TrajectoryService } from '@sallyport/proto/policy/v1/policy_pb';
import { QuarantineService } from '@sallyport/proto/quarantine/v1/quarantine_pb';
import { SnapshotService } from '@sallyport/proto/snapshot/v1/snapshot_pb';
import { CredentialService } from '@sallyport/proto/vault/v1/vault_pb';
import type { Config } from './config.ts';

/** Typed clients of every service that mcp-broker calls. */
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
  readonly records: Client<typeof RecordService>;
  /** Undefined where the way to model-proxy is not configured. */
  readonly loops: Client<typeof LoopService> | undefined;
  /** The same. */
  readonly completions: Client<typeof CompletionService> | undefined;
}

/** Opens one channel a peer (lazily: nothing waits for a peer here) and the clients on them. */
export function connect(
  config: Pick<Config, 'peers'>,
  shared: Omit<Parameters<typeof rpcChannel>[0], 'target' | 'peer'>,
): { clients: Clients; component: Component } {
  const { peers } = config;
  const channel = (peer: keyof Config['peers'], target = peers[peer] ?? ''): RpcChannel =>
    rpcChannel({ ...shared, peer, target });
  const operator = channel('operator');
  const identity = channel('identity');
  const vault = channel('vault');
  const policy = channel('policy');
  const audit = channel('audit');
  const quarantine = channel('quarantine');
  const models = peers['model-proxy'] === undefined ? undefined : channel('model-proxy');
  const channels = [operator, identity, vault, policy, audit, quarantine, ...(models ? [models] : [])];
  const decisions = rpcClient(DecisionService, policy);
  return {
    clients: {
      snapshot: rpcClient(SnapshotService, operator),
      authentication: rpcClient(AuthenticationService, identity),
      credentials: rpcClient(CredentialService, vault),
      access: rpcClient(AccessService, policy),
      // Every call asks twice.
      decisions: { ...decisions, ...decisionStream(decisions) },
      approvals: rpcClient(ApprovalService, policy),
      limits: rpcClient(LimitService, policy),
      trajectories: rpcClient(TrajectoryService, policy),
      quarantine: rpcClient(QuarantineService, quarantine),
      records: rpcClient(RecordService, audit),
      loops: models && rpcClient(LoopService, models),
      completions: models && rpcClient(CompletionService, models),
    },
    component: {
      name: 'rpc channels',
      async stop() {
        await Promise.all(channels.map((one) => one.close()));
      },
    },
  };
}
