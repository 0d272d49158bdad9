import { mkdir, mkdtemp, open as openFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createLogger } from '@sallyport/chassis/log';
import { folderSource } from './folder.ts';
import type { Change } from './source.ts';

const log = createLogger({ service: 'test', level: 'error' });
const undo: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

async function folder() {
  const root = await mkdtemp(join(tmpdir(), 'sallyport-folder-'));
  undo.push(() => rm(root, { recursive: true }));
  const path = join(root, 'resources');
  const generatedDir = join(root, 'generated');
  await mkdir(path);
  const open = async (debounceMs = 5) => {
    const source = folderSource({ path, generatedDir, log, debounceMs, rescanMs: 60_000 });
    const changes: Change[] = [];
    source.onChange((change) => changes.push(change));
    await source.start?.();
    const close = async () => source.stop?.(Date.now() + 1000);
    undo.push(close);
    return { source, changes, close };
  };
  // At once, as `kubectl` or an editor that is careful does; the test of those that are not says so.
  const write = async (name: string, text: string) => {
    await writeFile(join(path, `${name}.new`), text);
    await rename(join(path, `${name}.new`), join(path, name));
  };
  return { path, generatedDir, open, write };
}

const limit = (name: string, requests: number) =>
  `apiVersion: sallyport.dev/v1alpha1\nkind: Limit\nmetadata: {name: ${name}}\nspec: {per: Key, requests: ${requests}, window: 1m}\n`;
const key = `apiVersion: sallyport.dev/v1alpha1\nkind: VirtualKey\nmetadata: {name: demo}\nspec: {targetSecret: {name: demo-key, key: key}}\n`;

async function until(condition: () => boolean) {
  for (let i = 0; i < 1_500 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(condition()).toBe(true);
}

describe('a folder of resources', () => {
  it('reads files in folders below it, with several documents, and Secrets', async () => {
    const { path, write, open } = await folder();
    await mkdir(join(path, 'deep/er'), { recursive: true });
    await write('deep/er/two.yaml', `${limit('a', 1)}---\n${limit('b', 2)}`);
    await write(
      'secret.yml',
      'apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: team}\nstringData: {k: v}\n',
    );
    await write('.hidden.yaml', limit('c', 1));
    const { source } = await open();
    expect(source.synced()).toBe(true);
    expect(source.list('Limit').map(({ name }) => name)).toEqual(['a', 'b']);
    expect((await source.secret('team', 's'))?.data.get('k')).toBe('v');
    expect(await source.secret('default', 's')).toBeUndefined();
  });

  it('sees changes, raises the generation only for another spec, and tells of removals', async () => {
    const { path, write, open } = await folder();
    await write('a.yaml', limit('a', 1));
    const { source, changes } = await open();
    const first = source.get('Limit', 'default', 'a');
    expect(first).toMatchObject({ generation: 1, tenant: 'default' });
    changes.length = 0;
    await write('a.yaml', `# a comment\n${limit('a', 1)}`);
    await source.rescan();
    expect(source.get('Limit', 'default', 'a')).toBe(first);
    await write('a.yaml', limit('a', 2));
    await until(() => source.get('Limit', 'default', 'a')?.generation === 2);
    expect(source.get('Limit', 'default', 'a')?.uid).toBe(first?.uid);
    await rm(join(path, 'a.yaml'));
    await until(() => source.get('Limit', 'default', 'a') === undefined);
    expect(source.departed()).toEqual([{ kind: 'Limit', tenant: 'default', name: 'a', uid: first?.uid }]);
    expect(changes.length).toBe(2);
  });

  it('[operator:folder-heard] hears of each file that is put in place by a rename, in folders that were made anew too', async () => {
    const { path, write, open } = await folder();
    await mkdir(join(path, 'deep'));
    await write('deep/a.yaml', limit('a', 1));
    const { source } = await open();
    for (const requests of [2, 3, 4]) {
      await write('deep/a.yaml', limit('a', requests));
      await until(() => source.get('Limit', 'default', 'a')?.generation === requests);
    }
    await rm(join(path, 'deep'), { recursive: true });
    await until(() => source.get('Limit', 'default', 'a') === undefined);
    await mkdir(join(path, 'deep'));
    for (const requests of [1, 2]) {
      await write('deep/a.yaml', limit('a', requests));
      await until(() => source.get('Limit', 'default', 'a')?.generation === requests);
    }
  });

  it('[operator:folder-half-written] takes nothing for gone at a start while a file is no YAML', async () => {
    const { write, open } = await folder();
    await write('key.yaml', key);
    const first = await open();
    const uid = first.source.get('VirtualKey', 'default', 'demo')?.uid;
    await first.close();
    await write('key.yaml', `${key.slice(0, 60)}: [`);
    const second = await open();
    expect(second.source.departed()).toEqual([]);
    expect(second.source.covers('default')).toBe(false);
    await write('key.yaml', key);
    await until(() => second.source.covers('default'));
    expect(second.source.get('VirtualKey', 'default', 'demo')?.uid).toBe(uid);
  });

  it('[operator:folder-half-written] keeps what a file said while it is no YAML', async () => {
    const { write, open } = await folder();
    await write('a.yaml', limit('a', 1));
    const { source } = await open();
    await write('a.yaml', 'apiVersion: [sallyport');
    await source.rescan();
    expect(source.get('Limit', 'default', 'a')).toMatchObject({ generation: 1 });
  });

  it.each(['empty', 'absent'])(
    '[operator:folder-settles] takes nothing for gone while its file is %s on the way to be written anew',
    async (meanwhile) => {
      const { path, write, open } = await folder();
      await write('key.yaml', key);
      const { source } = await open(1_000);
      const uid = source.get('VirtualKey', 'default', 'demo')?.uid;
      const file = join(path, 'key.yaml');
      if (meanwhile === 'absent') await rm(file);
      else await (await openFile(file, 'w')).close();
      const scanned = source.rescan();
      // What `rescan` begins with has seen the file as it is now, long before it is whole again.
      await new Promise((resolve) => setTimeout(resolve, 200));
      await writeFile(file, `# again\n${key}`);
      await scanned;
      expect(source.departed()).toEqual([]);
      expect(source.get('VirtualKey', 'default', 'demo')).toMatchObject({ uid, generation: 1 });
    },
  );

  it('keeps UID, age, generation and status over a restart, and gives another UID to one made anew', async () => {
    const { path, write, open } = await folder();
    await write('a.yaml', limit('a', 1));
    const one = await open();
    const before = one.source.get('Limit', 'default', 'a')!;
    await one.source.writeStatus(before, { observedGeneration: 1 });
    await one.close();
    await write('a.yaml', limit('a', 2));
    const two = await open();
    expect(two.source.get('Limit', 'default', 'a')).toMatchObject({
      uid: before.uid,
      createdAtMs: before.createdAtMs,
      generation: 2,
      status: { observedGeneration: 1 },
    });
    await two.close();
    await rm(join(path, 'a.yaml'));
    const three = await open();
    const [departed] = three.source.departed();
    expect(departed?.uid).toBe(before.uid);
    await three.source.forget(departed!);
    expect(three.source.departed()).toEqual([]);
    await write('a.yaml', limit('a', 1));
    await three.source.rescan();
    expect(three.source.get('Limit', 'default', 'a')).toMatchObject({ generation: 1, status: {} });
    expect(three.source.get('Limit', 'default', 'a')?.uid).not.toBe(before.uid);
  });

  it('writes a generated value where only this user can read it, as a Secret that it reads itself', async () => {
    const { generatedDir, write, open } = await folder();
    await write('key.yaml', key);
    const { source } = await open();
    const entry = source.get('VirtualKey', 'default', 'demo')!;
    const ref = { name: 'demo-key', key: 'key' };
    expect(await source.target(entry, ref)).toBe('absent');
    await source.writeTarget(entry, ref, 'sp_generated_value');
    expect(await source.target(entry, ref)).toBe('present');
    expect((await source.secret('default', 'demo-key'))?.data.get('key')).toBe('sp_generated_value');
    const file = join(generatedDir, 'secrets/default/demo.yaml');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readdir(join(generatedDir, 'secrets/default'))).toEqual(['demo.yaml']);
  });

  it('does not take a value that somebody else wrote for a generated one', async () => {
    const { write, open } = await folder();
    await write(
      'key.yaml',
      `${key}---\napiVersion: v1\nkind: Secret\nmetadata: {name: demo-key}\nstringData: {key: mine}\n`,
    );
    const { source } = await open();
    expect(await source.target(source.get('VirtualKey', 'default', 'demo')!, { name: 'demo-key', key: 'key' })).toBe(
      'foreign',
    );
  });
});
