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
  /** Undefined: it is not run. */
  readonly engine: RE2JS | undefined;
  readonly size: number;
  /** What it takes of `MAX_KEPT`. */
  readonly weight: number;
}

/** Instructions with their tables of characters, of all patterns that are kept: some 60 MB where servers try for the most. */
const MAX_KEPT = 64_000;
/** Characters of a pattern that are kept in the place of one instruction. */
const CHARS = 16;
/** To compile an instruction takes as long as this many steps. */
const COMPILE_STEPS = 30;

const kept = new Map<string, Compiled>();
let keptWeight = 0;

/** Tells whether patterns of this text are run; what is not is for the tool server alone to check. */
export function runsPattern(pattern: string): boolean {
  return readPattern(pattern) !== undefined;
}

/**
 * Tells whether a text has what a pattern of JSON Schema asks for; true where the pattern is not run. Time is linear in the
 * text (RE2). Compiled patterns are kept, bounded together. Throws OutOfPatternSteps.
 */
export function hasPattern(pattern: string, text: string, budget: PatternBudget): boolean {
  const compiled = kept.get(pattern) ?? compile(pattern, budget);
  if (compiled.engine === undefined) return true;
  budget.steps -= (text.length + 1) * compiled.size;
  if (budget.steps < 0) throw new OutOfPatternSteps();
  // Not by `test`: its automaton keeps up to 8 MB a pattern of what texts have led it through, and texts are a server's too.
  return compiled.engine.matcher(text).find();
}

function compile(pattern: string, budget: PatternBudget): Compiled {
  const read = readPattern(pattern);
  const cost = read?.cost ?? 1;
  budget.steps -= cost * COMPILE_STEPS;
  if (budget.steps < 0) throw new OutOfPatternSteps();
  const engine = read && engineOf(read.re2);
  const size = engine?.programSize() ?? 0;
  const compiled = { engine, size, weight: Math.max(size, cost) + Math.ceil(pattern.length / CHARS) };
  for (const [oldest, { weight }] of kept) {
    if (keptWeight + compiled.weight <= MAX_KEPT) break;
    kept.delete(oldest);
    keptWeight -= weight;
  }
  kept.set(pattern, compiled);
  keptWeight += compiled.weight;
  return compiled;
}

function engineOf(re2: string): RE2JS | undefined {
  try {
    return RE2JS.compile(re2);
  } catch {
    return undefined;
  }
}
