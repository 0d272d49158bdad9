import { GatewayError } from '@sallyport/chassis/errors';
import type { Accessible, OwnedCredential, Owner } from '@sallyport/proto/vault/v1/owned_pb';
import { z } from 'zod';
import type { Recorded } from '../admin-record.ts';
import type { Caller } from '../caller.ts';
import type { Clients } from '../clients.ts';
import { fields, pageOf, pageQuery, timeOf } from '../fields.ts';
import { defineRoute, type Route } from '../route.ts';

const OWNERS = ['user', 'team', 'organisation'] as const;

const place = {
  owner: z.enum(OWNERS).default('user').describe('Whose it is.'),
  name: z
    .string()
    .max(256)
    .default('')
    .describe('Name of the user or team; empty: the caller, and for the organisation.'),
  kind: z.enum(['ModelProvider', 'ToolServer']),
  resource: z.string().min(1).max(253).describe('Name of the ModelProvider or ToolServer.'),
};

const credentialSchema = z
  .object({
    owner: z.enum(OWNERS),
    name: z.string(),
    kind: z.string(),
    resource: z.string(),
    reference: z.string().describe('As records name it; says nothing of the value.'),
    origin: z.string().describe('The only host that it is sent to.'),
    usable: z.boolean().describe('False: the resource is elsewhere now, or takes none of this owner.'),
    changedAt: fields.time,
    changedBy: z.string(),
  })
  .meta({ id: 'Credential' });

const accessibleSchema = z
  .object({
    kind: z.string(),
    resource: z.string(),
    order: z.array(z.string()).describe('Whose credentials it uses, the first that has one.'),
    reference: z.string().nullable().describe('What the caller would use now; null: none.'),
    owner: z.enum(OWNERS).nullable(),
    name: z.string().nullable(),
  })
  .meta({ id: 'AccessibleCredential' });

type Place = { owner: (typeof OWNERS)[number]; name: string };

/** Keys of providers and tool servers that people put in: values go in and never come out. */
export function credentialRoutes({ owned }: Pick<Clients, 'owned'>, recorded: Recorded): Route[] {
  return [
    defineRoute({
      method: 'get',
      path: '/credentials',
      operationId: 'listCredentials',
      summary: 'Credentials that were put in, by reference: of a Member their own and of teams that they own.',
      roles: ['Member', 'Auditor', 'Admin'],
      query: z.strictObject(pageQuery),
      status: 200,
      response: pageOf(credentialSchema).meta({ id: 'CredentialPage' }),
      async handle({ caller, query, patience }) {
        const owners = caller.role === 'Member' ? ownOwners(caller) : [];
        // Nobody's, and no owner stands for all owners.
        if (caller.role === 'Member' && owners.length === 0) return { items: [], nextPageToken: null };
        const { tenant } = caller.principal;
        const answer = await owned.listOwned({ tenant, owners, ...query }, patience);
        return { items: answer.credentials.map(credentialView), nextPageToken: answer.nextPageToken || null };
      },
    }),
    defineRoute({
      method: 'get',
      path: '/credentials/accessible',
      operationId: 'listAccessibleCredentials',
      summary: 'What the caller would use at each provider and tool server that takes keys of people, by reference.',
      roles: ['Member', 'Auditor', 'Admin'],
      status: 200,
      response: z.object({ items: z.array(accessibleSchema) }).meta({ id: 'AccessibleCredentials' }),
      async handle({ caller, patience }) {
        const { resources } = await owned.listAccessible({ principal: caller.principal }, patience);
        return { items: resources.map(accessibleView) };
      },
    }),
    defineRoute({
      method: 'put',
      path: '/credentials',
      operationId: 'putCredential',
      summary: 'Puts in a credential, bound to the host that the resource has now. It replaces the one before.',
      roles: ['Member', 'Admin'],
      body: z
        .strictObject({ ...place, value: z.string().min(1).max(16_384).describe('Never shown again.') })
        .meta({ id: 'NewCredential' }),
      status: 200,
      response: credentialSchema,
      handle({ caller, body: { value, ...at }, patience }) {
        const { owner, target } = placed(caller, at);
        const { tenant, id: by } = caller.principal;
        return recorded(caller, { action: 'credentials.put', target }, patience, async () => {
          const { kind, resource } = at;
          const { credential } = await owned.putOwned({ tenant, owner, kind, resource, value, by }, patience);
          if (credential === undefined) throw new GatewayError('internal', 'vault answered without a credential.');
          return credentialView(credential);
        });
      },
    }),
    defineRoute({
      method: 'delete',
      path: '/credentials',
      operationId: 'removeCredential',
      summary: 'Takes a credential away; every replica follows within a second.',
      roles: ['Member', 'Admin'],
      query: z.strictObject(place),
      status: 204,
      response: z.undefined(),
      handle({ caller, query: at, patience }) {
        const { owner, target } = placed(caller, at);
        const { tenant } = caller.principal;
        return recorded(caller, { action: 'credentials.remove', target }, patience, async () => {
          const { kind, resource } = at;
          const { removed } = await owned.removeOwned({ tenant, owner, kind, resource }, patience);
          if (!removed) throw new GatewayError('not_found', 'There is no such credential.');
          return undefined;
        });
      },
    }),
  ];
}

/** Owners of whom a Member may see and change credentials: themselves, and teams that they own. */
export function ownOwners({ principal: { user, ownedTeams } }: Caller): { kind: string; name: string }[] {
  const own = user === '' ? [] : [{ kind: 'user', name: user }];
  return [...own, ...ownedTeams.map((name) => ({ kind: 'team', name }))];
}

/** Whose credential is meant. Throws `permission_denied` where it is not the caller's to change. */
function placed(caller: Caller, { owner: kind, name: given, ...at }: Place & { kind: string; resource: string }) {
  const name = given === '' && kind === 'user' ? caller.principal.user : given;
  if ((kind === 'organisation') !== (name === '')) {
    throw new GatewayError('invalid_request', 'Name the user or team; the organisation has no name.');
  }
  const own = ownOwners(caller).some((one) => one.kind === kind && one.name === name);
  if (!own && caller.role !== 'Admin') {
    throw new GatewayError('permission_denied', 'This needs the role Admin, or to be the owner.');
  }
  const owner = { kind, name };
  return { owner, target: { kind: at.kind, name: at.resource, owner: name === '' ? kind : `${kind}:${name}` } };
}

function credentialView({ owner, kind, resource, reference, origin, usable, changedAtMs, changedBy }: OwnedCredential) {
  return { ...ownerView(owner), kind, resource, reference, origin, usable, changedAt: timeOf(changedAtMs), changedBy };
}

function accessibleView({ kind, resource, order, reference, owner }: Accessible) {
  const whose = owner === undefined ? { owner: null, name: null } : ownerView(owner);
  return { kind, resource, order, reference: reference || null, ...whose };
}

function ownerView(owner: Owner | undefined): Place {
  const kind = OWNERS.find((one) => one === owner?.kind);
  if (kind === undefined) throw new GatewayError('internal', 'vault answered with an owner of no kind.');
  return { owner: kind, name: owner?.name ?? '' };
}
