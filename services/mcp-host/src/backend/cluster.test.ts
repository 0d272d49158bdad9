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
  const api = {
    async request(request: KubeRequest) {
      asked.push(request);
      return { items: pods() };
    },
  };
  return { asked, backend: clusterBackend({ api, attach: async () => Promise.reject(new Error('none')), log }) };
}

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
    const spec = { ...nodeServer([], { transport: 'Http' }), http: { port: 8000, path: '/mcp' } };
    const server = { tenant: 'acme', name: 'one', uid: 'one', generation: 1, contentHash: '', spec };
    const leaving = new AbortController();
    const gone = backend.address(server, leaving.signal);
    const waiting = Array.from({ length: 100 }, () => backend.address(server, new AbortController().signal));
    leaving.abort(new Error('left'));
    await expect(gone).rejects.toThrow();
    expect(asked.length).toBe(1);
    ready = true;
    expect(new Set((await Promise.all(waiting)).map(String))).toEqual(new Set(['http://10.0.0.7:8000/mcp']));
    const before = asked.length;
    expect(before).toBeLessThan(20);
    // The next one asks anew: the address may be somebody else's by then.
    await backend.address(server, new AbortController().signal);
    expect(asked.length).toBe(before + 1);
  });
});
