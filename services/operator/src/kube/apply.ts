import { type KubeApi, KubeError } from '@sallyport/chassis/kube/api';
import { apiVersion, type Kind, kinds } from '@sallyport/custom-resources';
import type { Entry, Status } from '../entry.ts';

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
 * left out goes away. Returns false when the object is gone. (A UID here would not be looked at: updates of a status take
 * the metadata that is stored. Another object of the same name gets its own status when its own event comes.)
 */
export async function applyStatus(
  api: Pick<KubeApi, 'request'>,
  entry: Pick<Entry, 'kind' | 'tenant' | 'name'>,
  status: Status,
): Promise<boolean> {
  const { kind, tenant, name } = entry;
  try {
    await api.request({
      method: 'PATCH',
      path: `${pathOf(kind, tenant)}/${name}/status`,
      query: { fieldManager: statusManager, force: true },
      contentType: applyPatch,
      body: { apiVersion, kind, metadata: { name, namespace: tenant }, status },
    });
    return true;
  } catch (error) {
    if (error instanceof KubeError && error.status === 404) return false;
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
