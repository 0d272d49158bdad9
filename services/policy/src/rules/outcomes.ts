import type { Mode, RuleOutcome, Verdict } from '@sallyport/turn/decision';
import type { CompiledCallRule, ToolPolicyUnit, When } from '../snapshot/units.ts';
import type { RuleValues } from './expression.ts';
import type { Provenance } from './provenance.ts';
import { effectiveMode, type Reach } from './reach.ts';
import { BUILTIN } from './tool.ts';

/** What rules on calls say of one call, before the built-in rules. */
export interface CallOutcomes {
  readonly outcomes: readonly RuleOutcome[];
  /** A rule that acts allows the call or asks a person, so the built-in rules on side effects leave it be. */
  readonly spoken: boolean;
  /** A rule in any mode allows it: an Allow in Observe mode still permits what is only off by default. */
  readonly permitted: boolean;
  /** The rules that act and ask, with their policies. */
  readonly asking: readonly AskingRule[];
}

/** A rule that wants a person to be asked. */
export interface AskingRule {
  readonly rule: CompiledCallRule;
  readonly policy: ToolPolicyUnit;
}

const FAILED = 'The rule could not be evaluated, so this is refused.';

/**
 * The rules of a policy that count: those whose condition holds, or fails; where none does, those without a condition,
 * which are the policy's default. The order in which rules stand decides nothing.
 */
export function counting<R extends { readonly when: When }>(
  rules: readonly R[],
  values: RuleValues,
  provenance?: Provenance,
): { readonly rule: R; readonly failed: boolean }[] {
  const found: { readonly rule: R; readonly failed: boolean }[] = [];
  for (const rule of rules) {
    if (rule.when === undefined) continue;
    const holds = evaluate(rule.when, values, provenance);
    if (holds !== false) found.push({ rule, failed: holds === undefined });
  }
  if (found.length > 0) return found;
  return rules.filter((rule) => rule.when === undefined).map((rule) => ({ rule, failed: false }));
}

/** Asks the rules on calls of every policy; `combine` lets the strictest win. */
export function callOutcomes(
  policies: readonly ToolPolicyUnit[],
  values: RuleValues,
  reach: Reach,
  provenance: Provenance,
): CallOutcomes {
  const outcomes: RuleOutcome[] = [];
  const asking: AskingRule[] = [];
  for (const policy of policies) {
    if (policy.unusable) outcomes.push(unusable(policy));
    for (const { rule, failed } of counting(policy.calls, values, provenance)) {
      const outcome = outcomeOf(rule, policy, reach, failed ? 'deny' : callVerdict(rule), failed);
      outcomes.push(outcome);
      if (outcome.verdict === 'ask' && outcome.mode === 'enforce') asking.push({ rule, policy });
    }
  }
  return summarise(outcomes, reach.posture, asking);
}

function outcomeOf(
  rule: CompiledCallRule,
  policy: ToolPolicyUnit,
  reach: Reach,
  verdict: Verdict,
  failed: boolean,
): RuleOutcome {
  const { id, reason, priority } = rule;
  const mode = effectiveMode(rule, policy, reach);
  return {
    verdict,
    mode,
    rule: id,
    reason: failed ? FAILED : reason,
    ...(priority === undefined ? {} : { priority }),
  };
}

/**
 * Asks the rules on calls for a list, where no arguments are known. Deny leaves a tool in the list, since it explains
 * itself when called; a rule over arguments says nothing yet, but one that may allow or ask keeps the tool in the list.
 * A tool run by the provider is never seen again by the gate: for it, every rule that might refuse hides.
 */
export function listOutcomes(
  policies: readonly ToolPolicyUnit[],
  values: RuleValues,
  reach: Reach,
  lastChance: boolean,
): CallOutcomes {
  const outcomes: RuleOutcome[] = [];
  let mayPass = false;
  for (const policy of policies) {
    if (policy.unusable) outcomes.push({ ...unusable(policy), verdict: 'hide' });
    const says = (rule: CompiledCallRule, verdict: Verdict, failed = false) =>
      outcomes.push(outcomeOf(rule, policy, reach, verdict, failed));
    const open = policy.calls.filter((rule) => needsArguments(rule.when));
    const passing = lastChance ? [] : open.filter(mayLetPass);
    if (passing.some((rule) => acts(effectiveMode(rule, policy, reach), reach.posture))) mayPass = true;
    if (lastChance) for (const rule of open) if (rule.action !== 'Allow') says(rule, 'hide');
    const known = policy.calls.filter((rule) => !needsArguments(rule.when));
    for (const { rule, failed } of counting(known, values)) {
      // The policy's default does not hide what a rule over arguments may yet allow.
      const yields = rule.when === undefined && passing.length > 0;
      // Where a condition fails, the call is denied. Until then only tools that get no second look are taken away.
      if (failed && (lastChance || rule.action === 'Hide')) says(rule, 'hide', true);
      else if (failed) continue;
      else if (rule.action === 'Allow') says(rule, 'allow');
      else if (rule.action === 'Ask' && !lastChance) {
        if (acts(effectiveMode(rule, policy, reach), reach.posture)) mayPass = true;
      } else if (!yields && (rule.action === 'Hide' || lastChance)) says(rule, 'hide');
    }
  }
  const summary = summarise(outcomes, reach.posture, []);
  return { ...summary, spoken: summary.spoken || mayPass };
}

function mayLetPass(rule: CompiledCallRule): boolean {
  return rule.action === 'Allow' || rule.action === 'Ask';
}

function evaluate(when: When, values: RuleValues, provenance: Provenance | undefined): boolean | undefined {
  if (when === undefined) return true;
  // Undefined is an error.
  return when === 'unusable' ? undefined : when.evaluate(values, provenance);
}

/** What a policy that cannot be read says of everything it selects. */
export function unusable(policy: ToolPolicyUnit): RuleOutcome {
  const reason = 'The ToolPolicy cannot be read, so what it selects is refused.';
  return { verdict: 'deny', mode: policy.mode ?? 'enforce', rule: `${policy.name}/unreadable`, reason };
}

function summarise(outcomes: readonly RuleOutcome[], posture: Mode, asking: readonly AskingRule[]): CallOutcomes {
  const allows = outcomes.filter((one) => one.verdict === 'allow');
  return {
    outcomes,
    spoken: asking.length > 0 || allows.some((one) => acts(one.mode, posture)),
    permitted: allows.length > 0 || asking.length > 0,
    asking,
  };
}

// In an installation that only observes, its own rules and the built-in ones stand on the same footing.
function acts(mode: Mode, posture: Mode): boolean {
  return mode === 'enforce' || posture === 'observe';
}

const ABOUT_CALLS = ['args', 'answers', 'origins'];

function needsArguments(when: When): boolean {
  if (typeof when !== 'object') return false;
  return when.uses.length > 0 || ABOUT_CALLS.some((name) => when.variables.has(name));
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
