import { expect, it } from '@jest/globals';
import type { KubeObject } from '@sallyport/operator/kube/informer';
import { podService } from '@sallyport/operator/server';
import { operatorDesk, real } from './operator-desk.ts';

real('hosted tool servers on a real API server', () => {
  const { admin, namespace, within, run, eventually } = operatorDesk();
  /** What the collector of garbage does with an object that waits for what it owns. */
  const collected = (path: string) =>
    admin.request({
      method: 'PATCH',
      path,
      contentType: 'application/merge-patch+json',
      body: { metadata: { finalizers: null } },
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
    for (const path of [paths.deployment, paths.account, `/api/v1/namespaces/${ns}/secrets/${name}`]) {
      expect((await get(path)).metadata.ownerReferences[0]).toMatchObject({ kind: 'ToolServer', name: 'jira', uid });
    }
    expect((await get(paths.policy)).metadata.ownerReferences).toBeUndefined();
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
    const isGone = (path: string) =>
      get(path).then(
        ({ metadata }) => metadata.deletionTimestamp !== undefined,
        () => true,
      );
    await eventually(() => isGone(paths.deployment), true);
    await collected(paths.deployment);
    // Its pod is still there.
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect([await isGone(paths.policy), await isGone(paths.account)]).toEqual([false, false]);
    await admin.request({ method: 'DELETE', path: `${pods}/jira-1` });
    for (const path of Object.values(paths)) await eventually(() => isGone(path), true);
  });

  it('[hosted:fence] leaves the fence of a deleted server until its last pod is gone, whichever operator sees it', async () => {
    const ns = await namespace();
    const { write, read, condition, remove } = within(ns);
    const first = await run(ns);
    await write('ToolServer', 'jira', { hosted: { image: 'example.com/jira:1' } });
    await eventually(() => condition('ToolServer', 'jira', 'Deployed'), 'Unknown Starting');
    const { uid } = (await read('ToolServer', 'jira')).metadata;
    const deployment = `/apis/apps/v1/namespaces/${ns}/deployments/sallyport-mcp-${uid}`;
    const pods = `/api/v1/namespaces/${ns}/pods`;
    // biome-ignore lint/suspicious/noExplicitAny: tests look into objects of many kinds
    const { template } = ((await admin.request({ path: deployment })) as any).spec;
    const fence = async () => {
      const path = `/apis/networking.k8s.io/v1/namespaces/${ns}/networkpolicies`;
      return ((await admin.request({ path })) as { items: KubeObject[] }).items.length;
    };
    for (const name of ['jira-1', 'jira-2']) {
      const body = { metadata: { name, ...template.metadata }, spec: template.spec };
      await admin.request({ method: 'POST', path: pods, body });
    }
    await remove('ToolServer', 'jira');
    await admin.request({ method: 'DELETE', path: deployment });
    await admin.request({ method: 'DELETE', path: `${pods}/jira-1` });
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await fence()).toBe(1);
    await first.stop();
    await admin.request({ method: 'DELETE', path: `${pods}/jira-2` });
    expect(await fence()).toBe(1);
    await run(ns);
    await eventually(fence, 0);
  }, 60_000);

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
});
