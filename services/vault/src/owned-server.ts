import { GatewayError } from '@sallyport/chassis/errors';
import type { ServiceImpl } from '@sallyport/chassis/rpc/server';
import type { OwnedCredentialService } from '@sallyport/proto/vault/v1/owned_pb';
import type { VaultMetrics } from './metrics.ts';
import { checkedOwner, type ListedCredential, type OwnedCredentials } from './owned.ts';
import type { Owner } from './owner.ts';

/** OwnedCredentialService over what people put in. */
export function ownedCredentialService(
  owned: OwnedCredentials,
  metrics: VaultMetrics,
): ServiceImpl<typeof OwnedCredentialService> {
  return {
    async putOwned({ tenant, owner, kind, resource, value, by }) {
      const credential = await owned.put(tenant, { owner: given(owner), kind, resource, value, by });
      metrics.changed('put-owned');
      return { credential: wireOf(credential) };
    },
    async listOwned({ tenant, owners, pageSize, pageToken }) {
      const page = await owned.list(tenant, owners.map(given), pageSize, pageToken);
      return { credentials: page.credentials.map(wireOf), nextPageToken: page.nextPageToken };
    },
    async removeOwned({ tenant, owner, kind, resource }) {
      const removed = await owned.remove(tenant, given(owner), kind, resource);
      if (removed) metrics.changed('remove-owned');
      return { removed };
    },
    async listAccessible({ principal }) {
      if (principal === undefined) throw new GatewayError('invalid_request', 'principal is missing.');
      const resources = await owned.accessible(principal.tenant, principal);
      return {
        resources: resources.map(({ kind, resourceName: resource, order, used }) => ({
          kind,
          resource,
          order: [...order],
          ...(used === undefined ? {} : { reference: used.reference, owner: { ...used.owner } }),
        })),
      };
    },
  };
}

function given(owner: { readonly kind: string; readonly name: string } | undefined): Owner {
  return checkedOwner(owner ?? { kind: '', name: '' });
}

function wireOf({
  owner,
  kind,
  resourceName: resource,
  reference,
  origin,
  usable,
  changedAtMs,
  changedBy,
}: ListedCredential) {
  return { owner: { ...owner }, kind, resource, reference, origin, usable, changedAtMs, changedBy };
}
