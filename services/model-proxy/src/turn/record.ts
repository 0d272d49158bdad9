import { asGatewayError, type GatewayError } from '@sallyport/chassis/errors';
import { uuidv7 } from '@sallyport/chassis/uuid';
import {
  decisionFields,
  outcomeFields,
  principalFields,
  principalKind,
  quarantineFields,
  refText,
  turnFields,
} from '@sallyport/peers/record-fields';
import type { RecordInit } from '@sallyport/peers/records';
import { Record_Kind } from '@sallyport/proto/audit/v1/audit_pb';
import { ApprovalState } from '@sallyport/proto/policy/v1/approval_pb';
import type { Question } from '@sallyport/proto/policy/v1/policy_pb';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { ExtractResponse } from '@sallyport/proto/quarantine/v1/quarantine_pb';
import type { Decision, StepCall, StepOutcome } from '@sallyport/turn';
import { UNITS, type Usage } from '../chat/usage.ts';
import type { Decided } from './decide.ts';
import type { Gate } from './gate.ts';
import type { Turn, TurnTool } from './turn.ts';

/** One try of one target, for the record. */
export interface Attempt {
  readonly provider: string;
  readonly model: string;
  readonly outcome: string;
  readonly status?: number | undefined;
  readonly error?: string | undefined;
  readonly ms: number;
  /** Which key, by reference; never its value. */
  readonly credential?: string | undefined;
  /** Why this target, in a few words. */
  readonly why?: string;
  /** How long the call waited for a place in the target. */
  readonly waitMs?: number | undefined;
  /** What the target was not told. */
  readonly dropped?: readonly string[] | undefined;
  /** The Model that was fallen back to. */
  readonly via?: string | undefined;
}

/** What is known of a model call when it is over. */
export interface ModelCallFacts {
  readonly step: number;
  readonly startedAtMs: number;
  readonly durationMs: number;
  readonly firstTokenMs: number;
  readonly provider: string;
  readonly upstreamModel: string;
  readonly stream: boolean;
  readonly usage: Usage;
  readonly usageEstimated: boolean;
  /** Undefined: the price is unknown. */
  readonly costNanoUsd: number | undefined;
  readonly finish: string;
  readonly attempts: readonly Attempt[];
  readonly limits: readonly { readonly limit: string; readonly dimension: string }[];
  readonly outcome: 'ok' | 'error' | 'cancelled';
  readonly error?: GatewayError;
  /** What a cache saved, here or at the provider; absent where none was in play. */
  readonly saved?: Saved;
}

/** What was not paid because of a cache: nano-USD, below zero where writing cost more than reading saved; and tokens. */
export interface Saved {
  readonly by: 'answer' | 'prompt';
  readonly nanoUsd: number;
  readonly tokens: number;
}

/**
 * Stage 17, for a model call: the one record with admission, route, limits, usage and cost as fields. All of them stand in
 * one literal, though most of it is `base`: what is spread together gets its room three fields at a time.
 */
export function recordModelCall(gate: Pick<Gate, 'recorder'>, turn: Turn, call: ModelCallFacts): void {
  const { principal, attribution, label } = turn;
  const { usage, error } = call;
  gate.recorder.append({
    id: uuidv7(),
    kind: Record_Kind.MODEL_CALL,
    tenant: principal.tenant,
    trajectory: turn.trajectory,
    turn: turn.id,
    step: call.step,
    startedAtMs: call.startedAtMs,
    durationMs: call.durationMs,
    principalKind: principalKind(principal),
    principalId: principal.id,
    user: attribution.user,
    teams: principal.teams,
    customer: attribution.customer,
    keyId: principal.keyId,
    client: principal.client,
    tags: attribution.tags as string[],
    endpoint: turn.endpoint,
    model: turn.model.publicName,
    provider: call.provider,
    upstreamModel: call.upstreamModel,
    stream: call.stream,
    inputTokens: usage.input,
    outputTokens: usage.output,
    cacheReadTokens: usage.cacheRead,
    cacheWriteTokens: usage.cacheWrite,
    reasoningTokens: usage.reasoning,
    costNanoUsd: call.costNanoUsd ?? -1,
    cache: turn.cache?.status ?? 'off',
    firstTokenMs: call.firstTokenMs,
    finishReason: call.finish,
    attemptsJson: JSON.stringify(call.attempts),
    promptVersion: attribution.promptVersion,
    variant: attribution.variant || (turn.routed?.target.spec?.variant ?? ''),
    feature: attribution.feature,
    project: attribution.project,
    usageEstimated: call.usageEstimated,
    outcome: call.outcome,
    errorCode: error?.code ?? '',
    httpStatus: error?.status ?? 200,
    policyRevision: turn.policyRevision,
    labelTrusted: label.integrity === 'trusted',
    labelSources: label.sources as string[],
    hiddenJson: turn.hidden.length > 0 ? JSON.stringify(turn.hidden) : '',
    limitsJson: call.limits.length > 0 ? JSON.stringify(call.limits) : '',
    detailJson: hasDetail(turn, call) ? callDetail(turn, call) : '',
  });
  if (call.outcome !== 'ok') turn.failureRecorded = true;
}

/** Stage 17, for a turn that ended otherwise than by a model call: who was refused what, and why. */
export function recordEndedTurn(gate: Pick<Gate, 'recorder'>, turn: Turn, error: GatewayError): void {
  gate.recorder.append({
    ...base(turn),
    ...refusalFields(error, turn.startedAtMs),
    step: turn.step,
    detailJson: foreignDetail(turn, error),
  });
}

/** Stage 17, for a request of a known principal that was not admitted. */
export function recordRefusedAdmission(
  gate: Pick<Gate, 'recorder'>,
  principal: Principal,
  request: { trajectory: string; turn: string; endpoint: string; model: string; startedAtMs: number },
  error: GatewayError,
): void {
  const { startedAtMs, model, ...rest } = request;
  gate.recorder.append({
    ...principalFields(principal),
    ...rest,
    id: uuidv7(),
    // The client's word for a model that may not exist.
    model: model.slice(0, 128),
    user: principal.user,
    customer: principal.customer,
    labelTrusted: true,
    ...refusalFields(error, startedAtMs),
    detailJson: error.details ? JSON.stringify(error.details) : '',
  });
}

function refusalFields(error: GatewayError, startedAtMs: number): RecordInit {
  return {
    kind: Record_Kind.ADMISSION_REFUSAL,
    startedAtMs,
    durationMs: Date.now() - startedAtMs,
    outcome: error.code === 'cancelled' ? 'cancelled' : error.status >= 500 ? 'error' : 'refused',
    errorCode: error.code,
    httpStatus: error.status,
    reason: error.message,
  };
}

/** Whether anything is to be said beside the fields: of most calls nothing is. */
function hasDetail({ foreignTrajectory, operation, decoration, cache }: Turn, { saved }: ModelCallFacts): boolean {
  return (
    foreignTrajectory !== '' ||
    operation !== undefined ||
    decoration !== undefined ||
    cache !== undefined ||
    saved !== undefined
  );
}

/**
 * What is to be said of a call beside its fields: a run that is not the caller's, what was counted beside tokens, what was put
 * into the request, what a cache saved.
 */
function callDetail(
  { foreignTrajectory, decoration, cache, operation }: Turn,
  { usage, saved }: ModelCallFacts,
): string {
  const units = Object.fromEntries(UNITS.flatMap((unit) => (usage[unit] ? [[unit, usage[unit]]] : [])));
  const detail = {
    ...(foreignTrajectory === '' ? {} : { foreignTrajectory }),
    ...(Object.keys(units).length === 0 ? {} : { units }),
    ...(decoration === undefined ? {} : { decoration: decoration.digest }),
    ...(cache?.status === 'hit' ? { cacheAgeSeconds: cache.ageSeconds } : {}),
    ...(saved === undefined ? {} : { saved }),
    ...operation?.detail,
  };
  return Object.keys(detail).length > 0 ? JSON.stringify(detail) : '';
}

/** What is to be said of an error, and of a run that was named and is not the caller's; '' for nothing. */
function foreignDetail({ foreignTrajectory }: Turn, error?: GatewayError): string {
  const detail = { ...error?.details, ...(foreignTrajectory === '' ? {} : { foreignTrajectory }) };
  return Object.keys(detail).length > 0 ? JSON.stringify(detail) : '';
}

/** A tool call that is about to be made: durable before its effect. */
export function toolIntent(
  turn: Turn,
  call: { id: string; callId: string; tool: TurnTool; decision: Decision; inputsJson: string; step: number },
): RecordInit {
  return {
    ...base(turn),
    id: call.id,
    kind: Record_Kind.TOOL_INTENT,
    step: call.step,
    startedAtMs: Date.now(),
    callId: call.callId,
    ...toolFields(call.tool),
    ...decisionFields(call.decision),
    decisionInputsJson: call.inputsJson,
    outcome: 'ok',
  };
}

/** What became of a tool call: its outcome, or the refusal that stood in its way. */
export function recordToolOutcome<C extends StepCall, R>(
  gate: Pick<Gate, 'recorder'>,
  turn: Turn,
  outcome: StepOutcome<C, R>,
  facts: {
    tool: TurnTool | undefined;
    name: string;
    intentId: string;
    inputsJson: string;
    step: number;
    startedAtMs: number;
    detail: object;
  },
): void {
  gate.recorder.append({
    ...base(turn),
    ...(facts.tool ? toolFields(facts.tool) : { toolName: facts.name }),
    ...outcomeFields(outcome, facts),
  });
}

/** A result that the client brought and that was not shown. */
export function recordWithheld(
  gate: Gate,
  turn: Turn,
  tool: TurnTool,
  callId: string,
  decision: Decision | undefined,
  error?: unknown,
): void {
  gate.recorder.append({
    ...base(turn),
    kind: Record_Kind.TOOL_OUTCOME,
    step: ++turn.step,
    startedAtMs: Date.now(),
    callId,
    ...toolFields(tool),
    ...(decision ? decisionFields(decision) : {}),
    outcome: 'refused',
    errorCode: error === undefined ? 'policy_denied' : asGatewayError(error).code,
    detailJson: JSON.stringify({ status: 'withheld' }),
  });
}

/** An exchange with the quarantined model. */
export function recordQuarantine(
  gate: Gate,
  turn: Turn,
  exchange: {
    tool: TurnTool;
    question: Question | undefined;
    answer: ExtractResponse;
    startedAtMs: number;
    step: number;
  },
): void {
  gate.recorder.append({ ...base(turn), ...toolFields(exchange.tool), ...quarantineFields(exchange) });
}

/** A call that was put before people, and how it stood when the turn went on or ended. */
export function recordApproval(
  gate: Pick<Gate, 'recorder'>,
  turn: Turn,
  asked: { readonly one: Decided; readonly id: string; readonly startedAtMs: number; readonly state: ApprovalState },
): void {
  const { one, id, startedAtMs, state } = asked;
  const [word, outcome] = APPROVAL_WORDS[state] ?? APPROVAL_WORDS[ApprovalState.UNSPECIFIED];
  gate.recorder.append({
    ...base(turn),
    kind: Record_Kind.APPROVAL,
    step: ++turn.step,
    startedAtMs,
    durationMs: Date.now() - startedAtMs,
    callId: one.call.id,
    ...(one.call.tool ? toolFields(one.call.tool) : { toolName: one.call.name }),
    ...decisionFields(one.decision),
    outcome,
    detailJson: JSON.stringify({ approval: id, state: word }),
  });
}

// `pending`: the client left, or the wait was over, before anybody had answered.
const APPROVAL_WORDS: Readonly<Record<ApprovalState, readonly [state: string, outcome: string]>> = {
  [ApprovalState.UNSPECIFIED]: ['unknown', 'unknown'],
  [ApprovalState.PENDING]: ['pending', 'unknown'],
  [ApprovalState.APPROVED]: ['approved', 'ok'],
  [ApprovalState.REJECTED]: ['rejected', 'refused'],
  [ApprovalState.EXPIRED]: ['expired', 'refused'],
  [ApprovalState.VOID]: ['void', 'refused'],
  [ApprovalState.USED]: ['used', 'refused'],
};

/** Who, in which run and turn: what every record of a turn begins with. */
export function base(turn: Turn): RecordInit {
  return { ...turnFields(turn, turn.endpoint), model: turn.model.publicName };
}

function toolFields(tool: TurnTool): RecordInit {
  return { tool: refText(tool.ref), toolName: tool.name, toolClass: tool.toolClass };
}
