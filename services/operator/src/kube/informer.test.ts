import { describe, expect, it } from '@jest/globals';
import { type KubeApi, KubeError, type KubeRequest } from '@sallyport/chassis/kube/api';
import { createLogger } from '@sallyport/chassis/log';
import { informer, type KubeObject } from './informer.ts';

const log = createLogger({ service: 'test', level: 'error' });
log.warn = () => undefined;

type Watch = { request: KubeRequest; line(type: string, object: unknown): void; end(error?: Error): void };

/** An API server whose lists are given and whose watches the test speaks for. */
function fakeApi(lists: (KubeObject[] | Error)[]) {
  const asked: KubeRequest[] = [];
  const watches: Watch[] = [];
  const api: KubeApi = {
    async request(request) {
      asked.push(request);
      const next = lists.length > 1 ? lists.shift() : lists[0];
      if (next instanceof Error) throw next;
      return { items: next ?? [], metadata: { resourceVersion: '10' } };
    },
    watch(request, onLine) {
      return new Promise((resolve, reject) => {
        request.signal?.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
        watches.push({
          request,
          line: (type, object) => onLine(JSON.stringify({ type, object })),
          end: (error) => (error === undefined ? resolve() : reject(error)),
        });
      });
    },
  };
  return { api, asked, watches };
}

const object = (name: string, resourceVersion: string): KubeObject => ({
  metadata: { name, namespace: 'n', uid: `uid-${name}`, resourceVersion, managedFields: [{}] },
});

async function until(condition: () => boolean) {
  for (let i = 0; i < 3_000 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(condition()).toBe(true);
}

function start(lists: (KubeObject[] | Error)[]) {
  const fake = fakeApi(lists);
  const seen: string[] = [];
  const watching = informer({
    api: fake.api,
    path: '/x',
    log,
    backoffMs: [1, 5],
    onChange: (_, name, now) => seen.push(`${now === undefined ? '-' : '+'}${name}`),
  });
  watching.start();
  return { ...fake, seen, watching };
}

describe('informer', () => {
  it('lists, then watches from the version of the list, and keeps objects without managedFields', async () => {
    const { watches, seen, watching } = start([[object('a', '1')]]);
    await until(() => watches.length === 1);
    expect(watching.synced()).toBe(true);
    expect(watches[0]?.request.query).toMatchObject({ resourceVersion: '10', allowWatchBookmarks: true });
    watches[0]?.line('ADDED', object('b', '11'));
    watches[0]?.line('MODIFIED', object('a', '12'));
    watches[0]?.line('DELETED', object('b', '13'));
    watches[0]?.line('BOOKMARK', { metadata: { resourceVersion: '20' } });
    expect(seen).toEqual(['+a', '+b', '+a', '-b']);
    expect(watching.list().map(({ metadata }) => metadata.managedFields)).toEqual([undefined]);
    watches[0]?.end();
    await until(() => watches.length === 2);
    expect(watches[1]?.request.query).toMatchObject({ resourceVersion: '20' });
    await watching.stop();
  });

  it('lists anew when its version is too old, and notices what went meanwhile', async () => {
    const { watches, asked, seen, watching } = start([[object('a', '1'), object('b', '1')], [object('a', '1')]]);
    await until(() => watches.length === 1);
    watches[0]?.line('ERROR', { code: 410, message: 'too old' });
    watches[0]?.end();
    await until(() => watches.length === 2);
    expect(asked.length).toBe(2);
    expect(seen).toEqual(['+a', '+b', '-b']);
    await watching.stop();
  });

  it('goes on after lost connections and refusals, and is not synced before the first list', async () => {
    const { watches, asked, watching } = start([
      new KubeError(403, 'Forbidden', 'no'),
      new Error('reset'),
      [object('a', '1')],
    ]);
    expect(watching.synced()).toBe(false);
    await until(() => watches.length === 1);
    expect(asked.length).toBe(3);
    watches[0]?.end(new Error('reset'));
    await until(() => watches.length === 2);
    expect(asked.length).toBe(3);
    await watching.stop();
  });
});
