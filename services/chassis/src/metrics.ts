import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** The metrics of one process. Label values must be bounded: never users, arguments or a client's raw model names. */
export interface Metrics {
  readonly registry: Registry;
  /** `sallyport_<service>_<name>`; a name ends in `_total`. The same name again gives the same metric. */
  counter<L extends string>(name: string, help: string, labels?: readonly L[]): Counter<L>;
  /** Buckets default to 5 ms … 120 s, in seconds, which suits model calls. */
  histogram<L extends string>(
    name: string,
    help: string,
    labels?: readonly L[],
    buckets?: readonly number[],
  ): Histogram<L>;
  /** With `collect` the value is asked for at each scrape; with labels, all values that there are then. */
  gauge<L extends string>(
    name: string,
    help: string,
    labels?: readonly L[],
    collect?: () => number | readonly GaugeValue<L>[],
  ): Gauge<L>;
}

/** One value of a gauge with labels. */
export interface GaugeValue<L extends string> {
  readonly labels: Readonly<Record<L, string>>;
  readonly value: number;
}

/** A counter with its labels bound, for what is counted at every request. */
export interface Tally {
  inc(by?: number): void;
}

interface Tallied {
  readonly labels: Readonly<Record<string, string>>;
  count: number;
}

const tallies = new WeakMap<Counter<string>, Tallied[]>();

/**
 * Binds labels of a counter that `createMetrics` made. Counts are added up here and given to the counter when it is read:
 * prom-client finds a value by its labels anew at each call, bound or not. Bind once, not for each request.
 */
export function tally<L extends string>(counter: Counter<L>, labels: Readonly<Record<L, string>>): Tally {
  const kept: Tallied = { labels, count: 0 };
  const known = tallies.get(counter);
  if (known) known.push(kept);
  else tallies.set(counter, [kept]);
  return {
    inc(by = 1) {
      kept.count += by;
    },
  };
}

function pour(counter: Counter<string>): void {
  for (const kept of tallies.get(counter) ?? []) {
    if (kept.count === 0) continue;
    counter.inc(kept.labels, kept.count);
    kept.count = 0;
  }
}

/** A histogram with its labels bound, for what is measured at every request. */
export interface Timing {
  observe(value: number): void;
}

/** What prom-client keeps of one set of labels; `bucketValues` by upper bound, not yet summed up. */
interface Kept {
  readonly labels: object;
  readonly bucketValues: Record<string, number>;
  sum: number;
  count: number;
}

interface Measured {
  readonly labels: Readonly<Record<string, string | number>>;
  /** By place among the upper bounds; the last is for what is above all. */
  readonly counts: Float64Array;
  sum: number;
}

const timings = new WeakMap<Histogram<string>, { readonly bounds: readonly number[]; readonly kept: Measured[] }>();

/** Binds labels of a histogram that `createMetrics` made, as `tally` does those of a counter. */
export function timing<L extends string>(
  histogram: Histogram<L>,
  labels: Readonly<Record<L, string | number>>,
): Timing {
  const known = timings.get(histogram);
  if (known === undefined) return { observe: (value) => histogram.observe(labels, value) };
  const { bounds } = known;
  const { length } = bounds;
  const mine: Measured = { labels, counts: new Float64Array(length + 1), sum: 0 };
  const { counts } = mine;
  known.kept.push(mine);
  return {
    observe(value) {
      let place = 0;
      while (place < length && value > (bounds[place] as number)) place++;
      (counts[place] as number)++;
      mine.sum += value;
    },
  };
}

function pourTimings(histogram: Histogram<string>): void {
  const { hashMap } = histogram as unknown as { readonly hashMap: Readonly<Record<string, Kept>> };
  const { bounds, kept } = timings.get(histogram) ?? { bounds: [], kept: [] };
  for (const mine of kept) {
    const total = mine.counts.reduce((sum, count) => sum + count, 0);
    if (total === 0) continue;
    const wanted = JSON.stringify(mine.labels);
    const find = () => Object.values(hashMap).find(({ labels }) => JSON.stringify(labels) === wanted);
    if (find() === undefined) histogram.zero(mine.labels);
    const into = find();
    if (into === undefined) continue;
    for (const [place, bound] of bounds.entries()) {
      into.bucketValues[bound] = (into.bucketValues[bound] ?? 0) + (mine.counts[place] as number);
    }
    into.count += total;
    into.sum += mine.sum;
    mine.counts.fill(0);
    mine.sum = 0;
  }
}

/**
 * Milliseconds between two looks at the lag of the event loop. At prom-client's 10 ms an idle process wakes a hundred times
 * a second: 7 ms of CPU each second for each service, and as many switches away from who works on the same cores.
 */
const LAG_EVERY_MS = 1_000;

const MODEL_CALL_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];

/** Makes a registry of its own, with the process's default metrics unless told not to (tests). */
export function createMetrics(service: string, options: { readonly defaults?: boolean } = {}): Metrics {
  const registry = new Registry();
  const prefix = `sallyport_${service.replaceAll('-', '_')}_`;
  if (options.defaults !== false) {
    collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LAG_EVERY_MS });
  }
  const once = <M>(name: string, make: (fullName: string) => M): M =>
    (registry.getSingleMetric(prefix + name) as M | undefined) ?? make(prefix + name);
  return {
    registry,
    counter: <L extends string>(name: string, help: string, labels: readonly L[] = []) =>
      once(
        name,
        (full) =>
          new Counter<L>({
            name: full,
            help,
            labelNames: [...labels],
            registers: [registry],
            collect(this: Counter<L>) {
              pour(this);
            },
          }),
      ),
    histogram: <L extends string>(
      name: string,
      help: string,
      labels: readonly L[] = [],
      buckets: readonly number[] = MODEL_CALL_SECONDS,
    ) =>
      once(name, (full) => {
        const histogram = new Histogram<L>({
          name: full,
          help,
          labelNames: [...labels],
          buckets: [...buckets],
          registers: [registry],
          collect(this: Histogram<L>) {
            pourTimings(this);
          },
        });
        timings.set(histogram, { bounds: buckets, kept: [] });
        return histogram;
      }),
    gauge: <L extends string>(
      name: string,
      help: string,
      labels: readonly L[] = [],
      collect?: () => number | readonly GaugeValue<L>[],
    ) =>
      once(
        name,
        (full) =>
          new Gauge<L>({
            name: full,
            help,
            labelNames: [...labels],
            registers: [registry],
            ...(collect === undefined
              ? {}
              : {
                  collect(this: Gauge<L>) {
                    const given = collect();
                    if (typeof given === 'number') return this.set(given);
                    this.reset();
                    for (const { labels: of, value } of given) this.set(of, value);
                  },
                }),
          }),
      ),
  };
}
