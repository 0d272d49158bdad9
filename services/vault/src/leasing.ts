import { GatewayError } from '@sallyport/chassis/errors';
import type { Logger } from '@sallyport/chassis/log';
import type { Access } from './access-log.ts';
import { checkedRef, checkedTenant, sameRef } from './custody.ts';
import { type Envelope, secretPlace } from './envelope.ts';
import { originOf } from './origin.ts';
import type { RecordedActor } from './outbox.ts';
import type { SecretRef, VaultStore } from './vault-store.ts';

/** Who may lease for which kind of resource: nobody else gets a value out. */
export const KIND_OF_CALLER: Readonly<Record<string, string>> = {
  'model-proxy': 'ModelProvider',
  'mcp-broker': 'ToolServer',
};

/** A request for a lease. */
export interface LeaseWanted {
  readonly tenant: string;
  readonly ref: SecretRef | undefined;
  readonly kind: string;
  readonly uid: string;
  readonly origin: string;
  /** For whom the credential is used; undefined for probes on nobody's behalf. */
  readonly principal: LeasePrincipal | undefined;
}

/** What leasing needs to know of a principal. */
export interface LeasePrincipal {
  readonly tenant: string;
  readonly id: string;
  readonly user: string;
  readonly teams: readonly string[];
  readonly keyId: string;
}

/** A value for a short time. */
export interface Lease {
  readonly value: string;
  /** Names secret and revision; says nothing of the value. */
  readonly reference: string;
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
}

/**
 * Makes the leasing. A missing grant, another secret, another origin and another tenant are refused alike with
 * `permission_denied`; the log says which. A granted secret without a value is `upstream_credentials`.
 */
export function createLeasing({ store, envelope, leaseTtlMs, log, onLease }: LeasingOptions): LeaseCredential {
  return async (caller, wanted) => {
    const ref = checkedRef(wanted.ref);
    const tenant = checkedTenant(wanted.tenant);
    const { kind, uid } = wanted;
    const facts = { caller, tenant, kind, uid, ref: `${ref.name}/${ref.key}` };
    const refuse = (why: string): never => {
      log.warn('a lease was refused', { ...facts, why });
      throw new GatewayError('permission_denied', 'This credential is not granted to this resource for this origin.');
    };
    if (!Object.hasOwn(KIND_OF_CALLER, caller) || KIND_OF_CALLER[caller] !== kind) refuse('kind of another caller');
    if (wanted.principal !== undefined && wanted.principal.tenant !== tenant) refuse('principal of another tenant');
    const origin = originOf(wanted.origin);

    const found = await store.inTenant(tenant, async (tx) => {
      const grant = await tx.grant(kind, uid);
      if (grant === undefined) return refuse('no grant');
      if (!sameRef(grant.ref, ref)) return refuse('grant of another secret');
      if (origin === undefined || grant.origin !== origin) return refuse('another origin');
      const secret = await tx.secret(ref, false);
      const dataKey = secret === undefined ? undefined : await tx.dataKey(secret.dataKeyId);
      return secret === undefined || dataKey === undefined
        ? undefined
        : { secret, dataKey, resourceName: grant.resourceName };
    });
    if (found === undefined) {
      log.warn('a granted secret has no value', facts);
      throw new GatewayError(
        'upstream_credentials',
        'The Secret that holds this credential is missing or has no such key.',
      );
    }
    const value = await envelope.open(tenant, found.dataKey, secretPlace(ref), found.secret.sealed);
    const reference = `${ref.name}/${ref.key}#${found.secret.revision}`;
    const { resourceName } = found;
    onLease({ tenant, caller, actor: actorOf(wanted.principal, caller), kind, uid, resourceName, reference });
    log.info('a credential was leased', { caller, tenant, kind, uid, reference });
    return { value, reference, leaseTtlMs };
  };
}

/** Who is recorded to have had a credential: the principal, or the service itself where it asks on nobody's behalf. */
function actorOf(principal: LeasePrincipal | undefined, caller: string): RecordedActor {
  if (principal === undefined) return { principalId: `service:${caller}` };
  const { id, user, teams, keyId } = principal;
  return { principalKind: id.split(':', 1)[0] ?? '', principalId: id, user, teams, keyId };
}
