import type { CompiledRules } from './compiled-rules.ts';
import { ask } from './question.ts';
import type { RecordedCall } from './recorded-call.ts';

/** How many calls, of how many principals, would be decided otherwise, in one way. */
export interface Change {
  readonly tool: string;
  readonly from: { readonly decision: string; readonly rule: string };
  readonly to: { readonly decision: string; readonly rule: string };
  readonly direction: 'stricter' | 'looser';
  readonly calls: number;
  /** User, or principal where no user stands behind it → calls. */
  readonly principals: Readonly<Record<string, number>>;
  /** The first few. */
  readonly runs: readonly string[];
}

/** What other policies would have changed. */
export interface Replay {
  readonly calls: number;
  readonly unchanged: number;
  /** Decided as before, but by another rule. */
  readonly otherRule: number;
  /** Records that do not hold all that a decision needs. */
  readonly incomplete: number;
  readonly changes: readonly Change[];
}

/** A call, or a record of one that cannot be decided again, with its run. */
export interface Replayed {
  readonly run: string;
  readonly call: RecordedCall | undefined;
}

const STRICTNESS: Readonly<Record<string, number>> = { allow: 0, quarantine: 0, ask: 1, hide: 2, deny: 2 };
const SHOWN_RUNS = 3;

/** Decides recorded calls again. What a person once approved counts as asked; what one endorsed stays endorsed. */
export async function replay(calls: AsyncIterable<Replayed>, rules: CompiledRules): Promise<Replay> {
  const changes = new Map<string, { -readonly [K in keyof Change]: Change[K] }>();
  const totals = { calls: 0, unchanged: 0, otherRule: 0, incomplete: 0 };
  for await (const { run, call } of calls) {
    if (call === undefined) {
      totals.incomplete++;
      continue;
    }
    totals.calls++;
    const { decision } = ask(call.question, rules.snapshot);
    const to = { decision: decision.enforced, rule: decision.rule };
    const from = call.before;
    const stricter = (STRICTNESS[to.decision] ?? 2) - (STRICTNESS[from.decision] ?? 2);
    if (stricter === 0) {
      if (to.rule === from.rule) totals.unchanged++;
      else totals.otherRule++;
      continue;
    }
    const { server, owner, name } = call.question.tool;
    const tool = `${server || owner}/${name}`;
    const key = JSON.stringify([tool, from, to]);
    const direction = stricter > 0 ? 'stricter' : 'looser';
    const change = changes.get(key) ?? { tool, from, to, direction, calls: 0, principals: {}, runs: [] };
    const who = call.question.principal.user || call.question.principal.id;
    change.calls++;
    change.principals = { ...change.principals, [who]: (change.principals[who] ?? 0) + 1 };
    if (change.runs.length < SHOWN_RUNS && !change.runs.includes(run)) change.runs = [...change.runs, run];
    changes.set(key, change);
  }
  return { ...totals, changes: [...changes.values()].sort((a, b) => b.calls - a.calls) };
}

/**
 * Tells whether a replay fails where only one direction, or any, is feared. One in which no call was decided again shows
 * nothing, so it fails too.
 */
export function fails({ calls, changes }: Replay, on: 'stricter' | 'looser' | 'any' | 'none'): boolean {
  return on !== 'none' && (calls === 0 || changes.some(({ direction }) => on === 'any' || direction === on));
}
