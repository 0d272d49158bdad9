import { GatewayError } from '@sallyport/chassis/errors';
import { checkedTenant, checkValue } from './custody.ts';
import type { Envelope } from './envelope.ts';
import { recordOf } from './outbox.ts';
import {
  chosenCredential,
  type OwnedCredential,
  type Owner,
  type OwnerPrincipal,
  ownedPlace,
  ownedReference,
  ownersOf,
  ownerText,
  personOf,
} from './owner.ts';
import type { GrantRecord, VaultStore } from './vault-store.ts';

const MAX_PAGE = 200;
/** Resources that one answer about a principal tells of. */
const MAX_RESOURCES = 1_000;

/** A credential somebody put in, as it is told: by reference. */
export interface ListedCredential extends Omit<OwnedCredential, 'sealed' | 'dataKeyId'> {
  readonly reference: string;
  /** False: the resource has another origin now, or takes none of this owner. */
  readonly usable: boolean;
}

/** What a principal would use of a resource. */
export interface AccessibleCredential {
  readonly kind: string;
  readonly resourceName: string;
  readonly order: readonly string[];
  /** Undefined: there is none that this principal could use. */
  readonly used: { readonly reference: string; readonly owner: Owner } | undefined;
}

/** Keeps what people put in. Who may do what is checked by the caller, which knows who is signed in. */
export interface OwnedCredentials {
  /**
   * Binds it to the origin that the resource has now. Throws `not_found` for a resource that is not there, `unsupported`
   * for one that takes none of this owner.
   */
  put(
    tenant: string,
    wanted: { owner: Owner; kind: string; resource: string; value: string; by: string },
  ): Promise<ListedCredential>;
  list(
    tenant: string,
    owners: readonly Owner[],
    pageSize: number,
    pageToken: string,
  ): Promise<{ credentials: ListedCredential[]; nextPageToken: string }>;
  /** False: there was none. */
  remove(tenant: string, owner: Owner, kind: string, resource: string): Promise<boolean>;
  accessible(tenant: string, principal: OwnerPrincipal): Promise<AccessibleCredential[]>;
}

/** Makes it. `onNotice` runs after each change. */
export function createOwnedCredentials({
  store,
  envelope,
  onNotice,
}: {
  readonly store: Pick<VaultStore, 'inTenant'>;
  readonly envelope: Envelope;
  readonly onNotice: () => void;
}): OwnedCredentials {
  return {
    async put(tenant, { owner, kind, resource, value, by }) {
      checkedOwner(owner);
      checkValue(value);
      const listed = await store.inTenant(checkedTenant(tenant), async (tx) => {
        const grant = await tx.grantNamed(kind, resource);
        if (grant === undefined)
          throw new GatewayError('not_found', `There is no ${kind} ${resource} that takes keys.`);
        if (!takes(grant, owner)) {
          throw new GatewayError('unsupported', `${kind} ${resource} takes no key of ${nameOfLevel(owner)}.`);
        }
        const dataKey = (await tx.newestDataKey()) ?? (await tx.addDataKey(await envelope.newDataKey(tenant)));
        const { uid, origin, resourceName } = grant;
        const place = ownedPlace({ owner, kind, uid, origin });
        const sealed = await envelope.seal(tenant, dataKey, place, value);
        const [before] = await tx.owned(kind, uid, [owner]);
        const facts = { owner, kind, uid, resourceName, origin, dataKeyId: dataKey.id, sealed, changedBy: by };
        const after = await tx.putOwned(facts);
        await tx.notifyResource(kind, uid, personOf(owner));
        await tx.record(
          recordOf(tenant, {
            action: 'credentials.put',
            target: { kind, name: resourceName, uid, owner: ownerText(owner) },
            change: {
              before: before === undefined ? null : ownedReference(before),
              after: ownedReference(after),
              origin,
            },
            actor: { principalId: by },
          }),
        );
        return listedOf(after, grant);
      });
      onNotice();
      return listed;
    },
    async list(tenant, owners, pageSize, pageToken) {
      const size = Math.min(Math.max(1, pageSize || MAX_PAGE), MAX_PAGE);
      return await store.inTenant(checkedTenant(tenant), async (tx) => {
        const found = await tx.ownedBy(owners, readToken(pageToken), size + 1);
        const rows = found.slice(0, size);
        const grants = await tx.grantsOf(rows);
        const last = found.length > size ? rows.at(-1) : undefined;
        return {
          credentials: rows.map((row) => listedOf(row, grants.get(row.uid))),
          nextPageToken:
            last === undefined ? '' : JSON.stringify([last.kind, last.uid, last.owner.kind, last.owner.name]),
        };
      });
    },
    async remove(tenant, owner, kind, resource) {
      const removed = await store.inTenant(checkedTenant(tenant), async (tx) => {
        const rows = await tx.removeOwned(checkedOwner(owner), kind, resource);
        for (const row of rows) {
          await tx.notifyResource(kind, row.uid, personOf(owner));
          await tx.record(
            recordOf(tenant, {
              action: 'credentials.remove',
              target: { kind, name: resource, uid: row.uid, owner: ownerText(owner) },
              change: { before: ownedReference(row), after: null },
              actor: { principalId: 'service:console' },
            }),
          );
        }
        return rows.length > 0;
      });
      onNotice();
      return removed;
    },
    accessible: (tenant, principal) =>
      store.inTenant(checkedTenant(tenant), async (tx) => {
        const grants = await tx.lendingGrants(MAX_RESOURCES);
        const everyone = ownersOf(['User', 'Team', 'Organisation'], principal);
        const owned = await tx.ownedBy(everyone, [], MAX_RESOURCES);
        return grants.map((grant) => {
          const { kind, uid, owners: order, origin, ref, resourceName } = grant;
          const here = owned.filter((one) => one.kind === kind && one.uid === uid);
          const chosen = chosenCredential({ order, origin, hasSecret: ref !== undefined }, principal, here);
          const organisation: Owner = { kind: 'organisation', name: '' };
          const used =
            chosen === undefined
              ? undefined
              : chosen.from === 'owned'
                ? { reference: ownedReference(chosen.credential), owner: chosen.credential.owner }
                : { reference: `${ref?.name}/${ref?.key}`, owner: organisation };
          return { kind, resourceName, order, used };
        });
      }),
  };
}

function listedOf(credential: OwnedCredential, grant: GrantRecord | undefined): ListedCredential {
  const { sealed: _sealed, dataKeyId: _dataKeyId, ...told } = credential;
  const usable = grant !== undefined && grant.origin === credential.origin && takes(grant, credential.owner);
  return { ...told, reference: ownedReference(credential), usable };
}

function takes(grant: GrantRecord, { kind }: Owner): boolean {
  return grant.owners.some((level) => level.toLowerCase() === kind);
}

function nameOfLevel({ kind }: Owner): string {
  return kind === 'organisation' ? 'the organisation' : kind === 'team' ? 'a team' : 'a user';
}

/** An owner whose parts fit each other. Throws `invalid_request`. */
export function checkedOwner({ kind, name }: { readonly kind: string; readonly name: string }): Owner {
  const known = kind === 'user' || kind === 'team' || kind === 'organisation';
  if (!known || (kind === 'organisation') !== (name === '') || name.length > 256) {
    throw new GatewayError('invalid_request', 'owner must be a user or team by name, or the organisation.');
  }
  return { kind, name };
}

// Only what the page before gave: console hands it back as it is.
function readToken(token: string): string[] {
  if (token === '') return [];
  try {
    const parts: unknown = JSON.parse(token);
    if (Array.isArray(parts) && parts.length === 4 && parts.every((part) => typeof part === 'string')) return parts;
  } catch {
    // Said below.
  }
  throw new GatewayError('invalid_request', 'page_token is none of ours.');
}
