import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type KeySpec, KeySpecSchema } from '@sallyport/proto/identity/v1/identity_pb';
import { createAdministration } from '../administration.ts';
import { createAuthenticator } from '../authentication.ts';
import { createCreationMemory } from '../creation-memory.ts';
import type { Directory, Standing } from '../directory/directory.ts';
import type { KeyUse } from '../key-store.ts';
import { createPeppers, type Pepper } from '../peppers.ts';
import { createResourceKeys } from '../resource-keys.ts';
import { memoryKeyStore } from './memory-key-store.ts';

/** Peppers for tests. */
export const PEPPERS: readonly Pepper[] = [{ id: 'p1', key: Buffer.alloc(32, 7) }];

/** A key spec for tests. */
export function keySpec(init: MessageInitShape<typeof KeySpecSchema> = {}): KeySpec {
  return create(KeySpecSchema, { name: 'agent', ...init });
}

/** All of identity over a store in memory, with a clock that the test moves. */
export function testIdentity(keys: readonly Pepper[] = PEPPERS) {
  const clock = { nowMs: Date.UTC(2026, 0, 1) };
  const now = () => clock.nowMs;
  const store = memoryKeyStore(now);
  const uses: KeyUse[] = [];
  const pokes = { count: 0 };

  const people = new Map<string, Partial<Standing>>();
  const onNotice = () => {
    pokes.count += 1;
  };
  const directory: Pick<Directory, 'standingOf'> = {
    async standingOf(_tenant, name, declared) {
      const known = people.get(name);
      const state = known === undefined ? 'unknown' : 'active';
      return { name, state, heirSinceMs: undefined, teams: declared, ownedTeams: [], ...known };
    },
  };
  const over = (pepperKeys: readonly Pepper[]) => {
    const peppers = createPeppers(pepperKeys);
    return {
      administration: createAdministration({
        store,
        peppers,
        memory: createCreationMemory(pepperKeys),
        onNotice,
        now,
      }),
      resourceKeys: createResourceKeys({ store, peppers, onNotice, now }),
      authenticate: createAuthenticator({
        store,
        peppers,
        directory,
        cacheTtlMs: 10_000,
        onUse: (use) => uses.push(use),
        onOldPepper: (match, secret) => void store.replaceDigest(match, peppers.digest(secret)),
        now,
      }),
    };
  };
  return { clock, store, uses, pokes, people, directory, over, ...over(keys) };
}
