import { ApprovalState as WireState } from '@sallyport/proto/policy/v1/approval_pb';
import { writeLabel } from '../labels.ts';
import { type ApprovalState, type StoredApproval, stateAt } from './approval.ts';
import type { StoredEndorsement } from './endorsement-store.ts';

const STATES: Readonly<Record<ApprovalState, WireState>> = {
  pending: WireState.PENDING,
  approved: WireState.APPROVED,
  rejected: WireState.REJECTED,
  expired: WireState.EXPIRED,
  void: WireState.VOID,
  used: WireState.USED,
};

/** Writes a state for the wire; none is unspecified. */
export function writeState(state: ApprovalState | undefined): WireState {
  return state === undefined ? WireState.UNSPECIFIED : STATES[state];
}

/** Writes an approval for the wire, as it stands at this moment. */
export function writeApproval(approval: StoredApproval, nowMs: number) {
  const { tenant, id, trajectory, content, words, createdAtMs, expiresAtMs } = approval;
  const { requester, tool, toolClass, argumentsJson, values, rule, reason, needed, policyRevision, turn } = content;
  return {
    id,
    tenant,
    trajectory,
    turn,
    requester,
    tool,
    toolClass,
    argumentsJson,
    values: values.map((value) => ({ ...value })),
    rule,
    reason,
    state: writeState(stateAt(approval, nowMs)),
    createdAtMs,
    expiresAtMs,
    words: words.map(({ user, approve, atMs, breakGlass, note }) => ({ user, approve, atMs, breakGlass, note })),
    needed,
    policyRevision,
    context: writeLabel(content.context),
    approverUsers: [...new Set(content.approvers.flatMap((one) => one.users))],
    approverTeams: [...new Set(content.approvers.flatMap((one) => one.teams))],
  };
}

/** Writes an endorsement for the wire. */
export function writeEndorsement(tenant: string, endorsement: StoredEndorsement) {
  const { id, user, principalId, trajectory, approvalId, endorsedBy, createdAtMs, expiresAtMs, content } = endorsement;
  const { voidAtMs, voidReason } = endorsement;
  return {
    id,
    tenant,
    user: user === '' ? principalId : user,
    tool: content.tool,
    argument: content.argument,
    valueJson: content.valueJson,
    trajectory,
    endorsedBy,
    createdAtMs,
    expiresAtMs,
    approvalId,
    voidAtMs,
    voidReason,
  };
}
