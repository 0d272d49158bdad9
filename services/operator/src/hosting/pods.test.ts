import { afterEach, describe, expect, it } from '@jest/globals';
import { type KubeApi, KubeError } from '@sallyport/chassis/kube/api';
import { createLogger } from '@sallyport/chassis/log';
import { hostedServer } from '@sallyport/custom-resources/tool-server-hosted';
import type { Entry } from '../entry.ts';
import type { KubeObject } from '../kube/informer.ts';
import { clusterHosting } from './cluster.ts';
import type { Hosting } from './hosting.ts';

const entry = { tenant: 'acme', name: 'jira', uid: '11111111-1111-4111-8111-111111111111' } as Entry<'ToolServer'>;
const of = (name: string): KubeObject => ({
  metadata: {
    ...{ name, namespace: 'acme', uid: name, resourceVersion: '1' },
    labels: { 'sallyport.dev/tool-server-uid': entry.uid },
    annotations: { 'sallyport.dev/tool-server': 'jira' },
  },
});
const fence = of('fence');
const spec = hostedServer.parse({ image: 'example.com/mcp-jira:1', isolation: 'PerPrincipal' });
let hosting: Hosting;
afterEach(() => hosting.stop?.(Date.now() + 1_000));

/** Hosting in a namespace that may have two pods, before an API server that makes none as long as `refuses`. */
function started(there: Record<string, KubeObject[]> = { networkpolicies: [fence] }) {
  const cluster = { made: 0, refuses: false, deleted: [] as string[] };
  const api = {
    async request({ method, path }: { method?: string; path: string }) {
      if (method === 'DELETE') cluster.deleted.push(path.split('/').at(-2) ?? '');
      if (method !== 'POST') {
        return { items: there[path.split('/').at(-1) ?? ''] ?? [], metadata: { resourceVersion: '1' } };
      }
      await new Promise((resolve) => setTimeout(resolve, 5));
      if (cluster.refuses) throw new KubeError(403, 'Forbidden', 'a quota');
      cluster.made++;
      return {};
    },
    watch: ({ signal }: { signal: AbortSignal }) =>
      new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  } as unknown as KubeApi;
  hosting = clusterHosting({
    api,
    watchNamespaces: ['acme'],
    facts: {
      ...{ image: 'example.com/sallyport:1', imagePullPolicy: 'IfNotPresent', namespace: 'gate' },
      ...{ proxyLabels: {}, hostLabels: {}, egressKey: 'k'.repeat(48), requireEgressEnforced: false },
    },
    proxy: { host: 'proxy', port: 3128 },
    maxPerNamespace: 5,
    max: { cpu: '1', memory: '1Gi', storage: '1Gi', podsPerNamespace: 2 },
    log: createLogger({ service: 'test', level: 'error' }),
    resolve: async () => '10.0.0.1',
  });
  hosting.start?.();
  const start = (letter: string) =>
    hosting.startPod(entry, spec, 'v1', { principal: letter.repeat(16), secretKey: letter }).then(
      () => 'made',
      ({ code }: { code: string }) => code,
    );
  return { cluster, start };
}

describe('pods of principals', () => {
  it('[hosted:maximum] are no more than may be when many are asked for at once', async () => {
    const { cluster, start } = started();
    await new Promise((resolve) => setTimeout(resolve, 20));
    const all = await Promise.all(['a', 'b', 'c', 'd'].map(start));
    expect(all).toEqual(['made', 'made', 'rate_limited', 'rate_limited']);
    expect(cluster.made).toBe(2);
  });

  it('[hosted:maximum] do not count that the cluster refused', async () => {
    const { cluster, start } = started();
    await new Promise((resolve) => setTimeout(resolve, 20));
    cluster.refuses = true;
    expect(await Promise.all(['a', 'b'].map(start))).toEqual(['unavailable', 'unavailable']);
    cluster.refuses = false;
    expect(await Promise.all(['c', 'd'].map(start))).toEqual(['made', 'made']);
  });
});

describe('the fence of a hosted server', () => {
  const settled = () => new Promise((resolve) => setTimeout(resolve, 20));
  const uid = 'another';

  it.each([
    ['a Deployment that is not gone', { deployments: [of('jira')] }, ['deployments']],
    ['a pod', { pods: [of('jira-1')] }, []],
    ['nothing', {}, ['networkpolicies', 'serviceaccounts']],
  ])('[hosted:fence] outlives %s', async (_, behind, deleted) => {
    const { cluster } = started({ networkpolicies: [fence], ...behind });
    await settled();
    await hosting.release(entry);
    expect(cluster.deleted).toEqual(deleted);
    cluster.deleted.splice(0);
    await hosting.sweep('acme', 'jira', uid);
    expect(cluster.deleted).toEqual(deleted.filter((one) => one !== 'deployments'));
  });

  it('[hosted:fence] outlives a pod that is not seen yet', async () => {
    const there: Record<string, KubeObject[]> = { networkpolicies: [fence] };
    const { cluster } = started(there);
    await settled();
    there.pods = [of('jira-1')];
    await hosting.release(entry);
    await hosting.sweep('acme', 'jira', uid);
    expect(cluster.deleted).toEqual([]);
  });

  it('[hosted:fence] outlives a pod that is being made, and none is made once it is taken away', async () => {
    const { cluster, start } = started();
    await settled();
    const told: string[] = [];
    hosting.onChange((tenant, name) => told.push(`${tenant}/${name}`));
    const making = start('a');
    await hosting.release(entry);
    expect([cluster.deleted, cluster.made]).toEqual([[], 0]);
    expect([await making, told]).toEqual(['made', ['acme/jira']]);
    await hosting.release(entry);
    expect(cluster.deleted).toEqual(['networkpolicies', 'serviceaccounts']);
    // What is watched does not say so yet.
    expect([await start('b'), cluster.made]).toEqual(['unavailable', 1]);
  });

  it('[hosted:fence] is looked for when there is a leader, and is not that of another resource', async () => {
    const { cluster } = started();
    await settled();
    expect(hosting.fenced()).toEqual([{ tenant: 'acme', name: 'jira' }]);
    await hosting.sweep('acme', 'jira', entry.uid);
    await hosting.sweep('acme', 'other', undefined);
    await hosting.sweep('other', 'jira', undefined);
    expect(cluster.deleted).toEqual([]);
    await hosting.sweep('acme', 'jira', undefined);
    expect(cluster.deleted).toEqual(['networkpolicies', 'serviceaccounts']);
  });
});
