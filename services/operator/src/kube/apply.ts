import { apiVersion, type Kind, kinds } from '@sallyport/custom-resources';
import type { Entry, Status } from '../entry.ts';
import { type KubeApi, KubeError } from './api.ts';

const applyPatch = 'application/apply-patch+yaml';

/** Who writes, in `managedFields`. */
export const statusManager = 'sallyport-operator-status';
/** Who writes generated Secrets. */
export const secretManager = 'sallyport-operator-keys';

/** Path of the resources of a kind, in one namespace or in all. */
export function pathOf(kind: Kind, namespace?: string): string {
  const scope = namespace === undefined || namespace === '' ? '' : `/namespaces/${namespace}`;
  return `/apis/${apiVersion}${scope}/${kinds[kind].plural}`;
}

/**
 * Writes a status by server-side apply of name and status only, forced, so that every field of it is ours and what is
 * left out goes away. The UID keeps it off another object of the same name. Returns false when the object is gone.
 */
export async function applyStatus(
  api: Pick<KubeApi, 'request'>,
  entry: Pick<Entry, 'kind' | 'tenant' | 'name' | 'uid'>,
  status: Status,
): Promise<boolean> {
  const { kind, tenant, name, uid } = entry;
  try {
    await api.request({
      method: 'PATCH',
      path: `${pathOf(kind, tenant)}/${name}/status`,
      query: { fieldManager: statusManager, force: true },
      contentType: applyPatch,
      body: { apiVersion, kind, metadata: { name, namespace: tenant, uid }, status },
    });
    return true;
  } catch (error) {
    if (error instanceof KubeError && (error.status === 404 || error.status === 409)) return false;
    throw error;
  }
}

/** Creates or updates an object by server-side apply; only the given fields are ours. */
export async function apply(
  api: Pick<KubeApi, 'request'>,
  path: string,
  body: object,
  fieldManager: string,
): Promise<void> {
  await api.request({ method: 'PATCH', path, query: { fieldManager, force: true }, contentType: applyPatch, body });
}
