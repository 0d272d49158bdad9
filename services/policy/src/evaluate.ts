import { type Call, type Origin, ToolRef_Kind } from '@sallyport/proto/policy/v1/policy_pb';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import {
  combine,
  type Decision,
  deny,
  hasSideEffect,
  type Mode,
  type RuleOutcome,
  sideEffectRule,
  type ToolClass,
} from '@sallyport/turn/decision';
import type { Label } from '@sallyport/turn/label';
import { type Grant, resolveAccess } from './access.ts';
import { readLabel } from './labels.ts';
import { type RuleValues, ruleValue } from './rules/expression.ts';
import { authorised, callOutcomes, listOutcomes } from './rules/outcomes.ts';
import { BUILTIN, isRefused, type KnownTool, knowTool, type RefusedTool, type ToolRefFields } from './rules/tool.ts';
import { contextValue, originsValue, principalValue, readJson, toolValue } from './rules/values.ts';
import { type Snapshot, type TenantRules, tenantRules } from './snapshot/tenant.ts';

/** What decisions are made with, beside the request. */
export interface Setting {
  /** Undefined: no snapshot was ever seen, everything is denied. */
  readonly snapshot: Snapshot | undefined;
  /** Posture of the installation: what a policy without a mode and the built-in rules do. */
  readonly posture: Mode;
}

/** A decision and the class of the tool it is about; the class is empty where the tool is not known. */
export type ToolDecision = Decision & { readonly toolClass: ToolClass | '' };

/** A call, as callers build it. */
export type CallFields = Pick<Call, 'argumentsJson'> & {
  readonly tool?: ToolRefFields | undefined;
  readonly origins: readonly OriginFields[];
};

/** An origin, as callers build it. */
export type OriginFields = Pick<Origin, 'pointer' | 'origin'> & { readonly label?: Origin['label'] };

/** One principal in one state, against one snapshot. */
interface Case {
  readonly principal: Principal;
  readonly context: Label;
  readonly grants: readonly Grant[];
  readonly rules: TenantRules;
  readonly snapshot: Snapshot;
  readonly posture: Mode;
}

/**
 * Decides the calls of one model message, in order. First what no mode relaxes: the tool is known, its definition the
 * reviewed one, the principal authorised, the arguments readable. Then the rules of every ToolPolicy that selects the
 * tool, and the built-in rules on side effects, which give way to an explicit Allow; the strictest wins.
 */
export function decideCalls(
  request: { readonly principal: Principal; readonly context: Label; readonly calls: readonly CallFields[] },
  setting: Setting,
): ToolDecision[] {
  const state = prepare(request, setting);
  return request.calls.map((call) => (state === undefined ? noSnapshot() : decideCall(call, state)));
}

/** Decides which tools a principal in this state may see in a model request: `hide` or `allow`, in order. */
export function decideTools(
  request: { readonly principal: Principal; readonly context: Label; readonly tools: readonly ToolRefFields[] },
  setting: Setting,
): ToolDecision[] {
  const state = prepare(request, setting);
  return request.tools.map((tool) => (state === undefined ? noSnapshot() : decideTool(tool, state)));
}

/** The decision about everything while no snapshot is known. */
export function noSnapshot(): ToolDecision {
  return { ...deny(BUILTIN.noSnapshot, 'No policy is known yet, so this is refused.', ''), toolClass: '' };
}

/** The decision about a tool that may not be used whatever the rules say. */
export function refusal(tool: RefusedTool, revision: string): ToolDecision {
  return { ...combine([{ ...tool, mode: 'enforce', invariant: true }], revision), toolClass: '' };
}

function prepare(
  request: { readonly principal: Principal; readonly context: Label },
  setting: Setting,
): Case | undefined {
  const { snapshot, posture } = setting;
  const rules = snapshot?.tenants.get(request.principal.tenant) ?? NO_RULES;
  if (snapshot === undefined) return undefined;
  const { principal, context } = request;
  return { principal, context, grants: resolveAccess(principal, rules), rules, snapshot, posture };
}

function decideCall(call: CallFields, state: Case): ToolDecision {
  const revision = state.snapshot.revision;
  const tool = knowTool(call.tool, state.grants, state.rules);
  if (isRefused(tool)) return refusal(tool, revision);
  const args = readJson(call.argumentsJson === '' ? '{}' : call.argumentsJson);
  const finish = (outcomes: readonly RuleOutcome[]): ToolDecision => ({
    ...combine(outcomes, revision),
    toolClass: tool.toolClass,
  });
  if (args === undefined) {
    return finish([
      invariant('deny', BUILTIN.arguments, 'The arguments are not JSON that can be read in one way only.'),
    ]);
  }
  const values = {
    args: ruleValue(args),
    origins: originsValue(call.origins),
    ...commonValues(call.tool as ToolRefFields, tool, state),
  };
  const said = callOutcomes(tool.policies, values, state.posture);
  const builtin = [...standing(tool, said.permitted, 'deny', state, true)];
  if (!said.allowed) builtin.push(...sideEffects(tool, call, state));
  return finish([...said.outcomes, ...builtin, ...authorised(said)]);
}

function decideTool(ref: ToolRefFields, state: Case): ToolDecision {
  const tool = knowTool(ref, state.grants, state.rules);
  if (isRefused(tool)) return refusal(tool, state.snapshot.revision);
  const lastChance = ref.kind === ToolRef_Kind.PROVIDER;
  const said = listOutcomes(tool.policies, commonValues(ref, tool, state), state.posture, lastChance);
  const builtin = [...standing(tool, said.permitted, 'hide', state, lastChance)];
  if (!said.allowed) builtin.push(sideEffectRule(state.context, [tool.toolClass], 'request', state.posture));
  return {
    ...combine([...said.outcomes, ...builtin, ...authorised(said)], state.snapshot.revision),
    toolClass: tool.toolClass,
  };
}

// Rules that stand in every mode: what a provider runs needs an Allow, and a snapshot from disk allows no side effects,
// which are refused where the gate sees a tool for the last time.
function standing(
  tool: KnownTool,
  permitted: boolean,
  verdict: 'deny' | 'hide',
  state: Case,
  lastChance: boolean,
): RuleOutcome[] {
  const outcomes: RuleOutcome[] = [];
  if (tool.needsAllow && !permitted) {
    outcomes.push(
      invariant(verdict, BUILTIN.providerTool, 'Tools that the provider runs need a ToolPolicy that allows them.'),
    );
  }
  if (lastChance && !state.snapshot.caughtUp && hasSideEffect([tool.toolClass])) {
    outcomes.push(
      invariant(
        verdict,
        BUILTIN.notCaughtUp,
        'Policies come from a stored copy, so nothing with side effects is allowed yet.',
      ),
    );
  }
  return outcomes;
}

function sideEffects(tool: KnownTool, call: CallFields, state: Case): RuleOutcome[] {
  const outcomes = [sideEffectRule(state.context, [tool.toolClass], 'call', state.posture)];
  if (hasSideEffect([tool.toolClass]) && call.origins.some(isUntrusted)) {
    const reason =
      'An argument holds a value from untrusted content, and no rule allows that for a tool with side effects.';
    outcomes.push({ verdict: 'deny', mode: state.posture, rule: BUILTIN.untrustedArguments, reason });
  }
  return outcomes;
}

// What is typed by the user, composed by the model or of unknown origin and has no label of its own carries the label
// of the context, which is checked.
const OF_CONTEXT: ReadonlySet<string> = new Set(['typed', 'system', 'composed', 'unknown']);

// A handle stands for a value out of untrusted content, whatever its label says.
function isUntrusted(origin: OriginFields): boolean {
  if (origin.origin === 'handle') return true;
  if (origin.label !== undefined) return readLabel(origin.label).integrity === 'untrusted';
  return !OF_CONTEXT.has(origin.origin);
}

function commonValues(ref: ToolRefFields, tool: KnownTool, state: Case): RuleValues {
  return {
    tool: toolValue(ref, tool.toolClass),
    principal: principalValue(state.principal),
    context: contextValue(state.context),
  };
}

function invariant(verdict: 'deny' | 'hide', rule: string, reason: string): RuleOutcome {
  return { verdict, mode: 'enforce', invariant: true, rule, reason };
}

// A tenant without any resource has no grants, so all of its tools are unknown.
const NO_RULES = tenantRules([]);
