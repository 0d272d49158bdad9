import { describe, expect, it } from '@jest/globals';
import { createMetrics, tally } from './metrics.ts';

describe('a tally', () => {
  it('adds to its counter beside what is counted directly, once', async () => {
    const metrics = createMetrics('some-service', { defaults: false });
    const counter = metrics.counter('things_total', 'Things.', ['kind']);
    const red = tally(counter, { kind: 'red' });
    red.inc();
    red.inc(2);
    counter.inc({ kind: 'red' });
    tally(counter, { kind: 'blue' });
    for (let scrape = 0; scrape < 2; scrape++) {
      expect(await metrics.registry.metrics()).toContain('sallyport_some_service_things_total{kind="red"} 4\n');
    }
    expect(await metrics.registry.metrics()).not.toContain('blue');
  });
});
