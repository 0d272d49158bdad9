import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import { createMetrics } from '@sallyport/chassis/metrics';
import type { Server } from '../catalog/catalog.ts';
import { brokerMetrics } from '../metrics.ts';
import { places } from './places.ts';
import { type CallOutcome, serverHealth } from './server-health.ts';
import { steadyCalls } from './steady-calls.ts';

const { signal } = new AbortController();
const alice = { principal: { tenant: 'acme', id: 'key:alice', user: '' }, signal };
const bob = { principal: { tenant: 'acme', id: 'key:bob', user: '' }, signal };
const down = () => Promise.reject(new GatewayError('upstream_error', 'away'));
const unreached = () => {
  const cause = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
  return Promise.reject(new GatewayError('upstream_error', 'away', { cause: new TypeError('failed', { cause }) }));
};
const well = () => Promise.resolve('well');
const serverOf = (uid: string, spec: object = {}) =>
  ({ uid, name: uid, contentHash: 'h', spec: { tools: [], ...spec } }) as unknown as Server;
const start = () => steadyCalls(brokerMetrics(createMetrics('mcp-broker', { defaults: false })));
const codeOf = (call: Promise<unknown>) =>
  call.then(
    () => 'ok',
    (error: GatewayError) => (error.details?.notMade === true ? `not made: ${error.code}` : error.code),
  );

describe('the health of a server', () => {
  const watched = () => {
    let at = 0;
    let opened = 0;
    const health = serverHealth(
      () => opened++,
      () => at,
    );
    const call = (who: string, outcome: CallOutcome) => {
      try {
        health.begin(who).end(outcome);
        return 'made';
      } catch {
        return 'not made';
      }
    };
    return { call, opened: () => opened, pass: (ms: number) => (at += ms), closedMs: () => health.closedMs() };
  };

  it('[broker:breaker] closes it after failures, lets one call through after a rest, and opens it when that goes well', () => {
    const { call, pass, opened, closedMs } = watched();
    for (let i = 0; i < 3; i++) for (const who of ['a', 'b']) call(who, 'unreachable');
    expect([call('a', 'ok'), call('c', 'ok'), opened(), closedMs()]).toEqual(['not made', 'not made', 1, 5_000]);
    pass(5_000);
    expect([call('c', 'unreachable'), call('c', 'ok')]).toEqual(['made', 'not made']);
    pass(5_000);
    expect(call('c', 'ok')).toBe('not made');
    pass(5_000);
    expect([call('c', 'ok'), call('c', 'ok'), call('d', 'ok'), closedMs()]).toEqual(['made', 'made', 'made', 0]);
  });

  it('[broker:breaker-apart] leaves everybody else their calls where they fail for one alone', () => {
    const { call, opened } = watched();
    for (let i = 0; i < 20; i++) call('a', 'failed');
    expect([call('a', 'ok'), call('b', 'ok'), opened()]).toEqual(['not made', 'made', 0]);
  });

  it('[broker:breaker-others] leaves everybody else theirs where several make them fail, and asks less of those', () => {
    const { call, opened, pass, closedMs } = watched();
    for (let i = 0; i < 20; i++) for (const who of ['a', 'b', 'c']) call(who, 'failed');
    expect([call('a', 'ok'), call('b', 'ok'), opened(), closedMs()]).toEqual(['not made', 'not made', 0, 0]);
    // Nobody's go well: one more failure is enough for another.
    expect([call('d', 'failed'), call('d', 'ok')]).toEqual(['made', 'not made']);
    expect([call('e', 'ok'), call('e', 'ok')]).toEqual(['made', 'made']);
    // Now somebody's do.
    expect([call('f', 'failed'), call('f', 'ok')]).toEqual(['made', 'made']);
    for (let i = 0; i < 10; i++) {
      pass(60_000);
      for (const who of ['a', 'b', 'c']) call(who, 'failed');
      expect(call('e', 'ok')).toBe('made');
    }
  });

  it('counts no call whose client left', () => {
    const { call } = watched();
    for (let i = 0; i < 20; i++) for (const who of ['a', 'b']) call(who, 'neither');
    expect(call('a', 'ok')).toBe('made');
  });
});

describe('calls of a server', () => {
  it('[broker:breaker] are not made while they fail, and those of another server are', async () => {
    const steady = start();
    const [one, other] = [serverOf('one'), serverOf('other')];
    for (let i = 0; i < 4; i++) for (const who of [alice, bob]) await codeOf(steady.make(one, 't', who, unreached));
    expect(await codeOf(steady.make(one, 't', alice, well))).toBe('not made: unavailable');
    expect(await codeOf(steady.make(other, 't', alice, well))).toBe('ok');
    expect([steady.failing('one')?.code, steady.failing('other')]).toEqual(['upstream_error', undefined]);
    // Another address is another server.
    const moved = { ...one, contentHash: 'other' };
    expect(await codeOf(steady.make(moved, 't', alice, well))).toBe('ok');
  });

  it('[broker:breaker-others] of one person stand for that person alone, by whichever of their keys', async () => {
    const steady = start();
    const server = serverOf('s');
    const keys = ['1', '2'].map((key) => ({
      principal: { tenant: 'acme', id: `key:${key}`, user: 'mallory' },
      signal,
    }));
    for (let i = 0; i < 5; i++) for (const key of keys) await codeOf(steady.make(server, 't', key, down));
    for (const key of keys) expect(await codeOf(steady.make(server, 't', key, well))).toBe('not made: unavailable');
    expect(await codeOf(steady.make(server, 't', alice, well))).toBe('ok');
    expect(steady.failing('s')).toBeUndefined();
  });

  it('[broker:breaker] are not held against it where it answered, or refused a credential', async () => {
    const steady = start();
    for (const code of ['upstream_invalid', 'upstream_credentials'] as const) {
      const bad = () => Promise.reject(new GatewayError(code, 'bad'));
      for (let i = 0; i < 5; i++)
        for (const who of [alice, bob]) await codeOf(steady.make(serverOf('s'), 't', who, bad));
    }
    for (const status of [400, 403, 404, 422]) {
      const refused = () => Promise.reject(new GatewayError('upstream_error', 'no', { details: { status } }));
      for (let i = 0; i < 5; i++) await codeOf(steady.make(serverOf('s'), 't', alice, refused));
    }
    expect(await codeOf(steady.make(serverOf('s'), 't', alice, well))).toBe('ok');
  });

  it('[tool:concurrency] are as many at once as is declared, the others wait, and not too many', async () => {
    const steady = start();
    const server = serverOf('s', { tools: [{ name: 't', concurrency: 2 }] });
    let running = 0;
    let most = 0;
    const call = async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setTimeout(resolve, 5));
      running--;
    };
    const all = await Promise.all(Array.from({ length: 11 }, () => codeOf(steady.make(server, 't', alice, call))));
    expect(most).toBe(2);
    expect(all.filter((code) => code === 'ok')).toHaveLength(10);
    expect(all.at(-1)).toBe('not made: rate_limited');
    const wide = serverOf('wide', { concurrency: 1 });
    let entered = 0;
    const first = steady.make(wide, 'a', alice, () => new Promise((resolve) => setTimeout(resolve, 20)));
    const left = new AbortController();
    const waits = codeOf(steady.make(wide, 'b', { ...alice, signal: left.signal }, async () => ++entered));
    left.abort(new GatewayError('deadline_exceeded', 'late'));
    expect(await waits).toBe('deadline_exceeded');
    await first;
    expect([entered, await codeOf(steady.make(wide, 'b', alice, well))]).toEqual([0, 'ok']);
  });

  it('[tool:retry] are made again where that is declared, and only where the server failed', async () => {
    const steady = start();
    const server = serverOf('s', { tools: [{ name: 'again', retries: 2 }, { name: 'once' }] });
    const failing = (times: number, code: 'upstream_error' | 'upstream_timeout' = 'upstream_error') => {
      let made = 0;
      const call = async () => {
        if (++made <= times) throw new GatewayError(code, 'away');
        return 'well';
      };
      return { call, made: () => made };
    };
    const twice = failing(2);
    expect([await codeOf(steady.make(server, 'again', alice, twice.call)), twice.made()]).toEqual(['ok', 3]);
    const late = failing(1, 'upstream_timeout');
    expect([await codeOf(steady.make(server, 'again', bob, late.call)), late.made()]).toEqual(['upstream_timeout', 1]);
    const once = failing(1);
    expect([await codeOf(steady.make(server, 'once', alice, once.call)), once.made()]).toEqual(['upstream_error', 1]);
  });
});

describe('places', () => {
  it('go from one to the next', async () => {
    const held = places(1);
    expect(held.take(signal)).toBeUndefined();
    const next = held.take(signal);
    held.free();
    await next;
    expect(held.taken).toBe(1);
    held.free();
    expect(held.taken).toBe(0);
  });
});
