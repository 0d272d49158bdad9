import type { ProvenanceUse } from '@sallyport/custom-resources/rule-provenance';
import { resolveAccess } from '@sallyport/policy/access';
import { type RuleValues, ruleValue } from '@sallyport/policy/rules/expression';
import { type Leaf, provenanceOf } from '@sallyport/policy/rules/provenance';
import { effectiveMode } from '@sallyport/policy/rules/reach';
import { isRefused, knowTool } from '@sallyport/policy/rules/tool';
import { contextValue, originsValue, principalValue, toolValue } from '@sallyport/policy/rules/values';
import type { CompiledCallRule, CompiledResultRule } from '@sallyport/policy/snapshot/units';
import type { Mode } from '@sallyport/turn/decision';
import { type CompiledRules, conditionKey } from './compiled-rules.ts';
import type { Question } from './question.ts';

/** What one rule says to a question. */
export interface RuleAnswer {
  readonly id: string;
  readonly action: string;
  readonly mode: Mode;
  /** Undefined: the rule has none and is the policy's default. */
  readonly condition?: string;
  /** Whether the condition holds; undefined where it fails, which refuses. Of a default: whether it applies. */
  readonly holds: boolean | undefined;
  /** What the condition asks about origins, and the answers. */
  readonly asked: readonly OriginAnswer[];
}

/** One question of a condition about the origin of an argument. */
export interface OriginAnswer {
  /** As it stands in the rule: `known(args.to)`. */
  readonly text: string;
  readonly answer: string;
  /** Values for which nobody vouched, so that the answer is not the good one. */
  readonly unvouched: readonly Leaf[];
}

/** Asks every rule that speaks of the tool, in the phase of the question; none where the tool may not be used at all. */
export function answersOf(question: Question, rules: CompiledRules): RuleAnswer[] {
  const { principal, tool: ref, context, posture } = question;
  const tenant = rules.snapshot.tenants.get(principal.tenant);
  if (tenant === undefined || question.phase === 'list') return [];
  const tool = knowTool(ref, resolveAccess(principal, tenant), tenant);
  if (isRefused(tool)) return [];
  const common = {
    tool: toolValue(ref, tool.toolClass),
    principal: principalValue(principal),
    args: ruleValue(question.args),
  };
  const ofCall = question.phase === 'call';
  const values: RuleValues = ofCall
    ? { ...common, context: contextValue(context), origins: originsValue(question.origins) }
    : {
        ...common,
        isError: ruleValue(question.isError ?? false),
        result: ruleValue(question.structured ?? null),
        sizeBytes: ruleValue(question.structured === undefined ? 0 : JSON.stringify(question.structured).length),
      };
  const provenance = ofCall ? provenanceOf(question.args, question.origins, context, question.vouching) : undefined;
  return tool.policies.flatMap((policy) => {
    const list: readonly (CompiledCallRule | CompiledResultRule)[] = ofCall ? policy.calls : policy.results;
    const held = list.map(({ when }) =>
      when === undefined || when === 'unusable' ? undefined : when.evaluate(values, provenance),
    );
    // A condition that fails counts, so defaults do not apply then.
    const anyCounts = list.some(({ when }, index) => when !== undefined && held[index] !== false);
    return list.map((rule, index): RuleAnswer => {
      const condition = rules.conditions.get(conditionKey(principal.tenant, ofCall ? 'calls' : 'results', rule.id));
      const uses = typeof rule.when === 'object' ? rule.when.uses : [];
      return {
        id: rule.id,
        action: rule.action,
        mode: effectiveMode(rule, policy, { posture, principal }),
        ...(condition === undefined ? {} : { condition }),
        holds: rule.when === undefined ? !anyCounts : held[index],
        asked: uses.map((use) => ({
          text: textOf(use),
          answer: JSON.stringify(provenance?.answer(use)),
          unvouched: provenance?.unvouched(use) ?? [],
        })),
      };
    });
  });
}

/** A question about origins as it stands in a rule. */
export function textOf({ name, path, tool, field }: ProvenanceUse): string {
  const place = `args${path.map((token) => (/^\d+$/.test(token) ? `[${token}]` : `.${token}`)).join('')}`;
  return name === 'from' ? `${place}.from("${tool}", "${field}")` : `${name}(${place})`;
}
