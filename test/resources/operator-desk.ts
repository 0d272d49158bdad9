import { afterAll, afterEach, beforeAll, describe, expect } from '@jest/globals';
import { type KubeApi, kubeApi } from '@sallyport/chassis/kube/api';
import { createLogger } from '@sallyport/chassis/log';
import { createMetrics } from '@sallyport/chassis/metrics';
import { apiVersion, type Condition, findCondition, type Kind, kinds } from '@sallyport/custom-resources';
import { clusterHosting } from '@sallyport/operator/hosting/cluster';
import { eventRecorder } from '@sallyport/operator/kube/events';
import type { KubeObject } from '@sallyport/operator/kube/informer';
import { operatorMetrics } from '@sallyport/operator/metrics';
import { createOperator } from '@sallyport/operator/operator';
import { kubeSource } from '@sallyport/operator/source/kube';
import { fakePeers } from '@sallyport/operator/testing/fake-peers';
import { helm } from '../chart/helm.ts';
import { type ApiServer, apiServerPlace } from './api-server.ts';
import { applyAdmission } from './chart-objects.ts';
import { installCrds } from './crds.ts';
import { operatorRole } from './role.ts';

const place = apiServerPlace();
/** Tests that need an API server, which are skipped where there is none. */
export const real = place === undefined ? describe.skip : describe;
if (place === undefined) console.warn('No API server here (neither $CLUSTER nor KUBECONFIG): its tests are skipped.');
/** Of what the tests start. */
export const log = createLogger({ service: 'test', level: 'error' });

/** An API server with operators on it, for the tests of one `describe`; `api` speaks with the operator's role only. */
export function operatorDesk() {
  let server: ApiServer;
  let operatorApi: KubeApi;
  const admin = later(() => server.api);
  const api = later(() => operatorApi);
  let count = 0;
  const undo: (() => unknown)[] = [];

  beforeAll(async () => {
    server = await (place as NonNullable<typeof place>)();
    await installCrds(admin);
    if (server.operatorKubeconfig !== undefined) await operatorRole(admin);
    // What follows is done under the policies that hold the operator to hosted tool servers.
    if (server.operatorKubeconfig !== undefined && helm !== undefined) await applyAdmission(admin);
    operatorApi = server.operatorKubeconfig === undefined ? admin : kubeApi(server.operatorKubeconfig);
  }, 120_000);
  afterEach(async () => {
    for (const step of undo.splice(0).reverse()) await step();
  });
  afterAll(() => server?.stop());

  const namespace = async () => {
    const name = `test-${process.pid}-${++count}`;
    await admin.request({ method: 'POST', path: '/api/v1/namespaces', body: { metadata: { name } } });
    undo.push(() => admin.request({ method: 'DELETE', path: `/api/v1/namespaces/${name}` }));
    return name;
  };
  const within = (ns: string) => {
    const path = (kind: Kind) => `/apis/${apiVersion}/namespaces/${ns}/${kinds[kind].plural}`;
    const write = (kind: Kind, name: string, spec: unknown, annotations?: Record<string, string>) =>
      admin.request({
        method: 'PATCH',
        path: `${path(kind)}/${name}`,
        query: { fieldManager: 'user', force: true },
        contentType: 'application/apply-patch+yaml',
        body: { apiVersion, kind, metadata: { name, annotations }, spec },
      });
    const secret = (name: string, stringData: Record<string, string>) =>
      admin.request({
        method: 'PATCH',
        path: `/api/v1/namespaces/${ns}/secrets/${name}`,
        query: { fieldManager: 'user', force: true },
        contentType: 'application/apply-patch+yaml',
        body: { apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData },
      });
    const read = async (kind: Kind, name: string) =>
      (await admin.request({ path: `${path(kind)}/${name}` })) as KubeObject;
    const condition = async (kind: Kind, name: string, type: string) => {
      const status = (await read(kind, name)).status as { conditions?: Condition[] } | undefined;
      const found = findCondition(status?.conditions, type);
      return found === undefined ? 'none' : `${found.status} ${found.reason}`;
    };
    const remove = (kind: Kind, name: string) => admin.request({ method: 'DELETE', path: `${path(kind)}/${name}` });
    return { path, write, secret, read, condition, remove };
  };
  const run = async (ns: string) => {
    const peers = await fakePeers();
    undo.push(() => peers.close());
    const events = eventRecorder({ api, instance: 'test', log });
    const source = kubeSource({ api, events, watchNamespaces: [ns], log });
    const metrics = operatorMetrics(createMetrics('operator', { defaults: false }));
    const labels = { proxyLabels: { app: 'egress-proxy' }, hostLabels: { app: 'mcp-host' } };
    const hosting = clusterHosting({
      api,
      watchNamespaces: [ns],
      facts: {
        image: 'sallyport:1',
        imagePullPolicy: 'Never',
        namespace: 'gate',
        egressKey: 'k'.repeat(48),
        requireEgressEnforced: false,
        ...labels,
      },
      proxy: { host: 'egress-proxy', port: 3128 },
      maxPerNamespace: 1,
      max: { cpu: '1', memory: '512Mi', storage: '1Gi', podsPerNamespace: 3 },
      log,
      resolve: async () => '10.96.0.7',
    });
    const operator = createOperator({ source, clients: peers.clients, hosting, log, metrics });
    operator.start?.();
    await source.start?.();
    hosting.start?.();
    await operator.lead(true);
    const stop = async () => {
      await operator.stop?.(0);
      await hosting.stop?.(0);
      await source.stop?.(0);
    };
    undo.push(stop);
    return { peers, source, operator, hosting, stop };
  };
  const eventually = async (what: () => unknown, wanted: unknown) => {
    let last: unknown;
    for (let i = 0; i < 200; i++) {
      last = await what();
      if (last === wanted) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(last).toBe(wanted);
  };

  /** Whether the operator has a service account of its own here. */
  const isBound = () => server.operatorKubeconfig !== undefined;
  return { admin, api, isBound, undo, namespace, within, run, eventually };
}

/** An API that is there by the time that it is asked. */
function later(api: () => KubeApi): KubeApi {
  return { request: (request) => api().request(request), watch: (request, onLine) => api().watch(request, onLine) };
}
