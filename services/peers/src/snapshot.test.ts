import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { inProcess } from '@sallyport/chassis/rpc/testing';
import { SnapshotService } from '@sallyport/proto/snapshot/v1/snapshot_pb';
import { watchSnapshot } from './snapshot.ts';
import { feed, quiet, until } from './testing.ts';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const item = (uid: string, value: number) => ({
  tenant: 'default',
  name: `n${uid}`,
  uid,
  specJson: JSON.stringify({ value }),
  contentHash: `h${value}`,
  createdAtMs: 1,
  generation: value,
});

interface Change {
  kind?: string;
  revision?: string;
  full?: boolean;
  upserts?: ReturnType<typeof item>[];
  removals?: { tenant: string; name: string; uid: string }[];
}

async function operator(first: () => Change[], options: { cacheFile?: string; kinds?: string[] } = {}) {
  const changes = feed<Change>(first, () => ({}));
  const served = await inProcess(SnapshotService, {
    watch: (_request, { signal }) => changes.stream(signal),
    report: async () => ({}),
  });
  const snapshot = watchSnapshot({
    client: served.client,
    kinds: options.kinds ?? ['Model'],
    log: quiet,
    ...(options.cacheFile ? { cacheFile: options.cacheFile } : {}),
  });
  let stopped = false;
  const stop = async () => {
    if (stopped) return;
    stopped = true;
    changes.cut();
    await snapshot.stop();
    await served.close();
  };
  closing.push(stop);
  const values = () =>
    Object.fromEntries(snapshot.items('Model').map(({ uid, spec }) => [uid, (spec as { value: number }).value]));
  return { changes, snapshot, stop, values };
}

const full = (revision: string, ...upserts: ReturnType<typeof item>[]): Change => ({
  kind: 'Model',
  revision,
  full: true,
  upserts,
});
const cacheFile = () => join(mkdtempSync(join(tmpdir(), 'sallyport-snapshot-')), 'snapshot.json');

describe('watchSnapshot', () => {
  it('takes whole sets, changes and removals', async () => {
    const { changes, snapshot, values } = await operator(() => [full('1', item('a', 1), item('b', 1))]);
    const told: string[] = [];
    snapshot.onChange((kind) => told.push(`${kind} ${snapshot.revision(kind)}`));
    expect(snapshot.seen()).toBe(false);
    await snapshot.start();
    await until('the set is there', () => snapshot.fresh());
    expect(values()).toEqual({ a: 1, b: 1 });
    changes.push({ kind: 'Model', revision: '2', upserts: [item('b', 2), item('c', 1)] });
    changes.push({ kind: 'Model', revision: '3', removals: [{ tenant: 'default', name: 'na', uid: 'a' }] });
    await until('the changes are there', () => snapshot.revision('Model') === '3');
    expect(values()).toEqual({ b: 2, c: 1 });
    changes.push(full('4', item('d', 1)));
    await until('the new set is there', () => snapshot.revision('Model') === '4');
    expect(values()).toEqual({ d: 1 });
    expect(told).toEqual(['Model 1', 'Model 2', 'Model 3', 'Model 4']);
  });

  it('[peers:snapshot-all-kinds] has not seen a snapshot before every kind was there', async () => {
    const { changes, snapshot } = await operator(() => [full('1')], { kinds: ['Model', 'Limit'] });
    await snapshot.start();
    await until('Model is there', () => snapshot.revision('Model') === '1');
    expect([snapshot.seen(), snapshot.fresh()]).toEqual([false, false]);
    changes.push({ kind: 'Limit', revision: '1', full: true });
    await until('all is there', () => snapshot.fresh());
  });

  it('keeps the parsed spec of what did not change', async () => {
    const { changes, snapshot } = await operator(() => [full('1', item('a', 1))]);
    await snapshot.start();
    await until('the set is there', () => snapshot.fresh());
    const before = snapshot.items('Model')[0]?.spec;
    changes.push(full('2', item('a', 1)));
    await until('the new set is there', () => snapshot.revision('Model') === '2');
    expect(snapshot.items('Model')[0]?.spec).toBe(before);
  });

  it('keeps what it has while the operator is away, and takes what changed meanwhile', async () => {
    let set = full('1', item('a', 1));
    const { changes, snapshot, values } = await operator(() => [set]);
    await snapshot.start();
    await until('the set is there', () => snapshot.fresh());
    set = full('2', item('b', 2));
    changes.cut();
    expect(values()).toEqual({ a: 1 });
    await until('the new set is there', () => snapshot.revision('Model') === '2');
    expect(values()).toEqual({ b: 2 });
  });

  it('[peers:snapshot-cached] starts from the last one while the operator is away: seen, but not fresh', async () => {
    const file = cacheFile();
    const first = await operator(() => [full('1', item('a', 1))], { cacheFile: file });
    await first.snapshot.start();
    await until('the set is there', () => first.snapshot.fresh());
    await first.stop();
    const second = await operator(() => [], { cacheFile: file });
    await second.snapshot.start();
    expect(second.values()).toEqual({ a: 1 });
    expect([second.snapshot.seen(), second.snapshot.fresh()]).toEqual([true, false]);
    await until('the stream is open', () => second.changes.opened > 0);
    second.changes.push(full('2', item('a', 7)));
    await until('the set is there', () => second.snapshot.fresh());
    expect(second.values()).toEqual({ a: 7 });
  });

  it('writes the last of many changes', async () => {
    const file = cacheFile();
    const { changes, snapshot, stop } = await operator(() => [full('0')], { cacheFile: file });
    await snapshot.start();
    await until('the stream is open', () => snapshot.fresh());
    for (let index = 1; index <= 50; index++) changes.push(full(String(index), item('a', index)));
    await until('the last is there', () => snapshot.revision('Model') === '50');
    await stop();
    expect(JSON.parse(readFileSync(file, 'utf8'))[0]).toMatchObject({ revision: '50', items: [{ generation: 50 }] });
  });

  it.each([
    ['', 'nothing'],
    ['[{"kind":"Model","revision":"1","items":[{"uid"', 'half a file'],
    ['null', 'null'],
    ['{}', 'an object'],
    ['[{"kind":"Model"}]', 'a kind without items'],
    ['[{"kind":"Model","revision":"1","items":[null]}]', 'an item that is none'],
    ['[{"kind":"Model","revision":"1","items":[{"uid":3}]}]', 'an item without fields'],
  ])('[peers:snapshot-damaged] takes a damaged file (%j: %s) for none', async (text) => {
    const file = cacheFile();
    writeFileSync(file, text);
    const { changes, snapshot, values } = await operator(() => [], { cacheFile: file });
    await snapshot.start();
    expect(snapshot.seen()).toBe(false);
    await until('the stream is open', () => changes.opened > 0);
    changes.push(full('1', item('a', 1)));
    await until('the set is there', () => snapshot.fresh());
    expect(values()).toEqual({ a: 1 });
  });
});
