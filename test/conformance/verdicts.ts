import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { isBad, type Outcome } from './outcomes.ts';

type Expected = Readonly<Record<string, Readonly<Record<string, string>> | null>>;

/** Prints what came of scenarios, and counts what did not come as expected. */
export interface Verdicts {
  /** `said` is what our side has to tell where it failed. */
  judge(leg: string, revision: string, outcome: Outcome, said?: string): void;
  /** What was expected to fail in a leg that was judged whole, and is no scenario of it. */
  finish(leg: string, revision: string): void;
  /** A last line; whether all was as expected. */
  summary(): { readonly line: string; readonly asExpected: boolean };
}

/** Opens the books; what is expected to fail is in expected-failures.yaml, by scenario or `scenario:check`. */
export function openVerdicts(): Verdicts {
  const text = readFileSync(join(import.meta.dirname, 'expected-failures.yaml'), 'utf8');
  const expected = (parse(text) ?? {}) as Expected;
  const counted = { scenarios: 0, unexpected: 0, stale: 0 };
  const seen = new Map<string, Set<string>>();
  return {
    judge(leg, revision, { name, checks }, said = '') {
      const reasons = expected[`${leg} ${revision}`] ?? {};
      const met = seen.get(`${leg} ${revision}`) ?? new Set<string>();
      seen.set(`${leg} ${revision}`, met.add(name));
      for (const { id } of checks) met.add(`${name}:${id}`);
      const failed = checks.filter(isBad);
      const open = failed.filter(({ id }) => reasons[name] === undefined && reasons[`${name}:${id}`] === undefined);
      const mine = Object.keys(reasons).filter((key) => key === name || key.startsWith(`${name}:`));
      const stale = mine.filter((key) => !failed.some(({ id }) => key === name || key === `${name}:${id}`));
      const silent = checks.length === 0 && reasons[name] === undefined;
      const bad = open.length > 0 || silent;
      const verdict = bad
        ? 'FAILED'
        : stale.length > 0
          ? `STALE (${stale.join(', ')})`
          : failed.length > 0
            ? 'failed as expected'
            : 'ok';
      const passed = checks.filter(({ status }) => status === 'SUCCESS').length;
      print(`${leg} ${revision} ${name}: ${verdict}, ${passed} of ${passed + failed.length} checks`);
      for (const key of mine) print(`    because ${reasons[key]}`);
      for (const check of bad ? open : failed)
        print(`    ${check.status} ${check.id}: ${(check.errorMessage ?? '').slice(0, 400)}`);
      if (bad && said !== '') print(`    we: ${said.slice(0, 1_000)}`);
      counted.scenarios += 1;
      counted.unexpected += bad ? 1 : 0;
      counted.stale += stale.length;
    },
    finish(leg, revision) {
      const met = seen.get(`${leg} ${revision}`) ?? new Set();
      for (const key of Object.keys(expected[`${leg} ${revision}`] ?? {})) {
        if (met.has(key)) continue;
        counted.stale += 1;
        print(`${leg} ${revision} ${key}: STALE, there is no such scenario or check`);
      }
    },
    summary() {
      const { scenarios, unexpected, stale } = counted;
      return {
        line: `${scenarios} scenarios, ${unexpected} failed, ${stale} expected to and did not`,
        asExpected: unexpected + stale === 0 && scenarios > 0,
      };
    },
  };
}

const print = (line: string) => void process.stdout.write(`${line}\n`);
