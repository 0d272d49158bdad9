import { afterEach, describe, expect, it } from '@jest/globals';
import { createLogger } from '@sallyport/chassis/log';
import { followStanding } from './standing.ts';
import { DANA } from './testing.ts';
import { createTokenCache } from './token-cache.ts';

const log = createLogger({ service: 'vault', write: () => undefined });
const token = { value: 't', reference: 'r', tenant: 'acme', person: DANA, resource: 'crm', scopes: undefined };
const beat = {
  tenant: '',
  keyId: '',
  principalId: '',
  reason: '',
  sequence: 1,
  user: '',
  client: '',
  sessionId: '',
  by: '',
};

describe('standing of people', () => {
  const undo: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const step of undo.splice(0)) await step();
  });

  /** A stream that a test writes into; `end` breaks it off. */
  function follow(lingerMs = 60_000) {
    const cache = createTokenCache();
    let write: (message: object | 'end') => void = () => undefined;
    let opened = 0;
    const client = {
      async *watchRevocations(_request: unknown, { signal }: { signal: AbortSignal }) {
        opened += 1;
        const waiting: (object | 'end')[] = [{ ...beat }];
        let wake = () => {};
        write = (message) => {
          waiting.push(message);
          wake();
        };
        signal.addEventListener('abort', () => write('end'));
        for (;;) {
          const next = waiting.shift();
          if (next === 'end') return signal.throwIfAborted();
          if (next !== undefined) yield next;
          else await new Promise<void>((resolve) => (wake = resolve));
        }
      },
    };
    const standing = followStanding({ client: client as never, cache, log, lingerMs });
    undo.push(() => standing.stop());
    const keep = () => {
      for (const [user, id] of [
        ['dana', 'key:k1'],
        ['kim', 'key:k2'],
      ] as const) {
        const subjects = [id, `user:${user}`];
        cache.put(user, { ...token, subjects, expiresAtMs: Date.now() + 3_600_000 }, cache.epoch());
      }
    };
    const held = () => ['dana', 'kim'].filter((user) => cache.get(user) !== undefined).join();
    return { standing, cache, keep, held, opened: () => opened, write: (message: object | 'end') => write(message) };
  }
  const until = async (holds: () => boolean) => {
    for (const end = Date.now() + 15_000; !holds() && Date.now() < end; ) await new Promise((go) => setTimeout(go, 5));
    expect(holds()).toBe(true);
  };

  it('[delegation:revoked] drops what a notice is about, and all where one was missed or the stream broke off', async () => {
    const { standing, keep, held, opened, write } = follow();
    expect([standing.known(), opened()]).toEqual([false, 0]);
    await standing.listen();
    expect(standing.known()).toBe(true);
    keep();
    expect(held()).toBe('dana,kim');
    write({ ...beat, tenant: 'acme', user: 'dana', reason: 'deactivated', sequence: 2 });
    await until(() => held() === 'kim');
    write({ ...beat, tenant: 'globex', user: 'kim', reason: 'deactivated', sequence: 3 });
    write({ ...beat, tenant: 'acme', keyId: 'k9', principalId: 'key:k9', reason: 'revoked', sequence: 4 });
    write({ ...beat, sequence: 4 });
    await new Promise((go) => setTimeout(go, 20));
    expect(held()).toBe('kim');
    write({ ...beat, sequence: 6 });
    await until(() => held() === '');
    keep();
    write('end');
    await until(() => held() === '' && opened() === 2);
    await until(() => standing.known());
  });

  it('[delegation:revoked] listens as long as a token is in memory, and keeps none that was asked for before it left', async () => {
    const { standing, cache, keep, held, opened } = follow(40);
    await standing.listen();
    keep();
    const asked = cache.epoch();
    await new Promise((go) => setTimeout(go, 150));
    expect([standing.known(), held()]).toEqual([true, 'dana,kim']);
    cache.delete('dana');
    cache.delete('kim');
    await until(() => !standing.known());
    expect(opened()).toBe(1);
    cache.put('dana', { ...token, subjects: ['user:dana'], expiresAtMs: Date.now() + 3_600_000 }, asked);
    expect(cache.isEmpty()).toBe(true);
    await standing.listen();
    expect([standing.known(), opened()]).toEqual([true, 2]);
    await standing.stop();
    await standing.listen();
    expect([standing.known(), opened()]).toEqual([false, 2]);
  });

  it('[delegation:revoked] keeps nothing that was asked for before a notice', () => {
    const cache = createTokenCache();
    const asked = cache.epoch();
    const notice = { ...beat, tenant: 'acme', user: 'dana', ends: true };
    cache.revoked(notice);
    cache.put('dana', { ...token, subjects: ['user:dana'], expiresAtMs: Date.now() + 3_600_000 }, asked);
    expect(cache.get('dana')).toBeUndefined();
  });
});
