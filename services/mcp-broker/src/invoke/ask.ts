import { awaitApprovals } from '@sallyport/peers/approval-wait';
import { wireLabel } from '@sallyport/peers/decision-wire';
import { approvalWord } from '@sallyport/peers/record-fields';
import { ApprovalState } from '@sallyport/proto/policy/v1/approval_pb';
import { APPROVAL_EXPIRED_RULE, APPROVAL_REJECTED_RULE, type Decision, deny } from '@sallyport/turn';
import type { BrokerTool } from '../catalog/catalog.ts';
import type { Gate } from './gate.ts';
import { recordApproval } from './record.ts';
import type { Turn } from './turn.ts';

const REQUEST_TIMEOUT_MS = 5_000;

/** How long a call may wait for people, and who is told that it does. */
export interface Patience {
  /** Milliseconds; 0: not at all. */
  readonly waitMs: number;
  /** Called when waiting begins and goes on, so that the client's connection is kept open. */
  readonly waits: () => void | Promise<void>;
}

/** An approval that a call waits for. */
export interface PendingApproval {
  readonly id: string;
  readonly expiresAtMs: number;
}

/** What people said: granted by an approval, refused, or nothing yet. */
export type Asked =
  | { readonly outcome: 'granted'; readonly approvalId: string }
  | { readonly outcome: 'refused'; readonly decision: Decision }
  | { readonly outcome: 'pending'; readonly approval: PendingApproval };

/** Bounds the calls that wait at once, of all principals and of each. */
export interface WaitingCalls {
  /** Takes a place; undefined where none is free. The place is given back by calling what is returned. */
  enter(principal: { readonly tenant: string; readonly id: string }): (() => void) | undefined;
}

/** Makes the bound. */
export function waitingCalls({ maxWaiting, maxWaitingOfOne }: Gate['config']['approvals']): WaitingCalls {
  const byPrincipal = new Map<string, number>();
  let all = 0;
  return {
    enter({ tenant, id }) {
      const key = `${tenant}\n${id}`;
      const own = byPrincipal.get(key) ?? 0;
      if (all >= maxWaiting || own >= maxWaitingOfOne) return undefined;
      all++;
      byPrincipal.set(key, own + 1);
      let left = false;
      return () => {
        if (left) return;
        left = true;
        all--;
        const now = (byPrincipal.get(key) ?? 1) - 1;
        if (now > 0) byPrincipal.set(key, now);
        else byPrincipal.delete(key);
      };
    },
  };
}

/** A call as policy was asked about it. */
interface AskedCall {
  readonly id: string;
  readonly tool: BrokerTool;
  readonly wire: NonNullable<Parameters<Gate['clients']['approvals']['requestApprovals']>[0]['calls']>[number];
  readonly decision: Decision;
}

/**
 * Puts a call that a rule asks about before people and waits for them. A client that leaves ends the wait; the approval
 * stays open until it expires, and the same call made again finds it. Rejects when the turn's signal fires.
 */
export async function askPeople(gate: Gate, turn: Turn, call: AskedCall, patience: Patience): Promise<Asked> {
  const startedAtMs = Date.now();
  const { principal, trajectory, signal } = turn;
  const approval = await request(gate, turn, call);
  if (approval === undefined)
    return { outcome: 'refused', decision: refused(turn, 'builtin/undecided', call.decision) };
  let state = ApprovalState.PENDING as ApprovalState;
  const leave = patience.waitMs > 0 ? gate.waiting.enter(principal) : undefined;
  try {
    if (leave !== undefined) {
      const untilMs = startedAtMs + patience.waitMs;
      const asked = { tenant: principal.tenant, ids: [approval.id], untilMs };
      const { log } = gate;
      [state = ApprovalState.PENDING] = await awaitApprovals(gate.clients.approvals, asked, {
        signal,
        log,
        waits: patience.waits,
      });
    }
  } finally {
    leave?.();
    const { id, tool, decision } = call;
    recordApproval(gate, turn, tool, { id: approval.id, state, callId: id, decision, startedAtMs });
  }
  gate.metrics.approvals.inc({ state: approvalWord(state) });
  if (state === ApprovalState.PENDING) return { outcome: 'pending', approval };
  if (state === ApprovalState.APPROVED) return { outcome: 'granted', approvalId: approval.id };
  const rule = state === ApprovalState.REJECTED ? APPROVAL_REJECTED_RULE : APPROVAL_EXPIRED_RULE;
  gate.log.debug('A call was not approved', { trajectory, rule });
  return { outcome: 'refused', decision: refused(turn, rule, call.decision) };
}

/** The refusal of a call that a rule asked about. */
export function refused(turn: Turn, rule: string, asking: Decision): Decision {
  const why = asking.enforcedBy ?? asking;
  return deny(rule, `Asked by ${why.rule}: ${why.reason}`, turn.policyRevision);
}

/** Undefined where policy could not be asked, or asks no longer. */
async function request(gate: Gate, turn: Turn, call: AskedCall): Promise<PendingApproval | undefined> {
  const { principal, trajectory, id: turnId, label, signal } = turn;
  try {
    const answer = await gate.clients.approvals.requestApprovals(
      { principal, trajectory, turn: turnId, context: wireLabel(label), calls: [call.wire] },
      { timeoutMs: REQUEST_TIMEOUT_MS, signal },
    );
    const [one] = answer.approvals;
    return one === undefined || one.id === '' ? undefined : { id: one.id, expiresAtMs: one.expiresAtMs };
  } catch (error) {
    signal.throwIfAborted();
    gate.log.warn('No approval could be requested', { tool: call.tool.exposedName, error });
    return undefined;
  }
}
