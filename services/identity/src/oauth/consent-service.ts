import { GatewayError } from '@sallyport/chassis/errors';
import type { ServiceImpl } from '@sallyport/chassis/rpc/server';
import type { ConsentService } from '@sallyport/proto/identity/v1/sessions_pb';
import type { Clients } from './clients.ts';
import type { ConsentStore } from './consent-store.ts';
import type { GrantStore } from './grant-store.ts';

const MAX_GRANTS = 500;

/** ConsentService over what people said yes to, and the grants that came of it. */
export function consentService(options: {
  readonly consents: Pick<ConsentStore, 'listOf' | 'forget'>;
  readonly grants: Pick<GrantStore, 'listOf' | 'endAll'>;
  readonly clients: Pick<Clients, 'declared' | 'metadataOf'>;
}): ServiceImpl<typeof ConsentService> {
  const { consents, grants, clients } = options;
  /** Declared ones by their resource, those that registered themselves by what they said, others by their id. */
  const nameOf = async (tenant: string, id: string): Promise<{ name: string; unverified: boolean }> => {
    const declared = clients.declared(tenant, id);
    if (declared !== undefined) return { name: declared.spec.displayName ?? declared.name, unverified: false };
    const metadata = await clients.metadataOf(tenant, id);
    const said = metadata?.client_name;
    return { name: typeof said === 'string' && said !== '' ? said : id, unverified: true };
  };
  return {
    async listConsents({ tenant, user }) {
      if (user === '') throw new GatewayError('invalid_request', 'The person is missing.');
      const [said, held] = await Promise.all([consents.listOf(tenant, user), grants.listOf(tenant, user, MAX_GRANTS)]);
      const ids = [...new Set([...said, ...held].map(({ client }) => client))].sort();
      const listed = ids.map(async (client) => {
        const [saidTo, given] = [
          said.filter((one) => one.client === client),
          held.filter((one) => one.client === client),
        ];
        const { name, unverified } = await nameOf(tenant, client);
        return {
          client,
          name,
          unverified,
          scopes: [...new Set([...saidTo, ...given].flatMap(({ scopes }) => scopes))].sort(),
          sinceMs: Math.min(...saidTo.map(({ atMs }) => atMs), ...given.map(({ createdAtMs }) => createdAtMs)),
          usedAtMs: Math.max(0, ...given.map(({ usedAtMs }) => usedAtMs)),
          grants: given.length,
        };
      });
      return { consents: await Promise.all(listed) };
    },
    async withdrawConsent({ tenant, user, client, by }) {
      if (user === '' || client === '') throw new GatewayError('invalid_request', 'The person or client is missing.');
      await consents.forget(tenant, user, client);
      return { grants: await grants.endAll(tenant, { user, client }, { reason: 'consent withdrawn', by }) };
    },
  };
}
