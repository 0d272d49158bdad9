import { GatewayError } from '@sallyport/chassis/errors';
import { isSignInGrant } from '@sallyport/custom-resources/grant-uids';
import { type Envelope, secretPlace } from './envelope.ts';
import { authOf } from './oauth/auth-spec.ts';
import { originsOf } from './origin.ts';
import { recordOf, type WaitingRecord } from './outbox.ts';
import type { GrantRecord, HeldGrant, SecretRef, VaultStore, VaultTransaction, WrappedKey } from './vault-store.ts';

/** Longest value that is taken in, in bytes of UTF-8: what a Kubernetes Secret may hold would not fit a header. */
const MAX_VALUE_BYTES = 64 * 1024;
const MAX_NAME = 253;
const MAX_PAGE = 500;

/** A grant as operator asks for it; `origin` may be any URL of that origin. */
export type GrantWanted = Pick<GrantRecord, 'kind' | 'uid' | 'resourceName' | 'ref' | 'origin'> &
  Partial<Pick<GrantRecord, 'owners' | 'auth' | 'url' | 'allowPrivate'>>;

/** Takes values and grants in. Every change that a lease could outlive is told to all replicas. */
export interface Custody {
  /** Idempotent by `sourceVersion`. */
  put(tenant: string, ref: SecretRef | undefined, value: string, sourceVersion: string): Promise<void>;
  remove(tenant: string, ref: SecretRef | undefined): Promise<void>;
  /** Replaces the resource's earlier grant. */
  grant(tenant: string, wanted: GrantWanted): Promise<void>;
  revokeGrant(tenant: string, kind: string, uid: string): Promise<void>;
  /** Grants over all tenants, page by page. */
  grants(pageSize: number, pageToken: string): Promise<{ grants: HeldGrant[]; nextPageToken: string }>;
}

/** What custody works on. `onNotice` runs after each change, so that the feed looks at once. */
export interface CustodyOptions {
  readonly store: Pick<VaultStore, 'inTenant' | 'grantsAfter'>;
  readonly envelope: Envelope;
  readonly onNotice: () => void;
}

/** Makes the custody that operator drives. */
export function createCustody({ store, envelope, onNotice }: CustodyOptions): Custody {
  const dataKeyOf = async (tx: VaultTransaction, tenant: string): Promise<WrappedKey> =>
    (await tx.newestDataKey()) ?? tx.addDataKey(await envelope.newDataKey(tenant));

  return {
    async put(tenant, given, value, sourceVersion) {
      const ref = checkedRef(given);
      checkValue(value);
      await store.inTenant(checkedTenant(tenant), async (tx) => {
        const held = await tx.secret(ref, true);
        // Touched, so that it is not swept away between this and its grant.
        if (held !== undefined && sourceVersion !== '' && held.sourceVersion === sourceVersion) {
          return tx.touchSecret(ref);
        }
        const key = await dataKeyOf(tx, tenant);
        const sealed = await envelope.seal(tenant, key, secretPlace(ref), value);
        await tx.putSecret({ ref, dataKeyId: key.id, sealed, sourceVersion });
        await tx.notify(ref);
        if (held !== undefined) {
          const named = `${ref.name}/${ref.key}`;
          const change = { before: `${named}#${held.revision}`, after: `${named}#${held.revision + 1}` };
          const actor = { principalId: 'service:operator' };
          await tx.record(recordOf(tenant, { action: 'credentials.renew', target: { secret: named }, change, actor }));
        }
      });
      onNotice();
    },
    async remove(tenant, given) {
      const ref = checkedRef(given);
      await store.inTenant(checkedTenant(tenant), async (tx) => {
        if (await tx.removeSecret(ref)) await tx.notify(ref);
      });
      onNotice();
    },
    async grant(tenant, wanted) {
      const { owners = [], auth, url = '', allowPrivate = false } = wanted;
      // Without a Secret there must be another way to a credential.
      const ref = wanted.ref === undefined && (owners.length > 0 || auth) ? undefined : checkedRef(wanted.ref);
      checkText('kind', wanted.kind);
      checkText('uid', wanted.uid);
      checkText('name', wanted.resourceName);
      const origin = originsOf(wanted.origin);
      if (origin === undefined) throw fault('origin', 'must be an http or https URL');
      const next: GrantRecord = { ...wanted, ref, origin, owners, auth, url, allowPrivate };
      await store.inTenant(checkedTenant(tenant), async (tx) => {
        const held = await tx.grant(next.kind, next.uid);
        if (held !== undefined && sameGrant(held, next)) return;
        await tx.putGrant(next);
        await tell(tx, held, next);
        await tx.record(bindRecord(tenant, held, next));
      });
      onNotice();
    },
    async revokeGrant(tenant, kind, uid) {
      await store.inTenant(checkedTenant(tenant), async (tx) => {
        const held = await tx.grant(kind, uid);
        if (held === undefined) return;
        await tx.removeGrant(kind, uid);
        // Sign-ins that are not to be kept any more are not kept a while longer.
        if (isSignInGrant(uid)) {
          await tx.removeSignIns(uid);
          for (const server of await tx.delegatedBy(authOf(held)?.issuer ?? ''))
            await tx.notifyResource('ToolServer', server);
        }
        await tell(tx, held, undefined);
        await tx.record(bindRecord(tenant, held, undefined));
      });
      onNotice();
    },
    async grants(pageSize, pageToken) {
      const size = Math.min(Math.max(1, pageSize || MAX_PAGE), MAX_PAGE);
      const found = await store.grantsAfter(readToken(pageToken), size + 1);
      const grants = found.slice(0, size);
      const last = grants.at(-1);
      const more = found.length > size && last !== undefined;
      return { grants, nextPageToken: more ? [last.tenant, last.kind, last.uid].join('\n') : '' };
    },
  };
}

// Only what the page before gave: operator hands it back as it is.
function readToken(token: string): Omit<HeldGrant, 'resourceName'> | undefined {
  if (token === '') return undefined;
  const [tenant, kind, uid] = token.split('\n');
  if (tenant === undefined || kind === undefined || uid === undefined) throw fault('page_token', 'is none of ours');
  return { tenant, kind, uid };
}

/** Tells whether two references name the same value. */
export function sameRef(a: SecretRef, b: SecretRef): boolean {
  return a.name === b.name && a.key === b.key;
}

/** A reference with both its parts. Throws `invalid_request`. */
export function checkedRef(ref: SecretRef | undefined): SecretRef {
  if (ref === undefined) throw fault('ref', 'is missing');
  checkText('ref.name', ref.name);
  checkText('ref.key', ref.key);
  return { name: ref.name, key: ref.key };
}

/** A tenant that rows may be kept under; `*` would reach across all. Throws `invalid_request`. */
export function checkedTenant(tenant: string): string {
  if (tenant === '' || tenant === '*') throw fault('tenant', 'is missing');
  return tenant;
}

/** Refuses what no credential can be. Throws `invalid_request`. */
export function checkValue(value: string): void {
  const bytes = Buffer.byteLength(value);
  if (bytes === 0 || bytes > MAX_VALUE_BYTES) throw fault('value', `must have 1 to ${MAX_VALUE_BYTES} bytes`);
}

async function tell(tx: VaultTransaction, before: GrantRecord | undefined, after: GrantRecord | undefined) {
  const refs = [before?.ref, after?.ref].filter((ref) => ref !== undefined);
  const [first, second] = refs;
  if (first !== undefined) await tx.notify(first);
  if (first !== undefined && second !== undefined && !sameRef(first, second)) await tx.notify(second);
  const one = after ?? before;
  const lends = [before, after].some((grant) => grant !== undefined && (grant.owners.length > 0 || grant.auth));
  if (one !== undefined && lends) await tx.notifyResource(one.kind, one.uid);
}

/** The record of what a resource resolves to, before and after, by reference. */
function bindRecord(tenant: string, before: GrantRecord | undefined, after: GrantRecord | undefined): WaitingRecord {
  const { kind, uid, resourceName: name } = (after ?? before) as GrantRecord;
  const told = (grant: GrantRecord | undefined) =>
    grant === undefined
      ? null
      : {
          secret: grant.ref === undefined ? null : `${grant.ref.name}/${grant.ref.key}`,
          origin: grant.origin,
          order: grant.owners,
          auth: (grant.auth as { type?: string } | undefined)?.type ?? null,
        };
  return recordOf(tenant, {
    action: after === undefined ? 'credentials.unbind' : 'credentials.bind',
    target: { kind, name, uid },
    change: { before: told(before), after: told(after) },
    actor: { principalId: 'service:operator' },
  });
}

function sameGrant(a: GrantRecord, b: GrantRecord): boolean {
  const facts = ({ ref, origin, resourceName, owners, auth, url, allowPrivate }: GrantRecord) =>
    JSON.stringify([ref?.name, ref?.key, origin, resourceName, owners, sorted(auth), url, allowPrivate]);
  return facts(a) === facts(b);
}

// The database keeps JSON in an order of its own.
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value ?? null;
  const entries = Object.entries(value).map(([name, member]) => [name, sorted(member)] as const);
  return entries.sort(([a], [b]) => (a < b ? -1 : 1));
}

function checkText(path: string, text: string): void {
  if (text === '' || text.length > MAX_NAME) throw fault(path, `must have 1 to ${MAX_NAME} characters`);
}

function fault(path: string, what: string): GatewayError {
  return new GatewayError('invalid_request', `${path} ${what}.`, { details: { path } });
}
