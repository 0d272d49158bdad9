import type { Fault } from './parse.ts';
import { alwaysTrue, expressionFault } from './rule-expression.ts';
import type { RulePhase } from './rule-types.ts';
import type { ToolPolicySpec } from './tool-policy.ts';

/** A mistake in the rules of a ToolPolicy that no schema can see, with a reason fit for a condition. */
export type RuleFault = Fault & { readonly reason: 'InvalidExpression' | 'Shadowed' };

/** Everything that is wrong with the rules of a ToolPolicy: conditions that cannot be used, rules that never come up. */
export function toolPolicyFaults(spec: Pick<ToolPolicySpec, 'calls' | 'results'>): RuleFault[] {
  return [...faultsOf('calls', spec.calls), ...faultsOf('results', spec.results)];
}

type Rule = Pick<ToolPolicySpec['calls'][number], 'name' | 'when' | 'mode' | 'rollout'>;

function faultsOf(phase: RulePhase, rules: readonly Rule[]) {
  const faults: RuleFault[] = [];
  // A rule that only observes, or acts for some principals, leaves the word to those after it.
  const unconditional = rules.findIndex(
    (rule) => alwaysTrue(rule.when) && rule.rollout === undefined && rule.mode !== 'Observe',
  );
  rules.forEach((rule, index) => {
    const message = rule.when === undefined ? undefined : expressionFault(rule.when, phase);
    if (message !== undefined)
      faults.push({ path: `spec.${phase}[${index}].when`, message, reason: 'InvalidExpression' });
    if (unconditional !== -1 && index > unconditional) {
      const before = rules[unconditional]?.name;
      const text = `rule "${rule.name}" never comes up: "${before}" before it always decides`;
      faults.push({ path: `spec.${phase}[${index}]`, message: text, reason: 'Shadowed' });
    }
  });
  return faults;
}
