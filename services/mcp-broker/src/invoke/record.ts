import { asGatewayError, type GatewayError } from '@sallyport/chassis/errors';
import { uuidv7 } from '@sallyport/chassis/uuid';
import type { RecordInit } from '@sallyport/peers/records';
import { Record_Kind } from '@sallyport/proto/audit/v1/audit_pb';
import type { Question } from '@sallyport/proto/policy/v1/policy_pb';
import { Principal_Kind } from '@sallyport/proto/principal/v1/principal_pb';
import type { ExtractResponse } from '@sallyport/proto/quarantine/v1/quarantine_pb';
import { type Decision, identityText, type Label, type StepCall, type StepOutcome } from '@sallyport/turn';
import type { BrokerTool } from '../catalog/catalog.ts';
import { ENDPOINT } from './admit.ts';
import type { Gate } from './gate.ts';
import type { Turn } from './turn.ts';

const KINDS: Readonly<Record<Principal_Kind, string>> = {
  [Principal_Kind.UNSPECIFIED]: '',
  [Principal_Kind.USER]: 'user',
  [Principal_Kind.CLIENT]: 'client',
  [Principal_Kind.KEY]: 'key',
};

/** What is recorded of a call beside its outcome; fields as model-proxy records its own. */
export interface CallFacts {
  readonly tool: BrokerTool;
  readonly intentId: string;
  readonly inputsJson: string;
  readonly step: number;
  readonly startedAtMs: number;
  readonly limits: readonly { readonly limit: string; readonly dimension: string }[];
  readonly detail: object;
}

/** A tool call that is about to be made: durable before its effect. */
export function toolIntent(turn: Turn, callId: string, decision: Decision, facts: CallFacts): RecordInit {
  return {
    ...base(turn),
    id: facts.intentId,
    kind: Record_Kind.TOOL_INTENT,
    step: facts.step,
    startedAtMs: Date.now(),
    callId,
    ...toolFields(facts.tool),
    ...decisionFields(decision),
    decisionInputsJson: facts.inputsJson,
    outcome: 'ok',
  };
}

/** What became of a tool call: its outcome, or the refusal that stood in its way. */
export function recordToolOutcome<C extends StepCall, R>(
  gate: Gate,
  turn: Turn,
  outcome: StepOutcome<C, R>,
  facts: CallFacts,
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
    ...toolFields(facts.tool),
    ...decisionFields(refused ? result.decision : (result.resultDecision ?? result.decision)),
    ...labelFields(result.label),
    intentId: refused ? '' : facts.intentId,
    outcome: outcomeOf(result.status),
    errorCode: result.refusal?.code ?? (outcome.fault === undefined ? '' : asGatewayError(outcome.fault).code),
    limitsJson: facts.limits.length > 0 ? JSON.stringify(facts.limits) : '',
    decisionInputsJson: refused ? facts.inputsJson : '',
    detailJson: JSON.stringify({ status: result.status, isError: result.isError, ...facts.detail, ...foreign(turn) }),
  });
}

/** A call that was refused before it could be decided: by a limit, or because a peer was away. */
export function recordRefusedCall(gate: Gate, turn: Turn, tool: BrokerTool, callId: string, error: GatewayError): void {
  gate.recorder.append({
    ...base(turn),
    kind: Record_Kind.TOOL_REFUSAL,
    step: turn.step,
    startedAtMs: turn.startedAtMs,
    durationMs: Date.now() - turn.startedAtMs,
    callId,
    ...toolFields(tool),
    outcome: 'refused',
    errorCode: error.code,
    reason: error.message,
    detailJson: JSON.stringify({ status: 'refused', ...error.details, ...foreign(turn) }),
  });
}

/** A call of a tool that does not exist for this principal. */
export function recordUnknownTool(gate: Gate, turn: Turn, name: string): void {
  gate.recorder.append({
    ...base(turn),
    kind: Record_Kind.ADMISSION_REFUSAL,
    startedAtMs: turn.startedAtMs,
    durationMs: Date.now() - turn.startedAtMs,
    toolName: name.slice(0, 128),
    outcome: 'refused',
    errorCode: 'not_found',
    reason: 'There is no such tool.',
  });
}

/** An exchange with the quarantined model. */
export function recordQuarantine(
  gate: Gate,
  turn: Turn,
  exchange: { tool: BrokerTool; question: Question; answer: ExtractResponse; startedAtMs: number; step: number },
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

function base(turn: Turn): RecordInit {
  const { principal, attribution } = turn;
  return {
    id: uuidv7(),
    tenant: principal.tenant,
    principalKind: KINDS[principal.kind] ?? '',
    principalId: principal.id,
    teams: principal.teams,
    keyId: principal.keyId,
    client: principal.client,
    trajectory: turn.trajectory,
    turn: turn.id,
    user: attribution.user,
    customer: attribution.customer,
    tags: [...attribution.tags],
    feature: attribution.feature,
    project: attribution.project,
    promptVersion: attribution.promptVersion,
    variant: attribution.variant,
    endpoint: ENDPOINT,
    policyRevision: turn.policyRevision,
    ...labelFields(turn.label),
  };
}

function outcomeOf(status: StepOutcome<StepCall, unknown>['result']['status']): string {
  if (status === 'refused' || status === 'waiting') return 'refused';
  if (status === 'done' || status === 'quarantined') return 'ok';
  return status === 'cancelled' ? 'cancelled' : 'error';
}

function labelFields(label: Label): RecordInit {
  return { labelTrusted: label.integrity === 'trusted', labelSources: [...label.sources] };
}

function decisionFields(decision: Decision): RecordInit {
  const { verdict, enforced, rule, reason, policyRevision } = decision;
  return { verdict, enforced, rule, reason, policyRevision };
}

function toolFields({ server, definition, exposedName, toolClass }: BrokerTool): RecordInit {
  const { name: tool, digest } = definition;
  return {
    tool: identityText({ kind: 'brokered', server: server.uid, tool, digest }),
    toolName: exposedName,
    toolClass,
  };
}

function foreign(turn: Turn): object {
  return turn.foreignTrajectory === '' ? {} : { foreignTrajectory: turn.foreignTrajectory };
}
