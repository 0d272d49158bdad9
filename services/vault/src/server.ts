import { asGatewayError } from '@sallyport/chassis/errors';
import type { ServiceImpl } from '@sallyport/chassis/rpc/server';
import type { SequenceFeed } from '@sallyport/chassis/sequence-feed';
import type { CredentialService, SecretService } from '@sallyport/proto/vault/v1/vault_pb';
import type { Custody } from './custody.ts';
import { KINDS_OF_CALLER, type LeaseCredential } from './leasing.ts';
import type { VaultMetrics } from './metrics.ts';
import type { InvalidationNotice } from './vault-store.ts';

/** Who may call what: the one place where vault's edges stand. */
export const CALLERS: Record<string, string[]> = {
  'sallyport.vault.v1.CredentialService': Object.keys(KINDS_OF_CALLER),
  'sallyport.vault.v1.SecretService': ['operator'],
  'sallyport.vault.v1.OwnedCredentialService': ['console'],
  'sallyport.vault.v1.GrantService': ['console'],
  'sallyport.vault.v1.SignInService': ['identity'],
};

/** CredentialService over leasing and the invalidation feed. */
export function credentialService(
  lease: LeaseCredential,
  feed: SequenceFeed<InvalidationNotice>,
  metrics: VaultMetrics,
): ServiceImpl<typeof CredentialService> {
  return {
    async resolve(request, ctx) {
      try {
        const { tenant, ref, kind, uid, origin, principal, refusedReference: refused } = request;
        const wanted = { tenant, ref, kind, uid, origin, principal, refused };
        const given = await lease(ctx.caller, wanted);
        metrics.leased(ctx.caller, 'given');
        return { ...given, scopes: [...given.scopes] };
      } catch (error) {
        metrics.leased(ctx.caller, asGatewayError(error).code);
        throw error;
      }
    },
    async *watchInvalidations(_request, ctx) {
      for await (const { notice, sequence } of feed.watch(ctx.signal)) {
        if (notice === undefined) yield { sequence };
        else yield { tenant: notice.tenant, sequence, ...notice.resource, ...(notice.ref ? { ref: notice.ref } : {}) };
      }
    },
  };
}

/** SecretService over custody. */
export function secretService(custody: Custody, metrics: VaultMetrics): ServiceImpl<typeof SecretService> {
  return {
    async put({ tenant, ref, value, version }) {
      await custody.put(tenant, ref, value, version);
      metrics.changed('put');
      return {};
    },
    async remove({ tenant, ref }) {
      await custody.remove(tenant, ref);
      metrics.changed('remove');
      return {};
    },
    async grant({ tenant, ref, kind, name, uid, origin, owners, authJson, url, allowPrivateNetwork: allowPrivate }) {
      const auth: unknown = authJson === '' ? undefined : JSON.parse(authJson);
      await custody.grant(tenant, { ref, kind, uid, origin, resourceName: name, owners, auth, url, allowPrivate });
      metrics.changed('grant');
      return {};
    },
    async revokeGrant({ tenant, kind, uid }) {
      await custody.revokeGrant(tenant, kind, uid);
      metrics.changed('revoke-grant');
      return {};
    },
    async listGrants({ pageSize, pageToken }) {
      const { grants, nextPageToken } = await custody.grants(pageSize, pageToken);
      return {
        grants: grants.map(({ tenant, kind, uid, resourceName: name }) => ({ tenant, kind, uid, name })),
        nextPageToken,
      };
    },
  };
}
