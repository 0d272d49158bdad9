import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import { createLogger } from '@sallyport/chassis/log';
import { createKeySets, type KeySource } from './key-sets.ts';
import { testKey } from './testing.ts';

const [one, two, three] = ['k-1', 'k-2', 'k-3'].map((kid) => testKey(kid, 'EC').jwk) as [Jwk, Jwk, Jwk];
type Jwk = ReturnType<typeof testKey>['jwk'];
const SOURCE: KeySource = { issuer: 'https://login.example', allowPrivate: false };
const MINUTE = 60_000;

/** Key sets over a provider that answers what the test says, with a clock that it moves. */
function provider(first: readonly Jwk[] = [one]) {
  const lines: string[] = [];
  const state = { nowMs: 0, fetches: 0, keys: first, fails: undefined as Error | undefined, slowly: false };
  const waiting: (() => void)[] = [];
  const sets = createKeySets({
    async read() {
      state.fetches++;
      const { fails, keys } = state;
      if (state.slowly) await new Promise<void>((resolve) => waiting.push(resolve));
      if (fails) throw fails;
      return keys;
    },
    log: createLogger({ service: 'identity', write: (line) => lines.push(line) }),
    now: () => state.nowMs,
  });
  const set = sets.of(SOURCE);
  const find = async (kid?: string) => (await set.find(kid)).map((key) => key.kid);
  const answer = () => {
    for (const resolve of waiting.splice(0)) resolve();
  };
  return { state, sets, set, find, answer, lines };
}

const AWAY = new GatewayError('upstream_error', 'The issuer answered 500.');
const unavailable = { code: 'unavailable', retryAfterMs: 5_000 };

describe('the keys of an issuer', () => {
  it('[tokens:key-sets] are fetched once for many at once, and kept', async () => {
    const { state, find } = provider([one, two]);
    expect(await Promise.all([find('k-1'), find('k-1'), find('k-2')])).toEqual([['k-1'], ['k-1'], ['k-2']]);
    expect(await find()).toEqual(['k-1', 'k-2']);
    expect(state.fetches).toBe(1);
  });

  it('[tokens:key-sets] are shared by tenants that trust one issuer in the same way, and by no others', () => {
    const { sets } = provider();
    expect(sets.of({ ...SOURCE })).toBe(sets.of({ ...SOURCE }));
    for (const other of [
      { issuer: 'https://other.example' },
      { jwksUrl: 'https://login.example/k' },
      { allowPrivate: true },
    ]) {
      expect(sets.of({ ...SOURCE, ...other })).not.toBe(sets.of(SOURCE));
    }
  });

  it('[tokens:rotation] with overlap: the new key is found at its first token, the old one as long as it is there', async () => {
    const { state, find } = provider();
    await find('k-1');
    state.nowMs += MINUTE;
    state.keys = [one, two];
    expect([await find('k-2'), await find('k-1'), state.fetches]).toEqual([['k-2'], ['k-1'], 2]);
  });

  it('[tokens:rotation] without overlap, right after a fetch: the new key is found at once, the old one is none', async () => {
    const { state, find } = provider();
    await find('k-1');
    state.keys = [two];
    expect([await find('k-2'), await find('k-1')]).toEqual([['k-2'], []]);
    expect(state.fetches).toBe(2);
  });

  it('[tokens:rotation] is not missed by who comes while an older answer is under way', async () => {
    const { state, find, answer } = provider();
    await find('k-1');
    state.nowMs += 6 * MINUTE;
    state.slowly = true;
    expect(await find('k-1')).toEqual(['k-1']);
    state.keys = [two];
    const found = Promise.all([find('k-2'), find('k-2')]);
    answer();
    await new Promise((resolve) => setImmediate(resolve));
    answer();
    expect(await found).toEqual([['k-2'], ['k-2']]);
    expect(state.fetches).toBe(3);
  });

  it('[tokens:unknown-key-flood] a flood of unknown names has one fetch in each cooldown, and one more at its begin', async () => {
    const { state, find } = provider();
    await find('k-1');
    for (let second = 0; second < 300; second++) {
      await Promise.all([find(`x-${second}`), find(`y-${second}`), find('../../k'), find("' or 1=1")]);
      state.nowMs += 1_000;
    }
    // Five minutes: the first, the one right after it, and nine more each 30 s after the last.
    expect(state.fetches).toBe(11);
    expect(await find('k-1')).toEqual(['k-1']);
  });

  it('[tokens:unknown-key-flood] the keys that are known serve all the time, also while the flood waits for an answer', async () => {
    const { state, find, answer } = provider();
    await find('k-1');
    state.slowly = true;
    const flood = Promise.all(Array.from({ length: 100 }, (_, index) => find(`x-${index}`)));
    expect(await find('k-1')).toEqual(['k-1']);
    answer();
    expect((await flood).flat()).toEqual([]);
    expect(state.fetches).toBe(2);
  });

  it('[tokens:outage] known keys outlive an outage up to their age; what cannot be known is unavailable, never refused', async () => {
    const { state, find, lines } = provider();
    await find('k-1');
    state.fails = AWAY;
    await expect(find('k-2')).rejects.toMatchObject(unavailable);
    for (let minute = 0; minute < 14; minute++) {
      state.nowMs += MINUTE;
      expect(await find('k-1')).toEqual(['k-1']);
    }
    state.nowMs += MINUTE;
    await expect(find('k-1')).rejects.toMatchObject(unavailable);
    await expect(find('k-2')).rejects.toMatchObject(unavailable);
    // At most two in a cooldown, whoever asks.
    expect(state.fetches).toBeLessThan(20);
    expect(lines.join()).toContain('The issuer answered 500.');
    state.fails = undefined;
    state.nowMs += MINUTE;
    expect(await find('k-1')).toEqual(['k-1']);
  });

  it('[tokens:outage] a first fetch that fails is not tried again for each request', async () => {
    const { state, find } = provider();
    state.fails = AWAY;
    for (let time = 0; time < 50; time++) await expect(find('k-1')).rejects.toMatchObject(unavailable);
    expect(state.fetches).toBe(1);
    state.fails = undefined;
    state.nowMs += 30_000;
    expect(await find('k-1')).toEqual(['k-1']);
  });

  it('[tokens:key-age] a key that was taken away is gone once the keys are fetched anew, beside the requests', async () => {
    const { state, find } = provider([one, three]);
    await find('k-1');
    state.keys = [three];
    state.nowMs += 5 * MINUTE;
    expect(await find('k-1')).toEqual(['k-1']);
    await new Promise((resolve) => setImmediate(resolve));
    expect(await find('k-3')).toEqual(['k-3']);
    state.nowMs += MINUTE;
    expect(await find('k-1')).toEqual([]);
  });

  it('[tokens:key-age] a wall clock that is set forth or back makes no key old, and none young', async () => {
    let fetches = 0;
    const log = createLogger({ service: 'identity', write: () => {} });
    const read = async () => {
      fetches++;
      return [one];
    };
    const set = createKeySets({ read, log }).of(SOURCE);
    await set.find('k-1');
    const real = Date.now;
    try {
      for (const days of [365, -365]) {
        Date.now = () => real() + days * 86_400_000;
        expect((await set.find('k-1')).length).toBe(1);
      }
    } finally {
      Date.now = real;
    }
    expect(fetches).toBe(1);
  });

  it('[tokens:key-sets] a look for the status fetches when it is time, and never rejects', async () => {
    const { state, set } = provider();
    state.fails = AWAY;
    expect(await set.look()).toEqual({ reachable: false, fault: 'The issuer answered 500.', keys: 0 });
    state.fails = new Error('secret detail');
    state.nowMs += MINUTE;
    expect(await set.look()).toEqual({ reachable: false, fault: 'The answer could not be read.', keys: 0 });
  });

  it('[tokens:key-sets] that are given are never fetched', async () => {
    const { state, sets } = provider();
    const set = sets.of({ ...SOURCE, given: { keys: [one] } });
    expect([(await set.find('k-1')).length, (await set.find('k-2')).length, state.fetches]).toEqual([1, 0, 0]);
  });
});
