import { combine, type Decision, type Mode, sideEffectRule, type ToolClass } from './decision.ts';
import type { Label } from './label.ts';

/** A tool of a model request, as the gate knows it. */
export type OfferedTool<T> = {
  readonly tool: T;
  readonly classes: readonly ToolClass[];
  /** What policy says of it for this principal in this state; absent means unknown to policy. */
  readonly decision?: Decision;
  /** A ToolPolicy rule speaks for it in this state, so the built-in side-effect rule does not. */
  readonly governed?: boolean;
};

/** A tool left out of a model request, and why. */
export type HiddenTool<T> = { readonly tool: T; readonly decision: Decision };

/** The tools of a model request after hiding, in the order given. */
export type VisibleTools<T> = {
  readonly visible: readonly T[];
  readonly hidden: readonly HiddenTool<T>[];
  /** Tools that would be hidden if their rules were enforced. */
  readonly observed: readonly HiddenTool<T>[];
};

/**
 * Says which tools of a model request to hide in the present state: those policy hides or denies, those unknown to
 * policy, and by the built-in rule those with side effects while something untrusted is in play. Tools that need an
 * approval or whose results are quarantined stay visible.
 */
export function visibleTools<T>(
  tools: readonly OfferedTool<T>[],
  inPlay: Label,
  settings: { readonly sideEffects: Mode; readonly policyRevision: string },
): VisibleTools<T> {
  const visible: T[] = [];
  const hidden: HiddenTool<T>[] = [];
  const observed: HiddenTool<T>[] = [];
  for (const offered of tools) {
    const decision = stateDecision(offered, inPlay, settings);
    if (hides(decision.enforced)) {
      hidden.push({ tool: offered.tool, decision });
      continue;
    }
    if (hides(decision.verdict)) observed.push({ tool: offered.tool, decision });
    visible.push(offered.tool);
  }
  return { visible, hidden, observed };
}

function hides(verdict: Decision['verdict']): boolean {
  return verdict === 'hide' || verdict === 'deny';
}

function stateDecision(
  offered: OfferedTool<unknown>,
  inPlay: Label,
  settings: { readonly sideEffects: Mode; readonly policyRevision: string },
): Decision {
  const said = offered.decision;
  // combine() of nothing is the default denial.
  if (said === undefined) return combine([], settings.policyRevision);
  if (hides(said.enforced) || offered.governed === true) return said;
  const builtin = combine(
    [sideEffectRule(inPlay, offered.classes, 'request', settings.sideEffects)],
    settings.policyRevision,
  );
  return hides(builtin.verdict) ? builtin : said;
}
