import { describe, expect, it } from '@jest/globals';
import { createMetrics, tally, timing } from './metrics.ts';

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

describe('a timing', () => {
  it('adds to its histogram beside what is observed directly, once', async () => {
    const metrics = createMetrics('some-service', { defaults: false });
    const histogram = metrics.histogram('seconds', 'Seconds.', ['kind'], [0.1, 1]);
    const red = timing(histogram, { kind: 'red' });
    for (const value of [0.05, 0.1, 0.5, 3]) red.observe(value);
    histogram.observe({ kind: 'red' }, 0.5);
    timing(histogram, { kind: 'blue' });
    for (let scrape = 0; scrape < 2; scrape++) {
      const text = await metrics.registry.metrics();
      expect(text).toContain('sallyport_some_service_seconds_bucket{le="0.1",kind="red"} 2\n');
      expect(text).toContain('sallyport_some_service_seconds_bucket{le="1",kind="red"} 4\n');
      expect(text).toContain('sallyport_some_service_seconds_bucket{le="+Inf",kind="red"} 5\n');
      expect(text).toContain('sallyport_some_service_seconds_sum{kind="red"} 4.15\n');
      expect(text).toContain('sallyport_some_service_seconds_count{kind="red"} 5\n');
    }
    expect(await metrics.registry.metrics()).not.toContain('blue');
  });
});
