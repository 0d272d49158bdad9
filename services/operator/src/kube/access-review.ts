import type { KubeApi } from '@sallyport/chassis/kube/api';
import { group, kinds } from '@sallyport/custom-resources';

/** Somebody as the API server names them. */
export interface Subject {
  readonly user: string;
  readonly groups: readonly string[];
}

/** Whether the RBAC of a cluster makes somebody an admin of a tenant. Rejects where it cannot be asked. */
export type MayAdminister = (tenant: string, subject: Subject) => Promise<boolean>;

/**
 * The verb that stands for administration. No request of the API server has it, so it can be granted without anything else:
 * a Role with `administer` on `virtualkeys.sallyport.dev`. The chart gives it to admins of a namespace, who may make keys of
 * role Admin anyway.
 */
export const ADMINISTER = 'administer';

const TIMEOUT_MS = 2_000;

/** Asks the API server by a LocalSubjectAccessReview, which needs no more than a role in the namespaces that are watched. */
export function accessReview(api: Pick<KubeApi, 'request'>): MayAdminister {
  return async (tenant, { user, groups }) => {
    const resource = kinds.VirtualKey.plural;
    const answer = (await api.request({
      method: 'POST',
      path: `/apis/authorization.k8s.io/v1/namespaces/${encodeURIComponent(tenant)}/localsubjectaccessreviews`,
      timeoutMs: TIMEOUT_MS,
      body: {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'LocalSubjectAccessReview',
        metadata: { namespace: tenant },
        spec: { user, groups, resourceAttributes: { namespace: tenant, verb: ADMINISTER, group, resource } },
      },
    })) as { status?: { allowed?: unknown; denied?: unknown } } | undefined;
    return answer?.status?.allowed === true && answer.status.denied !== true;
  };
}
