import type { GatewayError } from '@sallyport/chassis/errors';
import {
  approvalFields,
  decisionFields,
  outcomeFields,
  quarantineFields,
  refText,
  turnFields,
} from '@sallyport/peers/record-fields';
import type { RecordInit } from '@sallyport/peers/records';
import { Record_Kind } from '@sallyport/proto/audit/v1/audit_pb';
import type { Question } from '@sallyport/proto/policy/v1/policy_pb';
import type { ExtractResponse } from '@sallyport/proto/quarantine/v1/quarantine_pb';
import type { Decision, StepCall, StepOutcome } from '@sallyport/turn';
import type { BrokerTool } from '../catalog/catalog.ts';
import { refOf } from '../server.ts';
import { ENDPOINT } from './admit.ts';
import type { Gate } from './gate.ts';
import type { Turn } from './turn.ts';

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
  const detail = { ...facts.detail, ...furtherOf(turn) };
  gate.recorder.append({
    ...base(turn),
    ...toolFields(facts.tool),
    ...outcomeFields(outcome, { ...facts, detail }),
    limitsJson: facts.limits.length > 0 ? JSON.stringify(facts.limits) : '',
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
    detailJson: JSON.stringify({ status: 'refused', ...error.details, ...furtherOf(turn) }),
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
  exchange: {
    tool: BrokerTool;
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
  tool: BrokerTool,
  asked: Omit<Parameters<typeof approvalFields>[0], 'step'>,
): void {
  gate.recorder.append({ ...base(turn), ...toolFields(tool), ...approvalFields({ ...asked, step: ++turn.step }) });
}

function base(turn: Turn): RecordInit {
  return turnFields(turn, turn.endpoint ?? ENDPOINT);
}

function toolFields(tool: BrokerTool): RecordInit {
  return { tool: refText(refOf(tool)), toolName: tool.exposedName, toolClass: tool.toolClass };
}

function furtherOf(turn: Turn): object {
  return {
    ...(turn.foreignTrajectory === '' ? {} : { foreignTrajectory: turn.foreignTrajectory }),
    ...(turn.via === undefined ? {} : { via: turn.via }),
    ...(turn.standsInFor === undefined ? {} : { standsInFor: turn.standsInFor }),
    ...(turn.unasked === undefined ? {} : { unasked: turn.unasked }),
    ...(turn.sampled === undefined ? {} : { sampled: turn.sampled }),
  };
}
