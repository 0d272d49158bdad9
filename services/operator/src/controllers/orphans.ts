import { furtherGrantUid, secretKinds, signInGrantUid } from '@sallyport/custom-resources';
import type { Entry } from '../entry.ts';
import type { Departed } from '../source/source.ts';
import { type ControllerContext, peerTimeoutMs } from './controller.ts';

const isSecretKind = (kind: string): kind is (typeof secretKinds)[number] => secretKinds.some((one) => one === kind);

type Context = Pick<ControllerContext, 'source' | 'clients'>;

const pageSize = 500;

/** Live keys at identity whose VirtualKey is gone, of all tenants in sight: also of those that have no resource left. */
export async function orphanedKeys({ source, clients }: Context, signal: AbortSignal): Promise<Departed[]> {
  const found: Departed[] = [];
  let pageToken = '';
  do {
    const page = await clients.keys.listOwned({ pageSize, pageToken }, { timeoutMs: peerTimeoutMs, signal });
    pageToken = page.nextPageToken;
    for (const { tenant, resourceUid: uid, name } of page.keys) {
      // A resource of the same name takes the key over when it is handed to identity.
      if (!source.covers(tenant) || source.get('VirtualKey', tenant, name) !== undefined) continue;
      found.push({ kind: 'VirtualKey', tenant, name, uid });
    }
  } while (pageToken !== '');
  return found;
}

/** Grants at vault whose resource is gone, of all tenants in sight. One of the same name is another resource. */
export async function orphanedGrants({ source, clients }: Context, signal: AbortSignal): Promise<Departed[]> {
  const found: Departed[] = [];
  let pageToken = '';
  do {
    const page = await clients.secrets.listGrants({ pageSize, pageToken }, { timeoutMs: peerTimeoutMs, signal });
    pageToken = page.nextPageToken;
    for (const { tenant, kind, uid, name } of page.grants) {
      if (kind === 'VirtualKey' || !isSecretKind(kind) || !source.covers(tenant)) continue;
      // A second grant of a resource stands under its UID and a word after a slash.
      const resource = source.get(kind, tenant, name);
      if (resource === undefined || resource.uid !== uid.split('/')[0] || isUnwanted(resource, uid))
        found.push({ kind, tenant, name, uid });
    }
  } while (pageToken !== '');
  return found;
}

/** Sign-ins and further keys that are not to be kept any more, whatever was asked for while nobody looked. */
function isUnwanted({ kind, uid, parsed }: Entry, grantUid: string): boolean {
  if (kind === 'ModelProvider' && grantUid !== uid && parsed.ok) {
    const further = parsed.value.spec.credentials?.furtherSecretRefs ?? [];
    return !further.some((ref) => furtherGrantUid(uid, ref) === grantUid);
  }
  if (kind !== 'IdentityProvider' || grantUid !== signInGrantUid(uid) || !parsed.ok) return false;
  return parsed.value.spec.client?.keepGrant !== true;
}
