import type { Component } from '@sallyport/chassis/process';
import { type Client, type RpcChannel, rpcChannel, rpcClient } from '@sallyport/chassis/rpc/client';
import { RecordService } from '@sallyport/proto/audit/v1/audit_pb';
import { AccessReviewService } from '@sallyport/proto/resources/v1/access_review_pb';
import { SnapshotService } from '@sallyport/proto/snapshot/v1/snapshot_pb';
import { SignInService } from '@sallyport/proto/vault/v1/sign_ins_pb';
import { CredentialService } from '@sallyport/proto/vault/v1/vault_pb';

/** The services that identity calls. */
export interface Clients {
  readonly snapshots: Client<typeof SnapshotService>;
  readonly accessReviews: Client<typeof AccessReviewService>;
  readonly records: Client<typeof RecordService>;
  readonly credentials: Client<typeof CredentialService>;
  readonly signIns: Client<typeof SignInService>;
}

/** Opens one channel a peer (lazily: nothing waits for a peer here) and the clients on them. */
export function connect(
  peers: Readonly<Record<'operator' | 'audit' | 'vault', string>>,
  shared: Omit<Parameters<typeof rpcChannel>[0], 'target' | 'peer'>,
): { clients: Clients; component: Component } {
  const channel = (peer: keyof typeof peers): RpcChannel => rpcChannel({ ...shared, peer, target: peers[peer] });
  const [operator, audit, vault] = [channel('operator'), channel('audit'), channel('vault')];
  return {
    clients: {
      snapshots: rpcClient(SnapshotService, operator),
      accessReviews: rpcClient(AccessReviewService, operator),
      records: rpcClient(RecordService, audit),
      credentials: rpcClient(CredentialService, vault),
      signIns: rpcClient(SignInService, vault),
    },
    component: {
      name: 'channels',
      stop() {
        for (const one of [operator, audit, vault]) one.close();
      },
    },
  };
}
