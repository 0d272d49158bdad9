import { asGatewayError } from '@sallyport/chassis/errors';
import { uuidv7 } from '@sallyport/chassis/uuid';
import { Record_Kind } from '@sallyport/proto/audit/v1/audit_pb';
import { ApprovalState } from '@sallyport/proto/policy/v1/approval_pb';
import { type Question, type ToolRef, ToolRef_Kind } from '@sallyport/proto/policy/v1/policy_pb';
import { type Principal, Principal_Kind } from '@sallyport/proto/principal/v1/principal_pb';
import type { ExtractResponse } from '@sallyport/proto/quarantine/v1/quarantine_pb';
import { type Decision, identityText, type Label, type StepCall, type StepOutcome } from '@sallyport/turn';
import type { RecordInit } from './records.ts';

/** What a request may say for cost attribution, after the key's `mayAssert` was applied. */
export interface Attribution {
  readonly customer: string;
  readonly user: string;
  readonly feature: string;
  readonly project: string;
  readonly promptVersion: string;
  readonly variant: string;
  readonly tags: readonly string[];
}

/** A turn, as far as each of its records tells of it. */
export interface RecordedTurn {
  readonly id: string;
  readonly principal: Principal;
  readonly attribution: Attribution;
  readonly trajectory: string;
  readonly policyRevision: string;
  readonly label: Label;
}

const KINDS: Readonly<Record<Principal_Kind, string>> = {
  [Principal_Kind.UNSPECIFIED]: '',
  [Principal_Kind.USER]: 'user',
  [Principal_Kind.CLIENT]: 'client',
  [Principal_Kind.KEY]: 'key',
};

/** Who, in which run and turn, with a new id: what every record of a turn begins with. */
export function turnFields(turn: RecordedTurn, endpoint: string): RecordInit {
  const { attribution } = turn;
  return {
    ...principalFields(turn.principal),
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
    endpoint,
    policyRevision: turn.policyRevision,
    ...labelFields(turn.label),
  };
}

/** Who asked, by what credential. */
export function principalFields(principal: Principal): RecordInit {
  const { tenant, id, teams, keyId, client } = principal;
  return { tenant, principalKind: principalKind(principal), principalId: id, teams, keyId, client };
}

/** What a principal is, in one word. */
export function principalKind({ kind }: Principal): string {
  return KINDS[kind] ?? '';
}

/** The label of what the step was made of, or of its result. */
export function labelFields(label: Label): RecordInit {
  return { labelTrusted: label.integrity === 'trusted', labelSources: [...label.sources] };
}

/** A decision: what the rules said, what was done, by which rule and why. */
export function decisionFields(decision: Decision): RecordInit {
  const { verdict, enforced, rule, reason, policyRevision } = decision;
  return { verdict, enforced, rule, reason, policyRevision };
}

/** What became of a tool call: its outcome, or the refusal that stood in its way. `detail` holds no content. */
export function outcomeFields<C extends StepCall, R>(
  { result, fault }: StepOutcome<C, R>,
  facts: {
    readonly step: number;
    readonly startedAtMs: number;
    /** Id of the intent's record. */
    readonly intentId: string;
    readonly inputsJson: string;
    readonly detail: object;
  },
): RecordInit {
  const { status, decision, resultDecision } = result;
  const refused = status === 'refused' || status === 'waiting';
  return {
    kind: refused ? Record_Kind.TOOL_REFUSAL : Record_Kind.TOOL_OUTCOME,
    step: facts.step,
    startedAtMs: facts.startedAtMs,
    durationMs: Date.now() - facts.startedAtMs,
    callId: result.callId,
    ...decisionFields(refused ? decision : (resultDecision ?? decision)),
    ...labelFields(result.label),
    intentId: refused ? '' : facts.intentId,
    outcome: refused ? 'refused' : status === 'cancelled' ? status : DONE.has(status) ? 'ok' : 'error',
    errorCode: result.refusal?.code ?? (fault === undefined ? '' : asGatewayError(fault).code),
    decisionInputsJson: refused ? facts.inputsJson : '',
    detailJson: JSON.stringify({ status, isError: result.isError, ...facts.detail }),
  };
}

const DONE: ReadonlySet<string> = new Set(['done', 'quarantined']);

/** An exchange with the quarantined model; without a question, content that was kept apart unread. */
export function quarantineFields(exchange: {
  readonly question: Question | undefined;
  readonly answer: ExtractResponse;
  readonly startedAtMs: number;
  readonly step: number;
}): RecordInit {
  const { answer, question, step, startedAtMs } = exchange;
  return {
    kind: Record_Kind.QUARANTINE,
    step,
    startedAtMs,
    durationMs: Date.now() - startedAtMs,
    model: question?.model ?? '',
    outcome: 'ok',
    detailJson: JSON.stringify({
      fields: (question?.fields ?? []).map(({ name, type }) => ({ name, type })),
      handles: answer.handles,
      // What the privileged model saw holds no string of the content: plain values and handles only.
      shown: JSON.parse(answer.answerJson || 'null'),
      reused: answer.reused,
      rung: answer.rung,
      bits: { shown: answer.bits, most: answer.resultBitsLimit, ofRun: answer.runBits, mostOfRun: answer.runBitsLimit },
      tokens: { input: answer.inputTokens, output: answer.outputTokens },
    }),
  };
}

/** A call that was put before people, and how it stood when its step went on or ended. */
export function approvalFields(asked: {
  readonly id: string;
  readonly state: ApprovalState;
  readonly callId: string;
  readonly decision: Decision;
  readonly step: number;
  readonly startedAtMs: number;
}): RecordInit {
  const { id, state, callId, decision, step, startedAtMs } = asked;
  const [, outcome] = APPROVAL_WORDS[state] ?? UNKNOWN_STATE;
  return {
    kind: Record_Kind.APPROVAL,
    step,
    startedAtMs,
    durationMs: Date.now() - startedAtMs,
    callId,
    ...decisionFields(decision),
    outcome,
    detailJson: JSON.stringify({ approval: id, state: approvalWord(state) }),
  };
}

/** How an approval stands, in one word: for records and metrics. */
export function approvalWord(state: ApprovalState): string {
  return (APPROVAL_WORDS[state] ?? UNKNOWN_STATE)[0];
}

const UNKNOWN_STATE = ['unknown', 'unknown'] as const;

// `pending`: the client left, or the wait was over, before anybody had answered.
const APPROVAL_WORDS: Readonly<Record<ApprovalState, readonly [state: string, outcome: string]>> = {
  [ApprovalState.UNSPECIFIED]: UNKNOWN_STATE,
  [ApprovalState.PENDING]: ['pending', 'unknown'],
  [ApprovalState.APPROVED]: ['approved', 'ok'],
  [ApprovalState.REJECTED]: ['rejected', 'refused'],
  [ApprovalState.EXPIRED]: ['expired', 'refused'],
  [ApprovalState.VOID]: ['void', 'refused'],
  [ApprovalState.USED]: ['used', 'refused'],
};

/** The canonical text of a tool's identity. */
export function refText(ref: Pick<ToolRef, 'kind' | 'serverUid' | 'owner' | 'name' | 'digest'>): string {
  switch (ref.kind) {
    case ToolRef_Kind.BROKERED:
      return identityText({ kind: 'brokered', server: ref.serverUid, tool: ref.name, digest: ref.digest });
    case ToolRef_Kind.CLIENT:
      return identityText({ kind: 'client', client: ref.owner, tool: ref.name, digest: ref.digest });
    default:
      return identityText({ kind: 'provider', provider: ref.owner, type: ref.name, version: ref.digest });
  }
}
