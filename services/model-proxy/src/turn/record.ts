import { asGatewayError, type GatewayError } from '@sallyport/chassis/errors';
import { uuidv7 } from '@sallyport/chassis/uuid';
import type { RecordInit } from '@sallyport/peers/records';
import { Record_Kind } from '@sallyport/proto/audit/v1/audit_pb';
import type { Question, ToolRef } from '@sallyport/proto/policy/v1/policy_pb';
import { ToolRef_Kind } from '@sallyport/proto/policy/v1/policy_pb';
import { type Principal, Principal_Kind } from '@sallyport/proto/principal/v1/principal_pb';
import type { ExtractResponse } from '@sallyport/proto/quarantine/v1/quarantine_pb';
import { type Decision, identityText, type Label, type StepCall, type StepOutcome } from '@sallyport/turn';
import type { Usage } from '../chat/usage.ts';
import type { Gate } from './gate.ts';
import type { Turn, TurnTool } from './turn.ts';

/** One try of one target, for the record. */
export interface Attempt {
  readonly provider: string;
  readonly model: string;
  readonly outcome: string;
  readonly status?: number;
  readonly error?: string;
  readonly ms: number;
  readonly credential?: string;
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
}

const KINDS: Readonly<Record<Principal_Kind, string>> = {
  [Principal_Kind.UNSPECIFIED]: '',
  [Principal_Kind.USER]: 'user',
  [Principal_Kind.CLIENT]: 'client',
  [Principal_Kind.KEY]: 'key',
};

/** Stage 17, for a model call: the one record with admission, route, limits, usage and cost as fields. */
export function recordModelCall(gate: Pick<Gate, 'recorder'>, turn: Turn, call: ModelCallFacts): void {
  gate.recorder.append({
    ...base(turn),
    kind: Record_Kind.MODEL_CALL,
    step: call.step,
    startedAtMs: call.startedAtMs,
    durationMs: call.durationMs,
    firstTokenMs: call.firstTokenMs,
    provider: call.provider,
    upstreamModel: call.upstreamModel,
    stream: call.stream,
    inputTokens: call.usage.input,
    outputTokens: call.usage.output,
    cacheReadTokens: call.usage.cacheRead,
    cacheWriteTokens: call.usage.cacheWrite,
    reasoningTokens: call.usage.reasoning,
    usageEstimated: call.usageEstimated,
    costNanoUsd: call.costNanoUsd ?? -1,
    cache: 'off',
    finishReason: call.finish,
    attemptsJson: JSON.stringify(call.attempts),
    limitsJson: call.limits.length > 0 ? JSON.stringify(call.limits) : '',
    hiddenJson: turn.hidden.length > 0 ? JSON.stringify(turn.hidden) : '',
    outcome: call.outcome,
    errorCode: call.error?.code ?? '',
    httpStatus: call.error?.status ?? 200,
    ...foreignField(turn),
  });
  if (call.outcome !== 'ok') turn.failureRecorded = true;
}

/** Stage 17, for a turn that ended otherwise than by a model call: who was refused what, and why. */
export function recordEndedTurn(gate: Pick<Gate, 'recorder'>, turn: Turn, error: GatewayError): void {
  gate.recorder.append({
    ...base(turn),
    ...refusalFields(error, turn.startedAtMs),
    step: turn.step,
    ...foreignField(turn, error),
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

function foreignField({ foreignTrajectory }: Turn, error?: GatewayError): RecordInit {
  const detail = { ...error?.details, ...(foreignTrajectory === '' ? {} : { foreignTrajectory }) };
  return Object.keys(detail).length > 0 ? { detailJson: JSON.stringify(detail) } : {};
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
  const { result } = outcome;
  const refused = result.status === 'refused' || result.status === 'waiting';
  gate.recorder.append({
    ...base(turn),
    kind: refused ? Record_Kind.TOOL_REFUSAL : Record_Kind.TOOL_OUTCOME,
    step: facts.step,
    startedAtMs: facts.startedAtMs,
    durationMs: Date.now() - facts.startedAtMs,
    callId: result.callId,
    ...(facts.tool ? toolFields(facts.tool) : { toolName: facts.name }),
    ...decisionFields(refused ? result.decision : (result.resultDecision ?? result.decision)),
    ...labelFields(result.label),
    intentId: refused ? '' : facts.intentId,
    outcome: refused
      ? 'refused'
      : result.status === 'done' || result.status === 'quarantined'
        ? 'ok'
        : result.status === 'cancelled'
          ? 'cancelled'
          : 'error',
    errorCode: result.refusal?.code ?? (outcome.fault === undefined ? '' : asGatewayError(outcome.fault).code),
    decisionInputsJson: refused ? facts.inputsJson : '',
    detailJson: JSON.stringify({ status: result.status, isError: result.isError, ...facts.detail }),
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
  exchange: { tool: TurnTool; question: Question; answer: ExtractResponse; startedAtMs: number; step: number },
): void {
  const { answer, question } = exchange;
  gate.recorder.append({
    ...base(turn),
    kind: Record_Kind.QUARANTINE,
    step: exchange.step,
    startedAtMs: exchange.startedAtMs,
    durationMs: Date.now() - exchange.startedAtMs,
    ...toolFields(exchange.tool),
    model: question.model,
    outcome: 'ok',
    detailJson: JSON.stringify({
      fields: question.fields.map(({ name, type }) => ({ name, type })),
      handles: answer.handles,
      // What the privileged model saw holds no string of the content: plain values and handles only.
      shown: JSON.parse(answer.answerJson || 'null'),
      reused: answer.reused,
      tokens: { input: answer.inputTokens, output: answer.outputTokens },
    }),
  });
}

/** Who, in which run and turn: what every record of a turn begins with. */
export function base(turn: Turn): RecordInit {
  const { principal, attribution } = turn;
  return {
    ...principalFields(principal),
    id: uuidv7(),
    trajectory: turn.trajectory,
    turn: turn.id,
    user: attribution.user,
    customer: attribution.customer,
    tags: [...attribution.tags],
    feature: attribution.feature,
    project: attribution.project,
    promptVersion: attribution.promptVersion,
    variant: attribution.variant,
    endpoint: turn.endpoint,
    model: turn.model.publicName,
    policyRevision: turn.policyRevision,
    ...labelFields(turn.label),
  };
}

function principalFields(principal: Principal): RecordInit {
  return {
    tenant: principal.tenant,
    principalKind: KINDS[principal.kind] ?? '',
    principalId: principal.id,
    teams: principal.teams,
    keyId: principal.keyId,
    client: principal.client,
  };
}

function labelFields(label: Label): RecordInit {
  return { labelTrusted: label.integrity === 'trusted', labelSources: [...label.sources] };
}

function decisionFields(decision: Decision): RecordInit {
  const { verdict, enforced, rule, reason, policyRevision } = decision;
  return { verdict, enforced, rule, reason, policyRevision };
}

function toolFields(tool: TurnTool): RecordInit {
  return { tool: refText(tool.ref), toolName: tool.name, toolClass: tool.toolClass };
}

/** The canonical text of a tool's identity. */
export function refText(ref: ToolRef): string {
  switch (ref.kind) {
    case ToolRef_Kind.BROKERED:
      return identityText({ kind: 'brokered', server: ref.serverUid, tool: ref.name, digest: ref.digest });
    case ToolRef_Kind.CLIENT:
      return identityText({ kind: 'client', client: ref.owner, tool: ref.name, digest: ref.digest });
    default:
      return identityText({ kind: 'provider', provider: ref.owner, type: ref.name, version: ref.digest });
  }
}
