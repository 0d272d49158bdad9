import type { Component } from '@sallyport/chassis/process';
import { type Counter, grant, newCounter, release, settle } from './lease.ts';
import type { CounterAsk, CounterGrant, LimitStore } from './store.ts';

interface Kept {
  counter: Counter;
  keepUntilMs: number;
}

const SWEEP_MS = 30_000;

/** Counters in this process: right for one replica only, and started anew with it. */
export function memoryLimitStore(now: () => number = Date.now): LimitStore & Component {
  const counters = new Map<string, Kept>();
  const answers = new Map<string, { readonly grants: readonly CounterGrant[]; readonly untilMs: number }>();
  let timer: NodeJS.Timeout | undefined;

  const keyOf = (tenant: string, counter: string) => `${tenant} ${counter}`;
  const kept = (key: string, initial = 0): Counter => {
    const one = counters.get(key);
    return one === undefined || one.keepUntilMs <= now() ? newCounter(initial) : one.counter;
  };

  const grantAll = (tenant: string, asks: readonly CounterAsk[]): CounterGrant[] => {
    const nowMs = now();
    const results = asks.map((ask) => {
      const key = keyOf(tenant, ask.counter);
      const result = grant(kept(key, ask.initial), { ...ask, nowMs, expiresAtMs: nowMs + ask.leaseMs });
      counters.set(key, { counter: result.counter, keepUntilMs: nowMs + ask.keepMs });
      return {
        leaseId: ask.leaseId,
        granted: result.granted,
        remaining: result.remaining,
        exhausted: result.exhausted,
      };
    });
    if (!results.some((one) => one.exhausted)) return results;
    return results.map((one, index) => {
      const ask = asks[index];
      const entry = ask === undefined ? undefined : counters.get(keyOf(tenant, ask.counter));
      if (entry !== undefined) entry.counter = release(entry.counter, one.leaseId);
      return { ...one, granted: 0, remaining: one.remaining + one.granted };
    });
  };

  return {
    name: 'limits in memory',
    async grant(tenant, requestId, asks) {
      const request = keyOf(tenant, requestId);
      const before = answers.get(request);
      if (before !== undefined && before.untilMs > now()) return before.grants;
      const grants = grantAll(tenant, asks);
      if (grants.every((one) => !one.exhausted)) {
        answers.set(request, { grants, untilMs: now() + Math.min(...asks.map((ask) => ask.leaseMs)) });
      }
      return grants;
    },
    async settle(spent) {
      const unknown: string[] = [];
      for (const one of spent) {
        const entry = counters.get(keyOf(one.tenant, one.counter));
        if (entry?.counter.leases.has(one.leaseId) !== true) unknown.push(one.leaseId);
        else entry.counter = settle(entry.counter, one, now(), now() + one.leaseMs);
      }
      return unknown;
    },
    async unknown(tenant, asked) {
      return asked.filter((counter) => (counters.get(keyOf(tenant, counter))?.keepUntilMs ?? 0) <= now());
    },
    start() {
      timer = setInterval(() => {
        for (const [key, one] of counters) if (one.keepUntilMs <= now()) counters.delete(key);
        for (const [key, one] of answers) if (one.untilMs <= now()) answers.delete(key);
      }, SWEEP_MS);
      timer.unref();
    },
    stop() {
      clearInterval(timer);
    },
  };
}
