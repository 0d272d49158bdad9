import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Breaker, type BreakerOptions, type Passage } from './breaker.ts';

const options: BreakerOptions = { failurePercent: 50, minimumCalls: 4, windowMs: 1_000, openMs: 100, probes: 2 };

type Action = { readonly kind: 'wait'; readonly ms: number } | { readonly kind: 'begin' | 'ok' | 'failed' | 'neither' };

const actions = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 400 }) }),
    fc.record({
      kind: fc.constantFrom('begin' as const, 'begin' as const, 'ok' as const, 'failed' as const, 'neither' as const),
    }),
  ),
  { maxLength: 200 },
);

/** Runs a breaker and checks after each step what must always hold. */
function run(list: readonly Action[]): void {
  const breaker = new Breaker();
  const under: Passage[] = [];
  let now = 0;
  let calls = 0;
  let failures = 0;
  for (const action of list) {
    const before = breaker.phase(now);
    if (action.kind === 'wait') {
      now += action.ms;
      if (before === 'closed') expect(breaker.phase(now)).toBe('closed');
      continue;
    }
    if (action.kind === 'begin') {
      const probing = under.filter((one) => one === 'probe').length;
      const passage = breaker.begin(now, options);
      if (before === 'open') expect(passage).toBeUndefined();
      if (before === 'closed') expect(passage).toBe('call');
      if (before === 'half-open') expect(passage === 'probe' || probing >= 1).toBe(true);
      if (passage !== undefined) under.push(passage);
      continue;
    }
    const passage = under.shift();
    if (passage === undefined) continue;
    breaker.end(passage, action.kind, now, options);
    const after = breaker.phase(now);
    if (before === 'closed' && passage === 'call' && action.kind !== 'neither') {
      calls++;
      if (action.kind === 'failed') failures++;
    }
    if (before === 'closed' && after === 'open') {
      // It opens by a failure, with enough calls behind it of which enough failed.
      expect([action.kind, passage]).toEqual(['failed', 'call']);
      expect(calls).toBeGreaterThanOrEqual(options.minimumCalls);
      expect(failures * 2).toBeGreaterThanOrEqual(options.minimumCalls);
    }
    if (before === 'half-open' && after === 'closed') expect([action.kind, passage]).toEqual(['ok', 'probe']);
    if (before === 'half-open' && after === 'open') expect([action.kind, passage]).toEqual(['failed', 'probe']);
    // Nothing ends the time that it stays open, and it is never longer than declared.
    if (before === 'open') expect(after).toBe('open');
    expect(breaker.waitMs(now)).toBeLessThanOrEqual(options.openMs * 12);
    if (after !== 'closed') [calls, failures] = [0, 0];
  }
}

const fail = (breaker: Breaker, times: number, now: number) => {
  for (let at = 0; at < times; at++) breaker.end(breaker.begin(now, options) ?? 'call', 'failed', now, options);
};

describe('a breaker', () => {
  it('[routing:breaker] keeps its rules whatever happens in whatever order', () => {
    fc.assert(fc.property(actions, run), { numRuns: 300 });
  });

  it('[routing:breaker] opens at a share of failures, probes on a budget, and closes after as many successes', () => {
    const breaker = new Breaker();
    fail(breaker, 3, 0);
    expect(breaker.phase(0)).toBe('closed');
    fail(breaker, 1, 0);
    expect([breaker.phase(0), breaker.begin(50, options), breaker.waitMs(50)]).toEqual(['open', undefined, 50]);
    expect([breaker.begin(100, options), breaker.begin(100, options), breaker.begin(100, options)]).toEqual([
      'probe',
      'probe',
      undefined,
    ]);
    breaker.end('probe', 'ok', 110, options);
    expect(breaker.phase(110)).toBe('half-open');
    breaker.end('probe', 'ok', 110, options);
    expect(breaker.phase(110)).toBe('closed');
  });

  it('[routing:breaker] stays open for longer with each probe that fails, up to a bound', () => {
    const breaker = new Breaker();
    fail(breaker, 4, 0);
    const waits: number[] = [];
    for (let now = 0, round = 0; round < 6; round++) {
      waits.push(breaker.waitMs(now));
      now += breaker.waitMs(now);
      fail(breaker, 1, now);
    }
    expect(waits).toEqual([100, 200, 400, 800, 1_200, 1_200]);
  });

  it('[routing:breaker] forgets what is older than its window, and heeds nobody who left', () => {
    const breaker = new Breaker();
    for (let now = 0; now < 10_000; now += 600) fail(breaker, 1, now);
    expect(breaker.phase(10_000)).toBe('closed');
    for (let at = 0; at < 20; at++) breaker.end('call', 'neither', 10_000, options);
    expect(breaker.phase(10_000)).toBe('closed');
  });
});
