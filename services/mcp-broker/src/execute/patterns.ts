import { RE2JS } from 're2js';
import { readPattern } from './read-pattern.ts';

/** Time that one check of a value may spend on patterns: characters, times the instructions that look at each. */
export interface PatternBudget {
  steps: number;
}

/** Thrown where a budget is used up. */
export class OutOfPatternSteps extends Error {}

/** What one check may take; some hundred milliseconds where a pattern is at its worst. */
export const MAX_PATTERN_STEPS = 10_000_000;

interface Compiled {
  readonly engine: RE2JS;
  readonly size: number;
}

const MAX_KEPT = 500_000;
/** To compile an instruction takes as long as this many steps. */
const COMPILE_STEPS = 30;

const kept = new Map<string, Compiled>();
let keptSize = 0;

/** Tells whether patterns of this text are run; what is not is for the tool server alone to check. */
export function runsPattern(pattern: string): boolean {
  return readPattern(pattern) !== undefined;
}

/**
 * Tells whether a text has what a pattern of JSON Schema asks for; true where the pattern is not run. Time is linear in the
 * text (RE2). Compiled patterns are kept, up to half a million instructions together. Throws OutOfPatternSteps.
 */
export function hasPattern(pattern: string, text: string, budget: PatternBudget): boolean {
  const compiled = kept.get(pattern) ?? compile(pattern, budget);
  if (compiled === undefined) return true;
  budget.steps -= (text.length + 1) * compiled.size;
  if (budget.steps < 0) throw new OutOfPatternSteps();
  return compiled.engine.test(text);
}

function compile(pattern: string, budget: PatternBudget): Compiled | undefined {
  const read = readPattern(pattern);
  if (read === undefined) return undefined;
  budget.steps -= read.cost * COMPILE_STEPS;
  if (budget.steps < 0) throw new OutOfPatternSteps();
  let engine: RE2JS;
  try {
    engine = RE2JS.compile(read.re2);
  } catch {
    return undefined;
  }
  const compiled = { engine, size: engine.programSize() };
  for (const [oldest, { size }] of kept) {
    if (keptSize + compiled.size <= MAX_KEPT) break;
    kept.delete(oldest);
    keptSize -= size;
  }
  kept.set(pattern, compiled);
  keptSize += compiled.size;
  return compiled;
}
