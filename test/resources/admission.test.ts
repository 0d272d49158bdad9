import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type KubeApi, KubeError, type KubeRequest, kubeApi } from '@sallyport/chassis/kube/api';
import { helm } from '../chart/helm.ts';
import { type ApiServer, apiServerPlace } from './api-server.ts';
import { applyAdmission, applyTemplate } from './chart-objects.ts';
import { operatorRole } from './role.ts';

const place = helm === undefined ? undefined : apiServerPlace();
const real = place === undefined ? describe.skip : describe;

const UID = '11111111-1111-4111-8111-111111111111';
const OURS = `sallyport-mcp-${UID}`;
const labels = { 'sallyport.dev/hosted': 'true', 'sallyport.dev/tool-server-uid': UID };
const owner = { apiVersion: 'sallyport.dev/v1alpha1', kind: 'ToolServer', name: 'jira', uid: UID, controller: true };
const metadata = { name: OURS, labels, ownerReferences: [owner] };
const podSpec = {
  serviceAccountName: OURS,
  automountServiceAccountToken: false,
  containers: [{ name: 'server', image: 'x' }],
};
const pods = '/api/v1/namespaces/default/pods';
const deployments = '/apis/apps/v1/namespaces/default/deployments';
const deployment = (more: object = {}, spec: object = {}) => ({
  metadata: { ...metadata, ...more },
  spec: {
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { ...podSpec, ...spec } },
  },
});

real('the admission policies of hosted tool servers on a real API server', () => {
  let server: ApiServer;
  let host: KubeApi;
  let operator: KubeApi;
  const post = (api: KubeApi, path: string, body: object) => api.request({ method: 'POST', path, body });
  /** What was said: `done`, or why not. */
  const said = (api: KubeApi, request: KubeRequest) =>
    api.request(request).then(
      () => 'done',
      (error: unknown) => (error instanceof KubeError ? error.message : String(error)),
    );

  beforeAll(async () => {
    server = await (place as NonNullable<typeof place>)();
    await operatorRole(server.api);
    await applyTemplate(server.api, 'templates/mcp-host/rbac.yaml');
    host = kubeApi(server.hostKubeconfig as string);
    operator = kubeApi(server.operatorKubeconfig as string);
    await post(server.api, pods, { metadata: { name: 'vault-0' }, spec: podSpec });
    // A pod of the release itself, whose name begins like ours.
    await post(server.api, pods, { metadata: { name: 'sallyport-mcp-broker-0', labels }, spec: podSpec });
    await post(server.api, pods, { metadata: { ...metadata, name: `${OURS}-7d4b-x` }, spec: podSpec });
    // One that stood there before there were policies.
    await post(server.api, pods, { metadata: { name: `${OURS}-old` }, spec: podSpec });
    for (const name of ['vault', OURS]) await post(server.api, deployments, deployment({ name }));
    await applyAdmission(server.api);
  }, 120_000);
  afterAll(() => server?.stop());

  it('[hosted:admission] let mcp-host attach to and delete pods of hosted servers alone, whatever its role says', async () => {
    const attach = (name: string) =>
      said(host, { method: 'POST', path: `${pods}/${name}/attach`, query: { container: 'server', stdin: 'true' } });
    expect(await attach('vault-0')).toContain('takes hold of pods of hosted tool servers alone');
    expect(await attach('sallyport-mcp-broker-0')).toContain('takes hold of pods of hosted tool servers alone');
    // It has no node here; that it was asked for one means that it was let through.
    expect(await attach(`${OURS}-7d4b-x`)).toMatch(/does not have a host assigned/);
    const remove = (name: string) => said(host, { method: 'DELETE', path: `${pods}/${name}` });
    expect(await remove('vault-0')).toContain('hosted tool servers alone');
    expect(await remove(`${OURS}-old`)).toContain('deletes pods of hosted tool servers alone');
    expect(await remove(`${OURS}-7d4b-x`)).toBe('done');
  });

  it('[hosted:admission] let mcp-host scale Deployments of hosted servers alone', async () => {
    const scale = (name: string) =>
      said(host, {
        method: 'PATCH',
        path: `${deployments}/${name}/scale`,
        contentType: 'application/merge-patch+json',
        body: { spec: { replicas: 0 } },
      });
    expect(await scale('vault')).toContain('scales Deployments of hosted tool servers alone');
    expect(await scale(OURS)).toBe('done');
  });

  it('[hosted:admission] let nobody give the name of such a pod to another', async () => {
    const make = (body: object) => said(server.api, { method: 'POST', path: pods, query: { dryRun: 'All' }, body });
    expect(await make({ metadata: { name: `${OURS}-mine` }, spec: podSpec })).toContain('marked as such');
    expect(await make({ metadata: { generateName: `${OURS}-`, labels: { a: 'b' } }, spec: podSpec })).toContain(
      'marked as such',
    );
    expect(await make({ metadata: { ...metadata, name: `${OURS}-mine` }, spec: podSpec })).toBe('done');
    expect(await make({ metadata: { name: 'mine' }, spec: podSpec })).toBe('done');
  });

  it('[hosted:admission] let the operator write and delete what belongs to hosted servers alone, and no pods of another kind', async () => {
    const make = (body: object) =>
      said(operator, { method: 'POST', path: deployments, query: { dryRun: 'All' }, body });
    const uid = UID.replaceAll('1', '2');
    const other = { name: `sallyport-mcp-${uid}`, ownerReferences: [{ ...owner, uid }] };
    expect(await make(deployment(other))).toBe('done');
    expect(await make(deployment({ ...other, name: 'mine' }))).toContain('hosted tool servers alone');
    expect(await make(deployment({ ...other, labels: {} }))).toContain('hosted tool servers alone');
    expect(await make(deployment({ name: other.name }))).toContain('belongs to its ToolServer');
    for (const spec of [
      { hostNetwork: true },
      { automountServiceAccountToken: true },
      { serviceAccountName: 'default' },
      { volumes: [{ name: 'node', hostPath: { path: '/' } }] },
    ]) {
      expect(await make(deployment(other, spec))).toContain('no token, no folder and no network of their node');
    }
    const remove = (name: string) => said(operator, { method: 'DELETE', path: `${deployments}/${name}` });
    expect(await remove('vault')).toContain('hosted tool servers alone');
    expect(await remove(OURS)).toBe('done');
  });
});
