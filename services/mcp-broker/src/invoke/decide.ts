import type { PreparedCall } from '@sallyport/peers/call-request';
import { decisionBasis } from '@sallyport/peers/decision-inputs';
import { decisionOf, labelOf, wireLabel } from '@sallyport/peers/decision-wire';
import type { Decision as WireDecision } from '@sallyport/proto/policy/v1/policy_pb';
import { APPROVAL_EXPIRED_RULE, type Decision, deny, join, sameLabel } from '@sallyport/turn';
import type { BrokerTool } from '../catalog/catalog.ts';
import type { JsonObject } from '../catalog/definition.ts';
import { refOf } from '../server.ts';
import type { Brought } from '../upstream/caller.ts';
import { askPeople, type Patience, type PendingApproval, refused } from './ask.ts';
import type { Gate } from './gate.ts';
import { lookUpKnown } from './known-values.ts';
import { originsForPolicy, type PrepareGate, prepare } from './prepare.ts';
import type { Turn } from './turn.ts';

const DECIDE_TIMEOUT_MS = 2_000;

/** A call that is to be decided. */
export interface DecidableCall {
  readonly id: string;
  /** Id of its intent, and of the use of what was granted for it. */
  readonly intentId: string;
  readonly tool: BrokerTool;
  /** Arguments as the client wrote them, with the answers that go with them. */
  readonly written: JsonObject;
  /** Those answers; absent: none. */
  readonly brought?: Brought | undefined;
}

/** A call as decided: what it would run with, and where that came from. */
export interface DecidedCall {
  readonly prepared: PreparedCall;
  readonly decision: Decision;
  /** Arguments, origins and labels as they were decided, for the record. */
  readonly inputsJson: string;
  /** Set where the call waits for people. */
  readonly pending?: PendingApproval;
}

/** The call as policy is asked about it; the same on both planes. */
export function wireCall(gate: Pick<Gate, 'digest'>, turn: Turn, call: DecidableCall, prepared: PreparedCall) {
  return {
    callId: call.id,
    tool: refOf(call.tool),
    argumentsJson: prepared.argumentsJson,
    origins: originsForPolicy(gate, turn, prepared),
    approvalId: '',
    useId: call.intentId,
  };
}

/**
 * Decides a call. One with a handle out of place is denied without asking; where a rule asks people, they are asked, and
 * what they approved is decided once more, which uses the approval up. Rejects where policy cannot be asked.
 */
export async function decide(gate: Gate, turn: Turn, call: DecidableCall, patience: Patience): Promise<DecidedCall> {
  let prepared = await prepare(gate, turn, call.tool, call.written, call.brought);
  if (prepared.unfilled.length > 0) {
    const reason = 'A handle is unknown or stands where none may stand.';
    return told(gate, turn, call, prepared, { decision: deny('builtin/handle', reason, turn.policyRevision) });
  }
  let wire = wireCall(gate, turn, call, prepared);
  const before = turn.label;
  let first = await askPolicy(gate, turn, wire);
  if (turn.label !== before) {
    // The run has read more than was known here: links in what is sent may have to be made inert.
    const asked = prepared.argumentsJson;
    prepared = await prepare(gate, turn, call.tool, call.written, call.brought);
    wire = wireCall(gate, turn, call, prepared);
    if (prepared.argumentsJson !== asked) first = await askPolicy(gate, turn, wire);
    else if (first.asked) first = { ...first, asked: { ...first.asked, wire } };
  }
  // Only where something speaks against a call does it matter that a trusted result showed its values.
  if (first.decision.verdict !== 'allow' && (await lookUpKnown(gate, turn, call.written))) {
    prepared = await prepare(gate, turn, call.tool, call.written, call.brought);
    wire = wireCall(gate, turn, call, prepared);
    first = await askPolicy(gate, turn, wire);
  }
  if (first.decision.enforced !== 'ask') return told(gate, turn, call, prepared, first);
  const { id, tool } = call;
  const asked = await askPeople(gate, turn, { id, tool, wire, decision: first.decision }, patience);
  if (asked.outcome === 'refused') return told(gate, turn, call, prepared, { decision: asked.decision });
  if (asked.outcome === 'pending') {
    return { ...told(gate, turn, call, prepared, first), pending: asked.approval };
  }
  const again = await askPolicy(gate, turn, { ...wire, approvalId: asked.approvalId });
  if (again.decision.enforced !== 'ask') return told(gate, turn, call, prepared, again);
  return told(gate, turn, call, prepared, { decision: refused(turn, APPROVAL_EXPIRED_RULE, again.decision) });
}

interface Answer {
  readonly decision: Decision;
  /** What policy was asked, and its own words; absent where it was not asked. */
  readonly asked?: { readonly wire: ReturnType<typeof wireCall>; readonly said: WireDecision };
}

/** Asks policy about the one call of a turn; the label of the turn becomes the one that it was decided with. */
export async function askPolicy(
  gate: { readonly clients: Pick<PrepareGate['clients'], 'decisions'> },
  turn: Turn,
  wire: ReturnType<typeof wireCall>,
): Promise<Answer> {
  const { principal, trajectory, label, signal } = turn;
  const answer = await gate.clients.decisions.decideCalls(
    { principal, trajectory, context: wireLabel(label), calls: [wire] },
    { timeoutMs: DECIDE_TIMEOUT_MS, signal },
  );
  const context = join(label, labelOf(answer.context));
  if (!sameLabel(context, label)) turn.label = context;
  const [said] = answer.decisions;
  if (!said) return { decision: deny('builtin/undecided', 'Policy said nothing of this call.', turn.policyRevision) };
  const decision = decisionOf(said);
  // A list does not vary with the run, so a tool that a rule would hide is one the client sees: it is told why. What is
  // hidden because it is not theirs stays as if it were not there.
  const visible = decision.rule !== 'builtin/access' && decision.rule !== 'builtin/unknown-tool';
  const explained = decision.enforced === 'hide' && visible;
  return { decision: explained ? { ...decision, enforced: 'deny' } : decision, asked: { wire, said } };
}

function told(gate: Gate, turn: Turn, call: DecidableCall, prepared: PreparedCall, answer: Answer): DecidedCall {
  const { decision, asked } = answer;
  const { principal, label } = turn;
  gate.metrics.decisions(decision.verdict, decision.enforced).inc();
  const inputsJson = JSON.stringify({
    arguments: prepared.argumentsJson === '' ? call.written : prepared.args,
    origins: Object.fromEntries(prepared.origins.map(({ pointer, origin }) => [pointer, origin.kind])),
    context: { trusted: label.integrity === 'trusted', sources: label.sources },
    ...(prepared.defanged > 0 ? { defanged: prepared.defanged } : {}),
    ...(asked && asked.said.grantedBy.length > 0 ? { grantedBy: asked.said.grantedBy } : {}),
    // With the resources in force this is enough to decide the call again.
    ...(asked ? { decided: decisionBasis(asked.wire, { principal, context: wireLabel(label) }, asked.said) } : {}),
  });
  return { prepared, decision, inputsJson };
}
