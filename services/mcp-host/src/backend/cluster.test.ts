import { describe, expect, it } from '@jest/globals';
import type { KubeRequest } from '@sallyport/chassis/kube/api';
import { createLogger } from '@sallyport/chassis/log';
import { nodeServer } from '../testing/suite.ts';
import { clusterBackend } from './cluster.ts';

const log = createLogger({ service: 'test', level: 'error', write: () => undefined });
const pod = (uid: string, ready = true) => ({
  metadata: { name: `pod-${uid}`, namespace: 'acme', labels: { 'sallyport.dev/tool-server-uid': uid } },
  status: {
    phase: 'Running',
    podIP: '10.0.0.7',
    containerStatuses: [{ name: 'server', ready, state: { running: {} } }],
  },
});

/** A backend over a cluster in which these pods are, and what it was asked. */
function cluster(pods: () => readonly object[]) {
  const asked: KubeRequest[] = [];
  const started: object[] = [];
  const watches: { readonly request: KubeRequest; readonly tell: (type: string, object: object) => void }[] = [];
  const api = {
    async request(request: KubeRequest) {
      asked.push(request);
      return { items: pods() };
    },
    watch: (request: KubeRequest, onLine: (line: string) => void) =>
      new Promise<void>((resolve) => {
        request.signal?.addEventListener('abort', () => resolve());
        watches.push({ request, tell: (type, object) => onLine(JSON.stringify({ type, object })) });
      }),
  };
  const backend = clusterBackend({
    api,
    attach: async () => Promise.reject(new Error('none')),
    pods: {
      async startPod(asked) {
        started.push(asked);
        return { pod: '' } as never;
      },
    },
    log,
  });
  return { asked, started, watches, backend };
}
const overHttp = {
  ...{ tenant: 'acme', name: 'one', uid: 'one', generation: 1, contentHash: '' },
  spec: { ...nodeServer([], { transport: 'Http' }), http: { port: 8000, path: '/mcp' } },
};
const forever = new AbortController().signal;

describe('hosted servers in pods', () => {
  it('[hosted:egress-identity] looks for the pod at an address in the namespace of who says to be it alone', async () => {
    const { asked, backend } = cluster(() => [pod('one')]);
    expect(await backend.atAddress('10.0.0.7', 'acme')).toEqual({ tenant: 'acme', uid: 'one' });
    expect(asked.map(({ path, query }) => [path, query?.fieldSelector])).toEqual([
      ['/api/v1/namespaces/acme/pods', 'status.podIP=10.0.0.7'],
    ]);
  });

  it('[hosted:egress-identity] takes an address that pods of two servers have for nobody’s', async () => {
    expect(await cluster(() => [pod('one'), pod('two')]).backend.atAddress('10.0.0.7', 'acme')).toBeUndefined();
    expect(await cluster(() => [pod('one'), pod('one')]).backend.atAddress('10.0.0.7', 'acme')).toBeDefined();
    expect(await cluster(() => []).backend.atAddress('10.0.0.7', 'acme')).toBeUndefined();
  });

  it('[hosted:bounds] asks the API server once for all calls that wait for a server over HTTP', async () => {
    let ready = false;
    const { asked, backend } = cluster(() => [pod('one', ready)]);
    const leaving = new AbortController();
    const gone = backend.address(overHttp, leaving.signal);
    const waiting = Array.from({ length: 100 }, () => backend.address(overHttp, forever));
    leaving.abort(new Error('left'));
    await expect(gone).rejects.toThrow();
    expect(asked.length).toBe(1);
    ready = true;
    expect(new Set((await Promise.all(waiting)).map(String))).toEqual(new Set(['http://10.0.0.7:8000/mcp']));
    const before = asked.length;
    expect(before).toBeLessThan(20);
  });

  it('[hosted:bounds] asks the API server for no call to a server over HTTP, until its pod changes', async () => {
    const { asked, watches, backend } = cluster(() => [pod('one')]);
    const address = () => backend.address(overHttp, forever).then(String);
    await address();
    await address();
    // Only what the watch confirms stands: what it has not spoken of may have gone in between.
    expect([asked.length, watches.length]).toEqual([2, 1]);
    watches[0]?.tell('ADDED', pod('one'));
    for (let i = 0; i < 100; i++) expect(await address()).toBe('http://10.0.0.7:8000/mcp');
    expect([asked.length, watches.length]).toEqual([2, 1]);
    watches[0]?.tell('MODIFIED', pod('one', false));
    await address();
    expect(asked.length).toBe(3);
    watches[0]?.tell('MODIFIED', pod('one'));
    await address();
    watches[0]?.tell('DELETED', pod('one'));
    await address();
    expect(asked.length).toBe(4);
    watches[0]?.tell('ADDED', pod('one'));
    backend.unreachable(overHttp);
    await address();
    expect(asked.length).toBe(5);
  });

  it('[hosted:per-principal] has the pod of a principal made, and looks for it by a name that nobody else may give', async () => {
    const principal = { id: 'a'.repeat(64), secretKey: 'user.dana', subjects: [] };
    let there: object[] = [];
    const { asked, started, backend } = cluster(() => there);
    const waiting = backend.address({ ...overHttp, principal }, forever);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(started).toEqual([{ tenant: 'acme', uid: 'one', principal: 'a'.repeat(16), secretKey: 'user.dana' }]);
    there = [pod('one')];
    await waiting;
    expect(asked.at(-1)?.query).toEqual({
      labelSelector: `sallyport.dev/tool-server-uid=one,sallyport.dev/principal=${'a'.repeat(16)}`,
      fieldSelector: `metadata.name=sallyport-mcp-one-p${'a'.repeat(16)}`,
    });
    await backend.forget({ ...overHttp, principal });
    expect(asked.at(-1)).toMatchObject({
      method: 'DELETE',
      path: `/api/v1/namespaces/acme/pods/sallyport-mcp-one-p${'a'.repeat(16)}`,
    });
    // The pod that all share is never one of theirs.
    await backend.address(overHttp, forever);
    expect(asked.at(-1)?.query).toEqual({
      labelSelector: 'sallyport.dev/tool-server-uid=one,!sallyport.dev/principal',
    });
  });

  it('[hosted:egress-required] [hosted:status] waits for no pod whose probe holds it up, and makes none again that ended at once', async () => {
    const held = {
      ...pod('one', false),
      status: {
        phase: 'Pending',
        initContainerStatuses: [{ state: { waiting: { reason: 'CrashLoopBackOff' } } }],
        containerStatuses: [{ name: 'server', ready: false, state: { waiting: { reason: 'PodInitializing' } } }],
      },
    };
    await expect(cluster(() => [held]).backend.address(overHttp, forever)).rejects.toThrow('CrashLoopBackOff');
    const principal = { id: 'a'.repeat(64), secretKey: 'user.dana', subjects: [] };
    const ended = { ...pod('one', false), status: { phase: 'Failed' } };
    let there: object[] = [];
    const { started, backend } = cluster(() => there);
    const waiting = backend.address({ ...overHttp, principal }, forever);
    await new Promise((resolve) => setTimeout(resolve, 20));
    there = [ended];
    await expect(waiting).rejects.toThrow('ended at once');
    expect(started).toHaveLength(1);
  });
});
