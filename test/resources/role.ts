import type { KubeApi } from '@sallyport/chassis/kube/api';
import { group, kinds } from '@sallyport/custom-resources';

const plurals = Object.values(kinds).map(({ plural }) => plural);

/** All that the operator may do in a namespace that it watches. The chart grants the same. */
export const rules = [
  { apiGroups: [group], resources: plurals, verbs: ['get', 'list', 'watch'] },
  {
    apiGroups: [group],
    resources: plurals.map((plural) => `${plural}/status`),
    verbs: ['patch'],
  },
  { apiGroups: [''], resources: ['secrets'], verbs: ['get', 'watch', 'create', 'patch'] },
  { apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'watch'] },
  { apiGroups: ['events.k8s.io'], resources: ['events'], verbs: ['create'] },
  { apiGroups: ['authorization.k8s.io'], resources: ['localsubjectaccessreviews'], verbs: ['create'] },
];

/** What it may do besides where hosted tool servers are enabled. */
export const hostingRules = [
  { apiGroups: ['apps'], resources: ['deployments'], verbs: ['list', 'watch', 'create', 'update', 'delete'] },
  {
    apiGroups: ['networking.k8s.io'],
    resources: ['networkpolicies'],
    verbs: ['list', 'watch', 'create', 'update', 'delete'],
  },
  { apiGroups: [''], resources: ['serviceaccounts'], verbs: ['create', 'patch', 'delete'] },
  { apiGroups: [''], resources: ['pods'], verbs: ['list', 'watch', 'create', 'delete'] },
];

/** Gives the service account of the operator its role in every namespace. */
export async function operatorRole(admin: KubeApi): Promise<void> {
  const path = '/apis/rbac.authorization.k8s.io/v1';
  const apply = (kind: string, plural: string, body: object) =>
    admin.request({
      method: 'PATCH',
      path: `${path}/${plural}/sallyport-operator`,
      query: { fieldManager: 'test', force: true },
      contentType: 'application/apply-patch+yaml',
      body: { apiVersion: 'rbac.authorization.k8s.io/v1', kind, metadata: { name: 'sallyport-operator' }, ...body },
    });
  await apply('ClusterRole', 'clusterroles', { rules: [...rules, ...hostingRules] });
  await apply('ClusterRoleBinding', 'clusterrolebindings', {
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'sallyport-operator' },
    subjects: [
      {
        kind: 'User',
        apiGroup: 'rbac.authorization.k8s.io',
        name: 'system:serviceaccount:sallyport:sallyport-operator',
      },
    ],
  });
}
