import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';

/** One figure of the benchmark. */
export interface Measure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** To the bare proxy in the same run; the figure that holds across machines. */
  readonly ratio?: number;
  /** Most that `value` may be. */
  readonly bar?: number;
  /** Most that `ratio` may be in the end: budgets of DESIGN section 9, as multiples of its reference. */
  readonly budget?: number;
  /** What a reader must know of it. */
  readonly note?: string;
}

/** Collects measures, prints each at once and writes them all at the end. */
export interface Report {
  add(measure: Measure): void;
  /** A line that is no measure. */
  say(text: string): void;
  write(facts: Readonly<Record<string, unknown>>): void;
  /** Names of measures that miss their bar. */
  short(): string[];
}

/** Makes a report. */
export function createReport(): Report {
  const measures: Measure[] = [];
  const notes: string[] = [];
  const isShort = ({ value, bar }: Measure) => bar !== undefined && !(value <= bar);
  return {
    add(measure) {
      measures.push(measure);
      const { name, value, unit, ratio, bar, budget, note } = measure;
      const parts = [name, rounded(value), unit, `ratio=${ratio === undefined ? '-' : rounded(ratio)}`];
      parts.push(`bar=${bar ?? '-'}`, isShort(measure) ? 'short' : 'ok');
      if (budget !== undefined)
        parts.push(`budget=${rounded(budget)}x`, (ratio ?? Number.NaN) <= budget ? 'met' : 'over');
      process.stdout.write(`${parts.join(' ')}${note ? ` (${note})` : ''}\n`);
    },
    say(text) {
      notes.push(text);
      process.stdout.write(`# ${text}\n`);
    },
    write(facts) {
      const machine = { node: process.version, cpus: cpus().length, model: cpus()[0]?.model ?? '' };
      const body = { at: new Date().toISOString(), machine, ...facts, measures, notes };
      writeFileSync(fileURLToPath(new URL('./results.json', import.meta.url)), `${JSON.stringify(body, null, 2)}\n`);
    },
    short: () => measures.filter(isShort).map(({ name }) => name),
  };
}

function rounded(value: number): string {
  if (!Number.isFinite(value)) return 'NaN';
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(2);
}
