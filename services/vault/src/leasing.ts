import { GatewayError } from '@sallyport/chassis/errors';
import type { Logger } from '@sallyport/chassis/log';
import type { Access } from './access-log.ts';
import { checkedRef, checkedTenant, sameRef } from './custody.ts';
import { type Envelope, type Place, secretPlace } from './envelope.ts';
import { originsOf } from './origin.ts';
import type { RecordedActor } from './outbox.ts';
import { chosenCredential, ownedPlace, ownedReference, ownersOf, ownerText } from './owner.ts';
import type { GrantRecord, SecretRef, VaultStore, VaultTransaction, WrappedKey } from './vault-store.ts';

/** Who may lease for which kind of resource: nobody else gets a value out. */
export const KINDS_OF_CALLER: Readonly<Record<string, readonly string[]>> = {
  'model-proxy': ['ModelProvider'],
  'mcp-broker': ['ToolServer'],
  identity: ['IdentityProvider', 'Client'],
};

const MISSING_SECRET = 'The Secret that holds this credential is missing or has no such key.';

/** A request for a lease. */
export interface LeaseWanted {
  readonly tenant: string;
  readonly ref: SecretRef | undefined;
  readonly kind: string;
  readonly uid: string;
  readonly origin: string;
  /** For whom the credential is used; undefined for probes on nobody's behalf. */
  readonly principal: LeasePrincipal | undefined;
  /** Reference of a lease that the upstream refused; '' for none. */
  readonly refused?: string;
}

/** What leasing needs to know of a principal. */
export interface LeasePrincipal {
  readonly tenant: string;
  readonly id: string;
  readonly user: string;
  readonly teams: readonly string[];
  /** When the person took over the name of somebody who went, epoch ms. */
  readonly userSinceMs?: number;
  readonly keyId: string;
  readonly client?: string;
  readonly sessionId?: string;
  /** Who acts for the person, nearest first. */
  readonly actors?: readonly { readonly id: string; readonly client: string }[];
}

/** A value for a short time. */
export interface Lease {
  readonly value: string;
  /** Names secret or owner, and revision; says nothing of the value. */
  readonly reference: string;
  /** Whose it is, as `ownerText` writes it. */
  readonly owner: string;
  /** Scopes of a token; empty for what is none. */
  readonly scopes: readonly string[];
  readonly leaseTtlMs: number;
}

/** Gives a value out to the caller that is named by its certificate. */
export type LeaseCredential = (caller: string, wanted: LeaseWanted) => Promise<Lease>;

/** What leasing works on; `onLease` is told of each lease, so that who had what can be written in batches. */
export interface LeasingOptions {
  readonly store: Pick<VaultStore, 'inTenant'>;
  readonly envelope: Envelope;
  readonly leaseTtlMs: number;
  readonly log: Logger;
  readonly onLease: (access: Access) => void;
  /** Gives out tokens for resources that have them by OAuth. */
  readonly leaseToken: LeaseToken;
}

/** A token for a resource whose grant has `auth`. */
export type LeaseToken = (
  tenant: string,
  grant: GrantRecord,
  wanted: LeaseWanted,
) => Promise<Omit<Lease, 'leaseTtlMs'> & { readonly expiresAtMs: number | undefined }>;

/**
 * Makes the leasing. A missing grant, another secret, another origin and another tenant are refused alike with
 * `permission_denied`; the log says which. A granted credential without a value is `upstream_credentials`.
 */
export function createLeasing(options: LeasingOptions): LeaseCredential {
  const { store, envelope, leaseTtlMs, log, onLease, leaseToken } = options;
  return async (caller, wanted) => {
    const ref = wanted.ref === undefined ? undefined : checkedRef(wanted.ref);
    const tenant = checkedTenant(wanted.tenant);
    const { kind, uid, principal } = wanted;
    const facts = { caller, tenant, kind, uid, ...(ref === undefined ? {} : { ref: `${ref.name}/${ref.key}` }) };
    const refuse = (why: string): never => {
      log.warn('a lease was refused', { ...facts, why });
      throw new GatewayError('permission_denied', 'This credential is not granted to this resource for this origin.');
    };
    if (!Object.hasOwn(KINDS_OF_CALLER, caller) || !KINDS_OF_CALLER[caller]?.includes(kind)) {
      refuse('kind of another caller');
    }
    if (principal !== undefined && principal.tenant !== tenant) refuse('principal of another tenant');
    const origin = originsOf(wanted.origin);

    const { grant, found } = await store.inTenant(tenant, async (tx) => {
      const grant = (await tx.grant(kind, uid)) ?? refuse('no grant');
      if (!namesSecret(grant, ref)) refuse('grant of another secret');
      if (origin === undefined || grant.origin !== origin) refuse('another origin');
      return { grant, found: grant.auth === undefined ? await findValue(tx, grant, principal) : undefined };
    });
    const told = (reference: string) => {
      const actor = actorOf(principal, caller);
      onLease({ tenant, caller, actor, kind, uid, resourceName: grant.resourceName, reference });
      log.info('a credential was leased', { caller, tenant, kind, uid, reference });
    };
    if (grant.auth !== undefined) {
      const { expiresAtMs, ...token } = await leaseToken(tenant, grant, wanted);
      told(token.reference);
      // Never longer than the token itself.
      const left = expiresAtMs === undefined ? leaseTtlMs : Math.max(0, expiresAtMs - Date.now());
      return { ...token, leaseTtlMs: Math.min(leaseTtlMs, left) };
    }
    if (found === undefined) {
      log.warn('a grant has no value for this principal', facts);
      throw new GatewayError('upstream_credentials', missingText(grant), {
        details: { missing: grant.owners.length > 0 ? 'key' : 'secret', order: grant.owners },
      });
    }
    const { reference, owner } = found;
    const value = await envelope.open(tenant, found.dataKey, found.place, found.sealed);
    told(reference);
    return { value, reference, owner, scopes: [], leaseTtlMs };
  };
}

/** Whether a caller names the Secret that was granted; one that only vault uses, as an OAuth client, is named by nobody. */
function namesSecret(grant: GrantRecord, ref: SecretRef | undefined): boolean {
  if (grant.auth !== undefined) return ref === undefined;
  return ref === undefined ? grant.ref === undefined : grant.ref !== undefined && sameRef(grant.ref, ref);
}

/** A sealed value with all that opens it. */
interface FoundValue {
  readonly dataKey: WrappedKey;
  readonly place: Place;
  readonly sealed: Uint8Array;
  readonly reference: string;
  readonly owner: string;
}

async function findValue(
  tx: VaultTransaction,
  grant: GrantRecord,
  principal: LeasePrincipal | undefined,
): Promise<FoundValue | undefined> {
  const { kind, uid, ref, origin, owners: order } = grant;
  const owned = await tx.owned(kind, uid, ownersOf(order, principal));
  const chosen = chosenCredential({ order, origin, hasSecret: ref !== undefined }, principal, owned);
  if (chosen?.from === 'owned') {
    const { credential } = chosen;
    const dataKey = await tx.dataKey(credential.dataKeyId);
    if (dataKey === undefined) return undefined;
    const reference = ownedReference(credential);
    const owner = ownerText(credential.owner);
    return { dataKey, place: ownedPlace(credential), sealed: credential.sealed, reference, owner };
  }
  if (chosen === undefined || ref === undefined) return undefined;
  const secret = await tx.secret(ref, false);
  const dataKey = secret === undefined ? undefined : await tx.dataKey(secret.dataKeyId);
  if (secret === undefined || dataKey === undefined) return undefined;
  const reference = `${ref.name}/${ref.key}#${secret.revision}`;
  return { dataKey, place: secretPlace(ref), sealed: secret.sealed, reference, owner: 'organisation' };
}

/**
 * The value of the Secret that a grant names; undefined where it names none. Throws `upstream_credentials` where it names one
 * that is not there: who is to prove themselves by it must not come as a client without a secret.
 */
export async function secretValue(
  { store, envelope }: Pick<LeasingOptions, 'store' | 'envelope'>,
  tenant: string,
  { ref, resourceName }: GrantRecord,
): Promise<string | undefined> {
  if (ref === undefined) return undefined;
  const found = await store.inTenant(tenant, async (tx) => {
    const secret = await tx.secret(ref, false);
    const dataKey = secret === undefined ? undefined : await tx.dataKey(secret.dataKeyId);
    return secret === undefined || dataKey === undefined ? undefined : { secret, dataKey };
  });
  if (found === undefined) throw missingSecret(resourceName);
  return await envelope.open(tenant, found.dataKey, secretPlace(ref), found.secret.sealed);
}

/** The Secret of a resource is not there, or has no such key; `server` the name of the resource. */
export function missingSecret(server: string): GatewayError {
  return new GatewayError('upstream_credentials', MISSING_SECRET, { details: { missing: 'secret', server } });
}

/** Whether the broker itself asks, for tools to list, and no person. */
export function isListing({ id, user }: LeasePrincipal): boolean {
  return id === 'service:mcp-broker' && user === '';
}

function missingText({ owners, kind, resourceName }: GrantRecord): string {
  if (owners.length === 0) return MISSING_SECRET;
  return `Nobody has put in a key for ${kind} ${resourceName} that this principal may use.`;
}

/** Who is recorded to have had a credential: the principal, or the service itself where it asks on nobody's behalf. */
export function actorOf(principal: LeasePrincipal | undefined, caller: string): RecordedActor {
  if (principal === undefined) return { principalId: `service:${caller}` };
  const { id, user, teams, keyId } = principal;
  return { principalKind: id.split(':', 1)[0] ?? '', principalId: id, user, teams, keyId };
}
