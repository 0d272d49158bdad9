import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type KubeApi, KubeError, kubeApi } from '@sallyport/chassis/kube/api';
import { createLogger } from '@sallyport/chassis/log';
import { createMetrics } from '@sallyport/chassis/metrics';
import { apiVersion, type Condition, findCondition, type Kind, kinds } from '@sallyport/custom-resources';
import { clusterHosting } from '@sallyport/operator/hosting/cluster';
import { accessReview } from '@sallyport/operator/kube/access-review';
import { applyStatus, statusManager } from '@sallyport/operator/kube/apply';
import { eventRecorder } from '@sallyport/operator/kube/events';
import type { KubeObject } from '@sallyport/operator/kube/informer';
import { leaderElection } from '@sallyport/operator/kube/leader-election';
import { operatorMetrics } from '@sallyport/operator/metrics';
import { createOperator } from '@sallyport/operator/operator';
import { podService } from '@sallyport/operator/server';
import { kubeSource } from '@sallyport/operator/source/kube';
import { fakePeers } from '@sallyport/operator/testing/fake-peers';
import { helm } from '../chart/helm.ts';
import { type ApiServer, apiServerPlace } from './api-server.ts';
import { applyAdmission } from './chart-objects.ts';
import { installCrds } from './crds.ts';
import { operatorRole } from './role.ts';

const place = apiServerPlace();
const real = place === undefined ? describe.skip : describe;
if (place === undefined) console.warn('No API server here (neither $CLUSTER nor KUBECONFIG): its tests are skipped.');
const log = createLogger({ service: 'test', level: 'error' });

real('the operator on a real API server', () => {
  let server: ApiServer;
  /** Speaks as the operator's service account, with its role only. */
  let api: KubeApi;
  let admin: KubeApi;
  let count = 0;
  const undo: (() => unknown)[] = [];

  beforeAll(async () => {
    server = await (place as NonNullable<typeof place>)();
    admin = server.api;
    await installCrds(admin);
    if (server.operatorKubeconfig !== undefined) await operatorRole(admin);
    // What follows is done under the policies that hold the operator to hosted tool servers.
    if (server.operatorKubeconfig !== undefined && helm !== undefined) await applyAdmission(admin);
    api = server.operatorKubeconfig === undefined ? admin : kubeApi(server.operatorKubeconfig);
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

  it('[resources:access-review] says who may administer a namespace, by RBAC and by the permissions of its role', async () => {
    const ns = await namespace();
    const may = accessReview(api);
    const robot = { user: `system:serviceaccount:${ns}:robot`, groups: ['system:serviceaccounts'] };
    expect(await may(ns, robot)).toBe(false);
    const rbac = (plural: string, body: object) =>
      admin.request({
        method: 'POST',
        path: `/apis/rbac.authorization.k8s.io/v1/namespaces/${ns}/${plural}`,
        body: { apiVersion: 'rbac.authorization.k8s.io/v1', metadata: { name: 'gate-admin' }, ...body },
      });
    const rule = { apiGroups: ['sallyport.dev'], resources: ['virtualkeys'], verbs: ['administer'] };
    await rbac('roles', { kind: 'Role', rules: [rule] });
    await rbac('rolebindings', {
      kind: 'RoleBinding',
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'gate-admin' },
      subjects: [{ kind: 'ServiceAccount', name: 'robot', namespace: ns }],
    });
    await eventually(() => may(ns, robot), true);
    expect(await may(ns, { ...robot, user: `system:serviceaccount:${ns}:other` })).toBe(false);
    expect(await may('default', robot)).toBe(false);
  });

  it('[hosted:reconcile] makes what a hosted server needs, puts right what is changed, tells how it is, and takes it away', async () => {
    const ns = await namespace();
    const { write, read, condition } = within(ns);
    await run(ns);
    await write('ToolServer', 'jira', { hosted: { image: 'example.com/jira:1', egress: ['api.example.com'] } });
    await eventually(() => condition('ToolServer', 'jira', 'Deployed'), 'Unknown Starting');
    const { uid } = (await read('ToolServer', 'jira')).metadata;
    const name = `sallyport-mcp-${uid}`;
    const paths = {
      deployment: `/apis/apps/v1/namespaces/${ns}/deployments/${name}`,
      policy: `/apis/networking.k8s.io/v1/namespaces/${ns}/networkpolicies/${name}`,
      account: `/api/v1/namespaces/${ns}/serviceaccounts/${name}`,
    };
    // biome-ignore lint/suspicious/noExplicitAny: tests look into objects of many kinds
    const get = async (path: string): Promise<any> => await admin.request({ path });
    for (const path of [...Object.values(paths), `/api/v1/namespaces/${ns}/secrets/${name}`]) {
      expect((await get(path)).metadata.ownerReferences[0]).toMatchObject({ kind: 'ToolServer', name: 'jira', uid });
    }
    const merge = (path: string, body: object) =>
      admin.request({ method: 'PATCH', path, contentType: 'application/merge-patch+json', body });
    await merge(paths.deployment, { spec: { replicas: 3, template: { spec: { hostNetwork: true } } } });
    await eventually(async () => (await get(paths.deployment)).spec.template.spec.hostNetwork ?? false, false);
    expect((await get(paths.deployment)).spec.replicas).toBe(1);
    await merge(paths.policy, { spec: { egress: [{}] } });
    await eventually(async () => (await get(paths.policy)).spec.egress[0].ports?.[0].port, 3128);
    await admin.request({ method: 'DELETE', path: paths.deployment });
    await eventually(
      () =>
        get(paths.deployment)
          .then(({ spec }) => spec.replicas)
          .catch(() => 0),
      1,
    );

    const pods = `/api/v1/namespaces/${ns}/pods`;
    const { template } = (await get(paths.deployment)).spec;
    await admin.request({
      method: 'POST',
      path: pods,
      body: { metadata: { name: 'jira-1', ...template.metadata }, spec: template.spec },
    });
    await merge(`${pods}/jira-1/status`, {
      status: {
        initContainerStatuses: [
          {
            ...{ name: 'egress-probe', ready: true, restartCount: 0, image: 'x', imageID: 'x' },
            state: { terminated: { exitCode: 0, message: '{"open":[],"proxy":true}' } },
          },
        ],
        containerStatuses: [
          {
            ...{ name: 'server', ready: false, restartCount: 4, image: 'x', imageID: 'x' },
            state: { waiting: { reason: 'CrashLoopBackOff' } },
            lastState: { terminated: { exitCode: 1, message: 'no such board' } },
          },
        ],
      },
    });
    await eventually(() => condition('ToolServer', 'jira', 'Deployed'), 'False CrashLoopBackOff');
    expect(await condition('ToolServer', 'jira', 'EgressEnforced')).toBe('True Probed');
    expect(await condition('ToolServer', 'jira', 'Ready')).toBe('False CrashLoopBackOff');

    await write('ToolServer', 'second', { hosted: { image: 'example.com/second:1' } });
    await eventually(() => condition('ToolServer', 'second', 'Deployed'), 'False QuotaExceeded');
    await write('ToolServer', 'jira', { remote: { url: 'https://jira.example/mcp' } });
    const gone = (path: string) =>
      get(path).then(
        ({ metadata }) => metadata.deletionTimestamp !== undefined,
        () => true,
      );
    for (const path of Object.values(paths)) await eventually(() => gone(path), true);
  });

  it('[hosted:maximum] [hosted:secrets] does not run what asks for more than it may have, and takes away what runs', async () => {
    const ns = await namespace();
    const { write, condition, secret } = within(ns);
    await run(ns);
    const image = 'example.com/jira:1';
    await write('ToolServer', 'jira', { hosted: { image } });
    await eventually(() => condition('ToolServer', 'jira', 'Deployed'), 'Unknown Starting');
    const deployments = `/apis/apps/v1/namespaces/${ns}/deployments`;
    const left = async () =>
      ((await admin.request({ path: deployments })) as { items: KubeObject[] }).items.filter(
        ({ metadata }) => metadata.deletionTimestamp === undefined,
      ).length;
    expect(await left()).toBe(1);
    await write('ToolServer', 'jira', { hosted: { image, resources: { memory: '1Gi' } } });
    await eventually(() => condition('ToolServer', 'jira', 'Deployed'), 'False LimitsExceeded');
    await eventually(() => condition('ToolServer', 'jira', 'Ready'), 'False LimitsExceeded');
    await eventually(left, 0);
    await secret('proxy', { key: 'k' });
    await admin.request({
      method: 'PATCH',
      path: `/api/v1/namespaces/${ns}/secrets/proxy`,
      contentType: 'application/merge-patch+json',
      body: { metadata: { labels: { 'sallyport.dev/hosted': 'true' } } },
    });
    await write('ToolServer', 'jira', {
      hosted: { image, env: [{ name: 'A', secretRef: { name: 'proxy', key: 'key' } }] },
    });
    await eventually(() => condition('ToolServer', 'jira', 'Deployed'), 'False SecretNotAllowed');
  }, 60_000);

  it('[hosted:per-principal] makes a pod for a principal with its own key, no more of them than may be, and drops it when its server changes', async () => {
    const ns = await namespace();
    const { write, read, secret } = within(ns);
    const { source, hosting } = await run(ns);
    await secret('tokens', { lists: 'none', 'user.dana': 'a', 'user.robin': 'b', 'user.kim': 'c' });
    const hosted = {
      image: 'example.com/jira:1',
      isolation: 'PerPrincipal',
      env: [{ name: 'TOKEN', secretRef: { name: 'tokens', key: 'lists' }, perPrincipal: true }],
    };
    await write('ToolServer', 'jira', { hosted });
    const { uid } = (await read('ToolServer', 'jira')).metadata;
    const service = podService(source, hosting);
    const start = (name: string, principal: string) =>
      service
        .startPod({ tenant: ns, uid, principal: principal.repeat(16), secretKey: `user.${name}` } as never, {} as never)
        .then(
          ({ pod }) => pod as string,
          (error: { code: string }) => error.code,
        );
    await eventually(() => start('dana', 'a'), `sallyport-mcp-${uid}-p${'a'.repeat(16)}`);
    expect(await start('nobody', 'b')).toBe('upstream_credentials');
    expect(await start('robin', 'b')).toContain('-pbbbb');
    expect(await start('kim', 'c')).toBe('rate_limited');
    const pods = async () =>
      ((await admin.request({ path: `/api/v1/namespaces/${ns}/pods` })) as { items: KubeObject[] }).items;
    const keys = (await pods()).map(({ spec }) => /"key":"(user\.[a-z]+)"/.exec(JSON.stringify(spec))?.[1]);
    expect(keys.sort()).toEqual(['user.dana', 'user.robin']);
    await write('ToolServer', 'jira', { hosted: { ...hosted, args: ['--other'] } });
    await eventually(async () => (await pods()).length, 0);
  }, 60_000);

  it('[resources:end-to-end] makes resources ready with the permissions of its role alone', async () => {
    const ns = await namespace();
    const { write, secret, read, condition } = within(ns);
    await secret('openai', { key: 'sk-of-the-provider' });
    await write('ModelProvider', 'openai', {
      type: 'openai',
      credentials: { secretRef: { name: 'openai', key: 'key' } },
    });
    await write('Model', 'smart', { targets: [{ provider: 'openai', model: 'gpt' }] });
    await write('AccessPolicy', 'all', { subjects: { everyone: true }, models: ['*'] });
    await write('Limit', 'some', { per: 'Key', requests: 5, window: '1m' });
    await write('ToolPolicy', 'bad', {
      tools: [{ server: 'a', tool: 'b' }],
      calls: [{ name: 'r', when: 'argz.x', action: 'Deny', reason: 'r' }],
    });
    await write('VirtualKey', 'demo', { targetSecret: { name: 'demo-key', key: 'key' } });
    const { peers, operator } = await run(ns);

    for (const [kind, name] of [
      ['ModelProvider', 'openai'],
      ['Model', 'smart'],
      ['AccessPolicy', 'all'],
      ['Limit', 'some'],
      ['VirtualKey', 'demo'],
    ] as const) {
      await eventually(() => condition(kind, name, 'Ready'), 'True Ready');
    }
    await eventually(() => condition('ToolPolicy', 'bad', 'Accepted'), 'False InvalidExpression');
    expect(Object.fromEntries(peers.secrets)).toEqual({ [`${ns}/openai/key`]: 'sk-of-the-provider' });
    expect([...peers.grants.values()]).toEqual(['https://api.openai.com:443']);
    expect(await read('Model', 'smart')).toMatchObject({ status: { liveTargets: 1, observedGeneration: 1 } });

    const generated = (await admin.request({ path: `/api/v1/namespaces/${ns}/secrets/demo-key` })) as KubeObject;
    const key = await read('VirtualKey', 'demo');
    expect(generated.metadata.ownerReferences).toMatchObject([{ kind: 'VirtualKey', uid: key.metadata.uid }]);
    expect(Buffer.from((generated.data as { key: string }).key, 'base64').toString()).toMatch(/^sp_generated_/);
    for await (const message of operator.publisher.watch(['ToolPolicy', 'Model'], AbortSignal.timeout(1000))) {
      // The one that was never good denies what it selects.
      if (message.kind === 'ToolPolicy') {
        expect(message.upserts.map(({ name, specJson }) => [name, JSON.parse(specJson).calls])).toMatchObject([
          ['bad', [{ action: 'Deny' }]],
        ]);
      }
      if (message.kind === 'Model') {
        expect(message.upserts).toMatchObject([{ tenant: ns, name: 'smart' }]);
        break;
      }
    }
    const warned = async () => {
      const list = (await admin.request({ path: `/apis/events.k8s.io/v1/namespaces/${ns}/events` })) as {
        items: KubeObject[];
      };
      return list.items.some((event) => event.type === 'Warning' && event.reason === 'InvalidExpression');
    };
    await eventually(warned, true);
  }, 60_000);

  it('follows Secrets by name, changed URLs and removals', async () => {
    const ns = await namespace();
    const { write, secret, condition, remove } = within(ns);
    const provider = (host: string, annotations?: Record<string, string>) =>
      write(
        'ModelProvider',
        'p',
        {
          type: 'openai-compatible',
          baseURL: `https://${host}/v1`,
          credentials: { secretRef: { name: 's', key: 'k' } },
        },
        annotations,
      );
    await provider('a.example');
    await write('VirtualKey', 'k', { secretRef: { name: 'chosen', key: 'k' } });
    const { peers } = await run(ns);
    await eventually(() => condition('ModelProvider', 'p', 'CredentialsValid'), 'False SecretNotFound');
    await secret('s', { k: 'one' });
    await secret('chosen', { k: 'a-value-of-twenty-and-more' });
    await eventually(() => condition('ModelProvider', 'p', 'Ready'), 'True Ready');
    await eventually(() => condition('VirtualKey', 'k', 'Ready'), 'True Ready');
    await secret('s', { k: 'two' });
    await eventually(() => peers.secrets.get(`${ns}/s/k`), 'two');
    await provider('evil.example');
    await eventually(() => condition('ModelProvider', 'p', 'Ready'), 'False OriginChanged');
    expect(peers.grants.size).toBe(0);
    await provider('evil.example', { 'sallyport.dev/grant-origin': 'https://evil.example:443' });
    await eventually(() => condition('ModelProvider', 'p', 'Ready'), 'True Ready');
    await remove('VirtualKey', 'k');
    await remove('ModelProvider', 'p');
    await eventually(() => peers.keys.size + peers.grants.size, 0);
  }, 60_000);

  it('[resources:missed-removal] takes away the key of a resource that went while no operator ran', async () => {
    const ns = await namespace();
    const { write, secret, condition, remove } = within(ns);
    await secret('chosen', { a: 'a-value-of-twenty-and-more', b: 'another-value-of-that-length' });
    await write('VirtualKey', 'gone', { secretRef: { name: 'chosen', key: 'a' } });
    await write('VirtualKey', 'stays', { secretRef: { name: 'chosen', key: 'b' } });
    const first = await run(ns);
    await eventually(() => condition('VirtualKey', 'gone', 'Ready'), 'True Ready');
    await eventually(() => condition('VirtualKey', 'stays', 'Ready'), 'True Ready');
    await first.stop();
    await remove('VirtualKey', 'gone');
    const second = await run(ns);
    for (const [uid, key] of first.peers.keys) second.peers.keys.set(uid, key);
    await eventually(() => [...second.peers.keys.values()].map(({ spec }) => spec?.name).join(), 'stays');
  }, 60_000);

  it('does not write into a Secret that it did not make', async () => {
    const ns = await namespace();
    const { write, secret, condition } = within(ns);
    await secret('mine', { other: 'precious' });
    await write('VirtualKey', 'k', { targetSecret: { name: 'mine', key: 'key' } });
    const { peers } = await run(ns);
    await eventually(() => condition('VirtualKey', 'k', 'Ready'), 'False TargetOccupied');
    expect(peers.keys.size).toBe(0);
  }, 60_000);

  it('[resources:status-apply] writes status by server-side apply, all of it and nothing else', async () => {
    const ns = await namespace();
    const { write, read } = within(ns);
    await write('Limit', 'l', { per: 'Key', requests: 5, window: '1m' });
    const entry = { kind: 'Limit' as const, tenant: ns, name: 'l' };
    const condition: Condition = {
      type: 'Ready',
      status: 'True',
      reason: 'Ready',
      message: '',
      observedGeneration: 1,
      lastTransitionTime: new Date().toISOString(),
    };
    expect(await applyStatus(api, entry, { conditions: [condition], observedGeneration: 1 })).toBe(true);
    const after = await read('Limit', 'l');
    expect(after.status).toMatchObject({ observedGeneration: 1, conditions: [{ type: 'Ready' }] });
    expect(after.metadata.generation).toBe(1);
    expect(after.metadata.managedFields).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ manager: statusManager, operation: 'Apply', subresource: 'status' }),
      ]),
    );
    expect(await applyStatus(api, entry, { observedGeneration: 1 })).toBe(true);
    expect((await read('Limit', 'l')).status).toEqual({ observedGeneration: 1 });
    expect(await applyStatus(api, { ...entry, name: 'none' }, {})).toBe(false);
    const spec = api.request({ method: 'DELETE', path: `/apis/${apiVersion}/namespaces/${ns}/limits/l` });
    if (server.operatorKubeconfig !== undefined) await expect(spec).rejects.toBeInstanceOf(KubeError);
  }, 60_000);

  it('[resources:leader-election] lets one replica lead, and the next when it gives the Lease back', async () => {
    const ns = await namespace();
    const led: string[] = [];
    const candidate = (identity: string) =>
      leaderElection({
        api: admin,
        namespace: ns,
        name: 'operator',
        identity,
        durationMs: 3000,
        renewMs: 2000,
        retryMs: 100,
        onLead: async () => void led.push(identity),
        onRelease: async () => undefined,
        onLost: () => undefined,
        log,
      });
    const [a, b] = [candidate('a'), candidate('b')];
    await a.start?.();
    await eventually(() => led.join(), 'a');
    await b.start?.();
    undo.push(() => b.stop?.(0));
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(led).toEqual(['a']);
    const before = Date.now();
    await a.stop?.(0);
    await eventually(() => led.join(), 'a,b');
    // Given back means at once, not after the 3 s that a silent leader is waited for; but no less than its own word of 1 s.
    expect(Date.now() - before).toBeLessThan(2500);
  }, 60_000);
});
