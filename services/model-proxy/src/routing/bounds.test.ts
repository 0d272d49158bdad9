import { describe, expect, it } from '@jest/globals';
import { Ending } from '@sallyport/chassis/ending';
import { GatewayError } from '@sallyport/chassis/errors';
import { RetryBudget } from '@sallyport/chassis/retry-budget';
import { Concurrency } from './concurrency.ts';
import { FairQueue } from './fair-queue.ts';
import { ShadowBudget } from './shadow-budget.ts';

const bounds = { size: 100, waitMs: 10_000 };

describe('a queue for places', () => {
  it('[routing:queue-fair] gives places in turn to principals, however many requests of one wait', async () => {
    const queue = new FairQueue();
    const served: string[] = [];
    const waits = ['hog', 'hog', 'hog', 'hog', 'ann', 'bob', 'ann'].map((who) =>
      queue.wait(who, bounds, new Ending()).then(() => served.push(who)),
    );
    while (queue.next()) await Promise.resolve();
    await Promise.all(waits);
    expect(served).toEqual(['hog', 'ann', 'bob', 'hog', 'ann', 'hog', 'hog']);
    expect([queue.size(), queue.next()]).toEqual([0, false]);
  });

  it('[routing:queue-fair] one principal does not fill the queue for the others', async () => {
    const queue = new FairQueue();
    const full = { size: 3, waitMs: 10_000 };
    const outcomes: string[] = [];
    const wait = (who: string) =>
      queue.wait(who, full, new Ending()).then(
        () => outcomes.push(who),
        () => outcomes.push(`${who} refused`),
      );
    const waits = ['hog', 'hog', 'hog', 'ann', 'hog', 'bob'].map(wait);
    await Promise.resolve();
    while (queue.next()) await Promise.resolve();
    await Promise.all(waits);
    expect(outcomes.sort()).toEqual(['ann', 'bob', 'hog', 'hog refused', 'hog refused', 'hog refused']);
  });

  it('[routing:queue-bounds] refuses with 429 and Retry-After who comes to a full queue, and who has waited too long', async () => {
    const queue = new FairQueue();
    const late = queue.wait('ann', { size: 1, waitMs: 5 }, new Ending());
    const full = await queue.wait('bob', { size: 1, waitMs: 4_000 }, new Ending()).catch((error: unknown) => error);
    expect(full).toMatchObject({ code: 'rate_limited', status: 429, retryAfterMs: 4_000 });
    await expect(late).rejects.toMatchObject({ code: 'rate_limited' });
    expect(queue.size()).toBe(0);
  });

  it('[routing:queue-bounds] forgets at once who has left', async () => {
    const queue = new FairQueue();
    const signal = new Ending();
    const waiting = queue.wait('ann', bounds, signal);
    signal.abort(new GatewayError('cancelled', 'The client is gone.'));
    await expect(waiting).rejects.toMatchObject({ code: 'cancelled' });
    await expect(queue.wait('ann', bounds, signal)).rejects.toMatchObject({ code: 'cancelled' });
    expect(queue.size()).toBe(0);
  });
});

describe('what bounds calls', () => {
  it('[routing:adaptive] fewer calls at once after a 429, slowly more with each success, never beyond what is declared', () => {
    const concurrency = new Concurrency();
    expect(concurrency.limit(20)).toBe(20);
    concurrency.limited(20, 20, 0);
    // Others of the same crowd are no further steps back.
    concurrency.limited(20, 20, 10);
    expect(concurrency.limit(20)).toBe(14);
    for (let step = 1; step < 20; step++) concurrency.limited(1, 20, step * 1_000);
    expect(concurrency.limit(20)).toBe(1);
    let successes = 0;
    while (concurrency.limit(20) < 20 && successes < 1_000) {
      concurrency.succeeded(20);
      successes++;
    }
    expect(successes).toBeGreaterThan(100);
    expect(successes).toBeLessThan(400);
  });

  it('[routing:retry-budget] retries are a first few and then a share of the calls', () => {
    const budget = new RetryBudget();
    const taken = (calls: number) => {
      let retries = 0;
      for (let call = 0; call < calls; call++) {
        budget.earn(20);
        if (budget.take()) retries++;
      }
      return retries;
    };
    expect(taken(10)).toBe(10);
    expect(taken(1_000)).toBeGreaterThan(190);
    expect(taken(1_000)).toBeLessThan(211);
  });

  it('[routing:shadow-budget] copies stop at their budget and at their number, and go on in the next hour', () => {
    const budget = new ShadowBudget();
    const most = { nanoUsd: 100, maxConcurrent: 2 };
    expect([budget.take(40, most, 0), budget.take(40, most, 0), budget.take(1, most, 0)]).toEqual([true, true, false]);
    budget.settle(40, 70);
    expect(budget.take(1, most, 0)).toBe(false);
    budget.settle(40, 0);
    expect([budget.take(31, most, 0), budget.take(30, most, 0)]).toEqual([false, true]);
    expect(budget.take(90, most, 3_600_000)).toBe(true);
  });
});
