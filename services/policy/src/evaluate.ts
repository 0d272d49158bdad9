import { type Call, ToolRef_Kind } from '@sallyport/proto/policy/v1/policy_pb';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import { splitAnswers } from '@sallyport/turn/answers';
import type { JsonValue } from '@sallyport/turn/canonical-json';
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
import { type Label, TRUSTED } from '@sallyport/turn/label';
import { type ResolvedAccess, resolveAccess } from './access.ts';
import { ANSWER_CLASS, answersCarry, contextOfAnswers } from './rules/answers.ts';
import { LaterValue, type RuleValues } from './rules/expression.ts';
import { isBeyondJudging, MAX_JUDGED } from './rules/judged.ts';
import { type AskingRule, authorised, callOutcomes, listOutcomes } from './rules/outcomes.ts';
import {
  isDerived,
  labelOfOrigin,
  NO_VOUCHING,
  type OriginFields,
  type Provenance,
  provenanceOf,
  type Vouching,
} from './rules/provenance.ts';
import { askedPointers, askReason } from './rules/reasons.ts';
import {
  BUILTIN,
  isRefused,
  type KnownTool,
  knowTool,
  type RefusedTool,
  type ToolRefFields,
  UNKNOWN,
} from './rules/tool.ts';
import { contextValue, originsValue, principalValue, readJson, toolValue } from './rules/values.ts';
import { type Snapshot, type TenantRules, tenantRules } from './snapshot/tenant.ts';
import type { ToolPolicyUnit } from './snapshot/units.ts';

/** What decisions are made with, beside the request. */
export interface Setting {
  /** Undefined: no snapshot was ever seen, everything is denied. */
  readonly snapshot: Snapshot | undefined;
  /** Posture of the installation: what a policy without a mode and the built-in rules do. */
  readonly posture: Mode;
  /** Told of each rule of a ToolPolicy that only observes and would have refused, hidden, asked or quarantined. */
  readonly onObserved?: (principal: Principal, policy: ToolPolicyUnit, rule: string) => void;
}

/** A decision and the class of the tool it is about; the class is empty where the tool is not known. */
export type ToolDecision = Decision & {
  readonly toolClass: ToolClass | '';
  /** Of an ask: pointers of the values that nobody vouched for. */
  readonly asked?: readonly string[];
  /** Ids of the approval or endorsements that let the call pass. */
  readonly grantedBy?: readonly string[];
  /** Of a tool list: see ToolPolicy.spec.handlePositions. */
  readonly handlePositions?: readonly string[];
};

/** A decision on a call, and what it was made of; all but the decision is absent where no rule was asked. */
export interface CallJudgement {
  readonly decision: ToolDecision;
  readonly tool?: KnownTool;
  readonly args?: JsonValue;
  readonly provenance?: Provenance;
  /** The rules that ask, where the call waits for a person. */
  readonly asking: readonly AskingRule[];
}

/** A call, as callers build it. */
export type CallFields = Pick<Call, 'argumentsJson'> & {
  readonly tool?: ToolRefFields | undefined;
  readonly origins: readonly OriginFields[];
};

export type { OriginFields } from './rules/provenance.ts';

/** One principal in one state, against one snapshot. */
interface Case {
  readonly principal: Principal;
  readonly context: Label;
  readonly access: ResolvedAccess;
  readonly rules: TenantRules;
  readonly snapshot: Snapshot;
  readonly posture: Mode;
  readonly onObserved: Setting['onObserved'];
}

/** Calls of one model message and what policy knows of their values, in the order of the calls. */
export interface CallsToDecide {
  readonly principal: Principal;
  readonly context: Label;
  readonly calls: readonly CallFields[];
  readonly vouching?: readonly Vouching[];
}

/**
 * Decides the calls of one model message, in order. First what no mode relaxes: the tool is known, its definition the
 * reviewed one, the principal authorised, the arguments readable. Then the rules of every ToolPolicy that selects the
 * tool, and the built-in rules on side effects, which give way to an explicit Allow; the strictest wins.
 */
export function decideCalls(request: CallsToDecide, setting: Setting): ToolDecision[] {
  return judgeCalls(request, setting).map(({ decision }) => decision);
}

/** Decides as `decideCalls` does and tells what the decisions were made of. */
export function judgeCalls(request: CallsToDecide, setting: Setting): CallJudgement[] {
  const state = prepare(request, setting);
  return request.calls.map((call, index) =>
    state === undefined
      ? { decision: noSnapshot(), asking: [] }
      : judgeCall(call, request.vouching?.[index] ?? NO_VOUCHING, state),
  );
}

/** The tools of calls, in their order; undefined for those that may not be used whatever rules say. */
export function toolsOf(
  request: Pick<CallsToDecide, 'principal' | 'calls'>,
  setting: Setting,
): (KnownTool | undefined)[] {
  const rules = setting.snapshot?.tenants.get(request.principal.tenant) ?? NO_RULES;
  const access = resolveAccess(request.principal, rules);
  return request.calls.map((call) => {
    const tool = knowTool(call.tool, access, rules);
    return isRefused(tool) ? undefined : tool;
  });
}

/** Decides which tools a principal in this state may see in a model request: `hide` or `allow`, in order. */
export function decideTools(
  request: {
    readonly principal: Principal;
    readonly context: Label;
    readonly tools: readonly (ToolRefFields | undefined)[];
  },
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
  const access = resolveAccess(principal, rules);
  return { principal, context, access, rules, snapshot, posture, onObserved: setting.onObserved };
}

// Longest arguments that a person is shown, in characters.
const MAX_ASKED = 256 * 1024;

function judgeCall(call: CallFields, vouching: Vouching, state: Case): CallJudgement {
  const revision = state.snapshot.revision;
  const args = readJson(call.argumentsJson === '' ? '{}' : call.argumentsJson);
  const tool = knowTool(call.tool, state.access, state.rules, args ?? null);
  if (isRefused(tool)) return { decision: refusal(tool, revision), asking: [] };
  if (args === undefined) {
    const reason = 'The arguments are not JSON that can be read in one way only.';
    const decision = combine([invariant('deny', BUILTIN.arguments, reason)], revision);
    return { decision: { ...decision, toolClass: tool.toolClass }, asking: [] };
  }
  const { args: given, answers } = splitAnswers(args);
  const values = {
    args: new LaterValue(() => given),
    answers: new LaterValue(() => answers ?? {}),
    origins: originsValue(call.origins),
    ...commonValues(call.tool as ToolRefFields, tool, state),
  };
  const provenance = provenanceOf(args, call.origins, state.context, vouching);
  const said = callOutcomes(tool.policies, values, state, provenance);
  const classes = answers === undefined ? [tool.toolClass] : [tool.toolClass, ANSWER_CLASS];
  const builtin = [...standing(tool, said.permitted, 'deny', state, true, classes)];
  if (!said.spoken) {
    builtin.push(...sideEffects(tool, call, vouching, provenance, state));
    if (answers !== undefined) builtin.push(...answerOutcomes(call, args, vouching, state));
  }
  tellObserved(said.outcomes, tool.policies, state);
  const decision = combine([...said.outcomes, ...builtin, ...authorised(said)], revision);
  const about = { tool, args, provenance };
  if (decision.enforced !== 'ask') {
    return { decision: { ...decision, toolClass: tool.toolClass }, ...about, asking: [] };
  }
  // A stricter rule that only observes may name the decision: who asks is what people are told.
  const { rule, reason: why } = decision.enforcedBy ?? decision;
  const asked = askedPointers(said.asking, provenance);
  const tooMuch = beyondJudging(call, args, asked);
  if (tooMuch !== undefined) {
    const denied = deny(BUILTIN.beyondJudging, `A person would be asked (${rule}), but ${tooMuch}.`, revision);
    return { decision: { ...denied, toolClass: tool.toolClass }, ...about, asking: [] };
  }
  const reason = askReason(why, said.asking, provenance);
  return { decision: { ...decision, rule, reason, toolClass: tool.toolClass, asked }, ...about, asking: said.asking };
}

// Why nobody can be asked about a call; undefined where somebody can.
function beyondJudging(call: CallFields, args: JsonValue, asked: readonly string[]): string | undefined {
  if (call.argumentsJson.length > MAX_ASKED) return 'the arguments are too long for one to judge';
  if (!isBeyondJudging(args, asked)) return undefined;
  return `it is about more than ${MAX_JUDGED} values, which nobody looks at one by one`;
}

function decideTool(ref: ToolRefFields | undefined, state: Case): ToolDecision {
  const tool = knowTool(ref, state.access, state.rules);
  if (ref === undefined || isRefused(tool)) return refusal(isRefused(tool) ? tool : UNKNOWN, state.snapshot.revision);
  const lastChance = ref.kind === ToolRef_Kind.PROVIDER;
  const said = listOutcomes(tool.policies, commonValues(ref, tool, state), state, lastChance);
  const builtin = [...standing(tool, said.permitted, 'hide', state, lastChance)];
  if (!said.spoken) builtin.push(sideEffectRule(state.context, [tool.toolClass], 'request', state.posture));
  tellObserved(said.outcomes, tool.policies, state);
  const handlePositions = [...new Set(tool.policies.flatMap((policy) => policy.handlePositions))];
  return {
    ...combine([...said.outcomes, ...builtin, ...authorised(said)], state.snapshot.revision),
    toolClass: tool.toolClass,
    ...(handlePositions.length === 0 ? {} : { handlePositions }),
  };
}

/** Tells of the rules of ToolPolicies that would have done something, and only observe. */
export function tellObserved(
  outcomes: readonly RuleOutcome[],
  policies: readonly ToolPolicyUnit[],
  { principal, onObserved }: { readonly principal: Principal; readonly onObserved: Setting['onObserved'] },
): void {
  if (onObserved === undefined) return;
  for (const { verdict, mode, rule } of outcomes) {
    if (mode !== 'observe' || verdict === 'allow') continue;
    const policy = policies.find(({ name }) => rule.startsWith(`${name}/`));
    if (policy !== undefined) onObserved(principal, policy, rule);
  }
}

// Rules that stand in every mode: what a provider runs needs an Allow, and a snapshot from disk allows no side effects,
// which are refused where the gate sees a tool for the last time.
function standing(
  tool: KnownTool,
  permitted: boolean,
  verdict: 'deny' | 'hide',
  state: Case,
  lastChance: boolean,
  classes: readonly ToolClass[] = [tool.toolClass],
): RuleOutcome[] {
  const outcomes: RuleOutcome[] = [];
  if (tool.needsAllow && !permitted) {
    outcomes.push(
      invariant(verdict, BUILTIN.providerTool, 'Tools that the provider runs need a ToolPolicy that allows them.'),
    );
  }
  if (lastChance && !state.snapshot.caughtUp && hasSideEffect(classes)) {
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

function sideEffects(
  tool: KnownTool,
  { origins }: CallFields,
  vouching: Vouching,
  provenance: Provenance,
  state: Case,
): RuleOutcome[] {
  const outcomes = [sideEffectRule(state.context, [tool.toolClass], 'call', state.posture)];
  // A value of which nobody told where it came from is as good as one from untrusted content.
  const told = (one: OriginFields) => isUntrusted(one, vouching);
  if (hasSideEffect([tool.toolClass]) && (origins.some(told) || provenance.leaves([]).some(isDerived))) {
    const reason =
      'An argument holds a value from untrusted content, and no rule allows that for a tool with side effects.';
    outcomes.push({ verdict: 'deny', mode: state.posture, rule: BUILTIN.untrustedArguments, reason });
  }
  return outcomes;
}

// What else a server is told goes out to it, whatever its tool does.
function answerOutcomes(call: CallFields, args: JsonValue, vouching: Vouching, state: Case): RuleOutcome[] {
  const { context, posture } = state;
  const server = call.tool?.server ?? '';
  const outcomes = [sideEffectRule(contextOfAnswers(context, server), [ANSWER_CLASS], 'call', posture)];
  if (answersCarry(args, call.origins, vouching, server)) {
    const reason = 'An answer to the tool server holds a value from other untrusted content, and no rule allows that.';
    outcomes.push({ verdict: 'deny', mode: posture, rule: BUILTIN.untrustedArguments, reason });
  }
  return outcomes;
}

// The context is checked by itself, so what carries its label and has none of its own counts as trusted here.
function isUntrusted(origin: OriginFields, { endorsed, tainted }: Vouching): boolean {
  if (origin.name !== true && endorsed.has(origin.pointer)) return false;
  return labelOfOrigin(origin, TRUSTED, tainted.get(origin.pointer)).integrity === 'untrusted';
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
