import { expect, it } from '@jest/globals';
import { KubeError } from '@sallyport/chassis/kube/api';
import { apiVersion, type Condition } from '@sallyport/custom-resources';
import { accessReview } from '@sallyport/operator/kube/access-review';
import { applyStatus, statusManager } from '@sallyport/operator/kube/apply';
import type { KubeObject } from '@sallyport/operator/kube/informer';
import { leaderElection } from '@sallyport/operator/kube/leader-election';
import { log, operatorDesk, real } from './operator-desk.ts';

real('the operator on a real API server', () => {
  const { admin, api, isBound, undo, namespace, within, run, eventually } = operatorDesk();

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

  it('[openapi:config-map] follows the ConfigMap that a document stands in, with the permissions of its role alone', async () => {
    const ns = await namespace();
    const { write, condition } = within(ns);
    const configMap = (name: string, document: string) =>
      admin.request({
        method: 'PATCH',
        path: `/api/v1/namespaces/${ns}/configmaps/${name}`,
        query: { fieldManager: 'user', force: true },
        contentType: 'application/apply-patch+yaml',
        body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { document } },
      });
    const api = (name: string) => ({
      openApi: { url: 'https://crm.example', configMapRef: { name, key: 'document' } },
    });
    await configMap('there', 'first');
    await write('ToolServer', 'crm', api('there'));
    const { operator, stop } = await run(ns);
    const documents = async ({ publisher }: typeof operator) => {
      for await (const message of publisher.watch(['ToolServer'], AbortSignal.timeout(2_000))) {
        if (message.kind !== 'ToolServer') continue;
        return message.upserts.map(({ specJson }) => JSON.parse(specJson).openApi.document).join();
      }
      return 'nothing';
    };
    await eventually(() => condition('ToolServer', 'crm', 'ResolvedRefs'), 'True Resolved');
    expect(await documents(operator)).toBe('first');
    await configMap('there', 'second');
    await eventually(() => documents(operator), 'second');
    await write('ToolServer', 'crm', api('missing'));
    await eventually(() => condition('ToolServer', 'crm', 'ResolvedRefs'), 'False ConfigMapNotFound');
    await configMap('missing', 'third');
    await eventually(() => condition('ToolServer', 'crm', 'ResolvedRefs'), 'True Resolved');
    await eventually(() => documents(operator), 'third');
    await stop();
    // Another process says nothing before it has read what is referred to.
    const { operator: second } = await run(ns);
    await eventually(() => documents(second), 'third');
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
    if (isBound()) await expect(spec).rejects.toBeInstanceOf(KubeError);
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
