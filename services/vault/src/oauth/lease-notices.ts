import { isSignInGrant } from '@sallyport/custom-resources/grant-uids';
import type { VaultTransaction } from '../vault-store.ts';

/**
 * Has leases dropped that stand on a person's grant: theirs at its tool server, or, where it is a sign-in, at all servers that
 * are called by it. In the transaction that changes the grant, so that neither is there without the other.
 */
export async function tellLeases(
  tx: Pick<VaultTransaction, 'delegatedBy' | 'notifyResource'>,
  { uid, user, issuer }: { readonly uid: string; readonly user: string; readonly issuer: string },
): Promise<void> {
  const servers = isSignInGrant(uid) ? await tx.delegatedBy(issuer) : [uid];
  for (const server of servers) await tx.notifyResource('ToolServer', server, user);
}
