import { setTimeout as pause } from 'node:timers/promises';
import { type KubeApi, KubeError } from '@sallyport/chassis/kube/api';
import { chart, objectsIn, runHelm } from '../chart/helm.ts';

const plurals: Readonly<Record<string, string>> = {
  ClusterRole: 'clusterroles',
  ClusterRoleBinding: 'clusterrolebindings',
  ValidatingAdmissionPolicy: 'validatingadmissionpolicies',
  ValidatingAdmissionPolicyBinding: 'validatingadmissionpolicybindings',
};

/** Applies objects of the cluster that a template of the chart renders for release `sallyport` with hosting enabled. */
export async function applyTemplate(admin: KubeApi, template: string): Promise<void> {
  const set = ['--set', 'toolServers.hosted.enabled=true,postgres.bundled.enabled=true'];
  const args = ['template', 'sallyport', chart, '--namespace', 'sallyport', ...set, '--show-only', template];
  const { code, output } = runHelm(...args);
  if (code !== 0) throw new Error(output);
  for (const object of objectsIn(output)) {
    const plural = plurals[object.kind];
    if (plural === undefined) continue;
    await admin.request({
      method: 'PATCH',
      path: `/apis/${object.apiVersion as string}/${plural}/${object.metadata.name}`,
      query: { fieldManager: 'test', force: true },
      contentType: 'application/apply-patch+yaml',
      body: object,
    });
  }
}

/** Applies the admission policies of hosted tool servers, and waits until the API server goes by them. */
export async function applyAdmission(admin: KubeApi): Promise<void> {
  await applyTemplate(admin, 'templates/mcp-host/admission.yaml');
  const name = 'sallyport-mcp-00000000-0000-4000-8000-000000000000-probe';
  const body = { metadata: { name }, spec: { containers: [{ name: 'server', image: 'x' }] } };
  const refused = () =>
    admin
      .request({ method: 'POST', path: '/api/v1/namespaces/default/pods', query: { dryRun: 'All' }, body })
      .then(() => false)
      .catch((error: unknown) => error instanceof KubeError && error.status === 422);
  for (let left = 300; !(await refused()); left--) {
    if (left === 0) throw new Error('the admission policies did not come into force');
    await pause(100);
  }
}
