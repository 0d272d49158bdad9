import type { QuarantineSpec } from '@sallyport/custom-resources/tool-policy';
import type { ResultFieldSpec } from '@sallyport/custom-resources/tool-server';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import { splitAnswers } from '@sallyport/turn/answers';
import { combine, type Decision, deny, type Mode, type RuleOutcome } from '@sallyport/turn/decision';
import { type Label, label, untrusted } from '@sallyport/turn/label';
import { isOfferingCall } from '@sallyport/turn/offering';
import { resolveAccess } from './access.ts';
import { noSnapshot, refusal, type Setting, type ToolDecision, tellObserved } from './evaluate.ts';
import { LaterValue, type RuleValues } from './rules/expression.ts';
import { counting, unusable } from './rules/outcomes.ts';
import { effectiveMode } from './rules/reach.ts';
import { BUILTIN, isRefused, type KnownTool, knowTool, type ToolRefFields } from './rules/tool.ts';
import { principalValue, readJson, toolValue } from './rules/values.ts';
import type { TenantRules } from './snapshot/tenant.ts';
import type { CompiledResultRule } from './snapshot/units.ts';

/** A tool's result, as far as rules see it. */
export interface ResultFields {
  readonly principal: Principal;
  readonly tool?: ToolRefFields | undefined;
  readonly argumentsJson: string;
  /** Structured content as JSON; empty where there is none, then `result` is null. */
  readonly resultJson: string;
  readonly isError: boolean;
  readonly sizeBytes: number;
}

/** What becomes of a result. */
export interface ResultDecision {
  readonly decision: ToolDecision;
  /**
   * Label of the content itself: for an allowed result it joins the context. For a quarantined one it is the label of
   * the values behind the handles; the plain fields of the typed answer do not taint the context (DESIGN §5).
   */
  readonly label: Label;
  /** The tool, where rules were asked. */
  readonly tool?: KnownTool;
  /** Set where the enforced action is quarantine: what is shown of the result, and who reads it. */
  readonly quarantine?: { readonly spec: QuarantineSpec; readonly fields: readonly ResultFieldSpec[] };
}

/**
 * Decides a result. Every rule that holds counts (see `counting`) and the strictest wins: Deny, then Quarantine, then
 * Allow. It is trusted only if all rules that allow it say so. Without a rule it is allowed and untrusted; a rule that fails denies.
 */
export function decideResult(request: ResultFields, setting: Setting): ResultDecision {
  const { snapshot } = setting;
  const rules = snapshot?.tenants.get(request.principal.tenant);
  const from = sourceOf(request);
  if (snapshot === undefined) return { decision: noSnapshot(), label: from };
  const revision = snapshot.revision;
  if (rules === undefined) {
    const decision = deny(BUILTIN.unknownTool, 'No such tool is known.', revision);
    return { decision: { ...decision, toolClass: '' }, label: from };
  }
  const access = resolveAccess(request.principal, rules);
  const args = isOfferingCall(request.tool?.name ?? '') ? readJson(request.argumentsJson) : undefined;
  const tool = knowTool(request.tool, access, rules, args);
  // The call was allowed when it was made; a result of what is no longer allowed is withheld.
  if (isRefused(tool)) return { decision: refusal({ ...tool, verdict: 'deny' }, revision), label: from };
  return decideByRules(request, tool, rules, revision, setting);
}

function decideByRules(
  request: ResultFields,
  tool: KnownTool,
  rules: TenantRules,
  revision: string,
  { posture, onObserved }: Setting,
): ResultDecision {
  const from = sourceOf(request);
  const values = resultValues(request, tool);
  const outcomes: RuleOutcome[] = [];
  const matched: { readonly rule: CompiledResultRule; readonly mode: Mode }[] = [];
  const reach = { posture, principal: request.principal };
  for (const policy of tool.policies) {
    if (policy.unusable) outcomes.push(unusable(policy));
    for (const { rule, failed } of counting(policy.results, values)) {
      const mode = effectiveMode(rule, policy, reach);
      if (failed) {
        const reason = 'The rule could not be evaluated, so the result is withheld.';
        outcomes.push({ verdict: 'deny', mode, rule: rule.id, reason });
      } else {
        matched.push({ rule, mode });
        outcomes.push(outcomeOf(rule, mode, rules));
      }
    }
  }
  if (outcomes.length === 0) {
    const reason = 'No rule speaks of this result, so it is untrusted.';
    outcomes.push({ verdict: 'allow', mode: 'enforce', rule: BUILTIN.resultUntrusted, reason });
  }
  tellObserved(outcomes, tool.policies, { principal: request.principal, onObserved });
  const decision: Decision = combine(outcomes, revision);
  const chosen = matched.find(({ rule }) => rule.id === decision.rule)?.rule;
  return {
    decision: { ...decision, toolClass: tool.toolClass },
    tool,
    label: decision.enforced === 'allow' && isTrusted(outcomes, matched, posture) ? trustedLabel(request) : from,
    ...(decision.enforced === 'quarantine' ? quarantineOf(decision, chosen, matched, tool) : {}),
  };
}

function outcomeOf(rule: CompiledResultRule, mode: Mode, rules: TenantRules): RuleOutcome {
  const { id, reason, priority = 0 } = rule;
  if (rule.action === 'Allow') return { verdict: 'allow', mode, rule: id, reason, priority };
  if (rule.action === 'Deny') return { verdict: 'deny', mode, rule: id, reason, priority };
  const { model } = rule.question ?? { model: '' };
  if (model === undefined || rules.models.has(model)) {
    return { verdict: 'quarantine', mode, rule: id, reason, priority };
  }
  const missing = 'The model that should read the result in quarantine does not exist, so the result is withheld.';
  return { verdict: 'deny', mode, rule: BUILTIN.noQuarantineModel, reason: missing };
}

// Trust is raised only where everything that matched agrees; an Observe policy raises nothing in an enforcing suite.
function isTrusted(
  outcomes: readonly RuleOutcome[],
  matched: readonly { readonly rule: CompiledResultRule; readonly mode: Mode }[],
  posture: Mode,
): boolean {
  return (
    matched.length > 0 &&
    matched.length === outcomes.length &&
    matched.every(({ rule, mode }) => rule.trusted && (mode === 'enforce' || posture === 'observe'))
  );
}

function quarantineOf(
  decision: Decision,
  chosen: CompiledResultRule | undefined,
  matched: readonly { readonly rule: CompiledResultRule; readonly mode: Mode }[],
  { fields }: KnownTool,
): Pick<ResultDecision, 'quarantine'> {
  // Where a stricter rule only observes, it names the decision; the question is that of the rule which acts.
  const acting = matched.filter(({ rule, mode }) => rule.action === 'Quarantine' && mode === 'enforce');
  acting.sort((a, b) => (a.rule.id < b.rule.id ? -1 : 1));
  const rule = decision.verdict === 'quarantine' ? (chosen ?? acting[0]?.rule) : acting[0]?.rule;
  return rule?.question === undefined ? {} : { quarantine: { spec: rule.question, fields } };
}

function resultValues(request: ResultFields, tool: KnownTool): RuleValues {
  return {
    tool: toolValue(request.tool as ToolRefFields, tool.toolClass),
    principal: principalValue(request.principal),
    isError: new LaterValue(() => request.isError),
    sizeBytes: new LaterValue(() => request.sizeBytes),
    // Rules that ask for what cannot be read fail, which denies.
    result: new LaterValue(() => (request.resultJson === '' ? null : readJson(request.resultJson))),
    args: new LaterValue(() => {
      const args = request.argumentsJson === '' ? {} : readJson(request.argumentsJson);
      return args && splitAnswers(args).args;
    }),
  };
}

/** Name of a tool in the sources of a label. */
export function toolSource(tool: ToolRefFields | undefined): string {
  return `tool:${tool?.server || tool?.owner || '?'}/${tool?.name ?? '?'}`;
}

// Content that was fetched with somebody's rights is for that principal's eyes until something widens it.
function sourceOf(request: ResultFields): Label {
  return untrusted(toolSource(request.tool), audienceOf(request.principal));
}

function trustedLabel(request: ResultFields): Label {
  return label('trusted', [toolSource(request.tool)], audienceOf(request.principal));
}

function audienceOf(principal: Principal): string[] {
  return [principal.user === '' ? principal.id : `user:${principal.user}`];
}
