import type { Mode, RuleOutcome, Verdict } from '@sallyport/turn/decision';
import type { CompiledCallRule, ToolPolicyUnit, When } from '../snapshot/units.ts';
import type { RuleValues } from './expression.ts';
import { BUILTIN } from './tool.ts';

/** What rules on calls say of one call, before the built-in rules. */
export interface CallOutcomes {
  readonly outcomes: readonly RuleOutcome[];
  /** A rule that acts allows the call, so the built-in rules on side effects leave it be. */
  readonly allowed: boolean;
  /** A rule in any mode allows it: an Allow in Observe mode still permits what is only off by default. */
  readonly permitted: boolean;
}

const FAILED = 'The rule could not be evaluated, so this is refused.';

/**
 * The rules of a policy that count: those whose condition holds, or fails; where none does, those without a condition,
 * which are the policy's default. The order in which rules stand decides nothing.
 */
export function counting<R extends { readonly when: When }>(
  rules: readonly R[],
  values: RuleValues,
): { readonly rule: R; readonly failed: boolean }[] {
  const found: { readonly rule: R; readonly failed: boolean }[] = [];
  for (const rule of rules) {
    if (rule.when === undefined) continue;
    const holds = evaluate(rule.when, values);
    if (holds !== false) found.push({ rule, failed: holds === undefined });
  }
  if (found.length > 0) return found;
  return rules.filter((rule) => rule.when === undefined).map((rule) => ({ rule, failed: false }));
}

/** Asks the rules on calls of every policy; `combine` lets the strictest win. */
export function callOutcomes(policies: readonly ToolPolicyUnit[], values: RuleValues, posture: Mode): CallOutcomes {
  const outcomes: RuleOutcome[] = [];
  for (const policy of policies) {
    const mode = policy.mode ?? posture;
    if (policy.unusable) outcomes.push(unusable(policy));
    for (const { rule, failed } of counting(policy.calls, values)) {
      if (failed) outcomes.push({ verdict: 'deny', mode, rule: rule.id, reason: FAILED });
      else outcomes.push({ verdict: callVerdict(rule), mode, rule: rule.id, reason: rule.reason });
    }
  }
  return summarise(outcomes, posture);
}

/**
 * Asks the rules on calls for a list, where no arguments are known. Deny leaves a tool in the list, since it explains
 * itself when called; a rule over arguments says nothing yet, but one that may allow keeps the tool in the list.
 * A tool run by the provider is never seen again by the gate: for it, every rule that might refuse hides.
 */
export function listOutcomes(
  policies: readonly ToolPolicyUnit[],
  values: RuleValues,
  posture: Mode,
  lastChance: boolean,
): CallOutcomes {
  const outcomes: RuleOutcome[] = [];
  let mayAllow = false;
  for (const policy of policies) {
    const mode = policy.mode ?? posture;
    if (policy.unusable) outcomes.push({ ...unusable(policy), verdict: 'hide' });
    const open = policy.calls.filter((rule) => needsArguments(rule.when));
    const openAllow = open.some((rule) => rule.action === 'Allow');
    if (openAllow && !lastChance && acts(mode, posture)) mayAllow = true;
    if (lastChance) {
      for (const { id, action, reason } of open) {
        if (action !== 'Allow') outcomes.push({ verdict: 'hide', mode, rule: id, reason });
      }
    }
    const known = policy.calls.filter((rule) => !needsArguments(rule.when));
    for (const { rule, failed } of counting(known, values)) {
      const { id, action, reason } = rule;
      // The policy's default does not hide what a rule over arguments may yet allow.
      const yields = rule.when === undefined && openAllow && !lastChance;
      // Where a condition fails, the call is denied. Until then only tools that get no second look are taken away.
      if (failed && (lastChance || action === 'Hide'))
        outcomes.push({ verdict: 'hide', mode, rule: id, reason: FAILED });
      else if (!failed && action === 'Allow') outcomes.push({ verdict: 'allow', mode, rule: id, reason });
      else if (!failed && !yields && (action === 'Hide' || lastChance)) {
        outcomes.push({ verdict: 'hide', mode, rule: id, reason });
      }
    }
  }
  const summary = summarise(outcomes, posture);
  return { ...summary, allowed: summary.allowed || mayAllow };
}

function evaluate(when: When, values: RuleValues): boolean | undefined {
  if (when === undefined) return true;
  // Undefined is an error.
  return when === 'unusable' ? undefined : when.evaluate(values);
}

/** What a policy that cannot be read says of everything it selects. */
export function unusable(policy: ToolPolicyUnit): RuleOutcome {
  const reason = 'The ToolPolicy cannot be read, so what it selects is refused.';
  return { verdict: 'deny', mode: policy.mode ?? 'enforce', rule: `${policy.name}/unreadable`, reason };
}

function summarise(outcomes: readonly RuleOutcome[], posture: Mode): CallOutcomes {
  const allows = outcomes.filter((one) => one.verdict === 'allow');
  return { outcomes, allowed: allows.some((one) => acts(one.mode, posture)), permitted: allows.length > 0 };
}

// In an installation that only observes, its own rules and the built-in ones stand on the same footing.
function acts(mode: Mode, posture: Mode): boolean {
  return mode === 'enforce' || posture === 'observe';
}

function needsArguments(when: When): boolean {
  return typeof when === 'object' && (when.variables.has('args') || when.variables.has('origins'));
}

function callVerdict(rule: CompiledCallRule): Verdict {
  return CALL_VERDICTS[rule.action];
}

const CALL_VERDICTS = { Allow: 'allow', Deny: 'deny', Ask: 'ask', Hide: 'hide' } as const;

/** What is said where no rule allows and nothing objects: the AccessPolicy does. Adds nothing to an explicit Allow. */
export function authorised(said: CallOutcomes): readonly RuleOutcome[] {
  return said.permitted ? [] : [AUTHORISED];
}

const AUTHORISED: RuleOutcome = {
  verdict: 'allow',
  mode: 'enforce',
  rule: BUILTIN.authorised,
  reason: 'An AccessPolicy allows this tool and no rule speaks against it.',
};
