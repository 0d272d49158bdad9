import { afterEach, describe, expect, it } from '@jest/globals';
import { type KubeApi, KubeError } from '@sallyport/chassis/kube/api';
import { createLogger } from '@sallyport/chassis/log';
import { kubeSource } from './kube.ts';
import type { Source } from './source.ts';

const server = {
  metadata: { name: 'crm', namespace: 'acme', uid: 'u', resourceVersion: '1', generation: 1 },
  spec: { openApi: { url: 'https://crm.example', configMapRef: { name: 'crm-api', key: 'openapi.json' } } },
};
const map = { metadata: { name: 'crm-api', namespace: 'acme', resourceVersion: '1' }, data: { 'openapi.json': '{}' } };
const settled = () => new Promise((resolve) => setTimeout(resolve, 20));

let source: Source;
afterEach(() => source.stop?.(Date.now() + 1_000));

/** A cluster with one tool server, whose ConfigMap is told when the test says. */
function started() {
  const asked = Promise.withResolvers<unknown>();
  const paths: string[] = [];
  let add: (object: object) => void = () => undefined;
  const api = {
    async request({ path }: { path: string }) {
      paths.push(path);
      if (path.endsWith('/configmaps/slow')) return await new Promise(() => undefined);
      if (path.includes('/configmaps')) return await asked.promise;
      return { items: path.endsWith('/toolservers') ? [server] : [], metadata: { resourceVersion: '1' } };
    },
    watch({ path, signal }: { path: string; signal: AbortSignal }, onLine: (line: string) => void) {
      if (path.endsWith('/toolservers')) add = (object) => onLine(JSON.stringify({ type: 'ADDED', object }));
      return new Promise<void>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    },
  } as unknown as KubeApi;
  const events = { emit: () => undefined } as never;
  source = kubeSource({ api, events, watchNamespaces: ['acme'], log: createLogger({ service: 't', level: 'error' }) });
  source.start?.();
  return { asked, paths, add: (object: object) => add(object) };
}

describe('a ConfigMap that a resource of a cluster refers to', () => {
  it('[openapi:config-map] is read by its name before anything is said of what is there', async () => {
    const { asked, paths } = started();
    await settled();
    expect(source.synced()).toBe(false);
    const told: string[] = [];
    source.onChange(({ of, name }) => told.push(`${of} ${name}`));
    asked.resolve(map);
    await settled();
    expect([source.synced(), told]).toEqual([true, ['configMap crm-api']]);
    expect(source.configMap('acme', 'crm-api')?.data.get('openapi.json')).toBe('{}');
    expect(source.configMap('other', 'crm-api')).toBeUndefined();
    expect(paths.filter((path) => path.includes('configmaps'))).toEqual(['/api/v1/namespaces/acme/configmaps/crm-api']);
  });

  it('[openapi:config-map] holds up nothing once all was read: who adds a server would hold up what all others change', async () => {
    const { asked, add, paths } = started();
    asked.resolve(map);
    await settled();
    expect(source.synced()).toBe(true);
    const more = { openApi: { url: 'https://crm.example', configMapRef: { name: 'slow', key: 'openapi.json' } } };
    add({ metadata: { ...server.metadata, name: 'other', uid: 'v', resourceVersion: '2' }, spec: more });
    await settled();
    expect(paths.at(-1)).toBe('/api/v1/namespaces/acme/configmaps/slow');
    expect(source.synced()).toBe(true);
  });

  it('[openapi:config-map] holds up nothing else where it may not be read', async () => {
    const { asked } = started();
    asked.reject(new KubeError(403, 'Forbidden', 'no'));
    await settled();
    expect([source.synced(), source.configMap('acme', 'crm-api')]).toEqual([true, undefined]);
  });
});
