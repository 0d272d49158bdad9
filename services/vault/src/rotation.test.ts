import { describe, expect, it } from '@jest/globals';
import type { FileKey } from '@sallyport/chassis/key-file';
import { createLogger } from '@sallyport/chassis/log';
import { createEnvelope } from './envelope.ts';
import { fileMasters } from './envelope-file.ts';
import type { MastersStore } from './masters-store.ts';
import { rotation } from './rotation.ts';
import { NEW_MASTER, OLD_MASTER } from './testing/vault.ts';
import type { WrappedKey } from './vault-store.ts';

const log = createLogger({ service: 'test', write: () => undefined });

/** A store for several replicas: what they announced, and data keys of one tenant. */
function sharedStore() {
  const replicas = new Map<string, readonly string[]>();
  const keys: WrappedKey[] = [];
  const store: MastersStore = {
    async announce(replica, masters) {
      replicas.set(replica, masters);
      return [...replicas.values()];
    },
    async leave(replica) {
      replicas.delete(replica);
    },
    async dataKeysByMaster() {
      const counts = new Map<string, number>();
      for (const { masterId } of keys) counts.set(masterId, (counts.get(masterId) ?? 0) + 1);
      return counts;
    },
    async rewrapSome(from, rewrap) {
      const some = keys.filter((key) => from.includes(key.masterId)).slice(0, 2);
      for (const key of some) keys[keys.indexOf(key)] = await rewrap('acme', key);
      return some.length;
    },
  };
  return { store, keys };
}

function replicaOf(name: string, store: MastersStore, file: FileKey[]) {
  const masters = fileMasters(() => file);
  const envelope = createEnvelope(masters);
  const progress: [number, number][] = [];
  const onProgress = (left: number, unopenable: number) => void progress.push([left, unopenable]);
  const rotating = rotation({ masters, envelope, store, replica: name, log, intervalMs: 60_000, onProgress });
  return { envelope, progress, rotating, file };
}

describe('rotation of master keys', () => {
  it('[vault:rotation-replicas] uses a new master key only once every replica has it', async () => {
    const { store, keys } = sharedStore();
    const one = replicaOf('one', store, [OLD_MASTER]);
    const two = replicaOf('two', store, [OLD_MASTER]);
    for (const each of [one, two]) await each.rotating.round();
    for (let n = 0; n < 5; n++) keys.push(await one.envelope.newDataKey('acme'));
    one.file.unshift(NEW_MASTER);
    await one.rotating.round();
    expect(one.envelope.masterId()).toBe('m1');
    expect(one.progress.at(-1)).toEqual([5, 0]);
    two.file.unshift(NEW_MASTER);
    await two.rotating.round();
    expect(keys.map(({ masterId }) => masterId)).toEqual(['m2', 'm2', 'm2', 'm2', 'm2']);
    await one.rotating.round();
    expect(one.envelope.masterId()).toBe('m2');
    expect(one.progress.at(-1)).toEqual([0, 0]);
    one.file.pop();
    await one.rotating.round();
    expect(one.rotating.ready()).toBe(true);
  });

  it('[vault:lost-key] is not ready where data keys are under a master key that it never had', async () => {
    const { store, keys } = sharedStore();
    keys.push(await createEnvelope(fileMasters(() => [OLD_MASTER])).newDataKey('acme'));
    const wrong = replicaOf('one', store, [NEW_MASTER]);
    expect(wrong.rotating.ready()).not.toBe(true);
    await wrong.rotating.round();
    expect(wrong.rotating.ready()).toContain('m1');
    expect(wrong.progress.at(-1)).toEqual([1, 1]);
    wrong.file.push(OLD_MASTER);
    await wrong.rotating.round();
    expect(wrong.rotating.ready()).toBe(true);
  });
});
