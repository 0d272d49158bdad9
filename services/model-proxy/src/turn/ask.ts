import type { EndSignal } from '@sallyport/chassis/ending';
import { wireLabel } from '@sallyport/peers/decision-wire';
import { ApprovalState } from '@sallyport/proto/policy/v1/approval_pb';
import { APPROVAL_EXPIRED_RULE, APPROVAL_REJECTED_RULE, approvalText, type Decision, deny } from '@sallyport/turn';
import { type Decided, decide } from './decide.ts';
import type { Gate } from './gate.ts';
import { recordApproval } from './record.ts';
import type { Release } from './release.ts';
import type { Turn } from './turn.ts';

const REQUEST_TIMEOUT_MS = 5_000;
/** How long policy is asked to hold one question open; between two the client hears a comment. */
const POLL_MS = 10_000;
/** After an answer that came at once or not at all, so that a wait is no busy loop. */
const PAUSE_MS = 250;

/** An approval that was asked for, and how it stands. */
interface Asked {
  readonly one: Decided;
  readonly id: string;
  readonly startedAtMs: number;
  state: ApprovalState;
}

/** What people said: the batch decided again, or nothing yet, so that the turn ends with a word about it. */
export type AskOutcome =
  | { readonly outcome: 'decided'; readonly decided: readonly Decided[] }
  | { readonly outcome: 'waiting'; readonly approvals: readonly string[] };

/** Tells whether a rule asks about one of the calls. */
export function asks(decided: readonly Decided[]): boolean {
  return decided.some(({ decision }) => decision.enforced === 'ask');
}

/**
 * Between Decide and what follows it: puts the calls of a batch that rules ask about before people and waits, the whole
 * batch held, the client's connection kept open. What was approved is decided again, which uses the approval up; what was
 * rejected or ran out of time is refused. A client that leaves ends the wait; the approval stays open until it expires.
 */
export async function ask(
  gate: Gate,
  turn: Turn,
  release: Release,
  decided: readonly Decided[],
  waitMs = gate.config.turn.approvalWait,
): Promise<AskOutcome> {
  const asked = await request(gate, turn, decided);
  if (!asked) return { outcome: 'decided', decided: decided.map((one) => undecided(turn, one)) };
  try {
    await wait(gate, turn, release, asked, waitMs);
  } finally {
    for (const one of asked) recordApproval(gate, turn, one);
  }
  const pending = asked.filter(({ state }) => state === ApprovalState.PENDING);
  if (pending.length > 0) return { outcome: 'waiting', approvals: pending.map(({ id }) => id) };
  const approvals = new Map(
    asked.filter(({ state }) => state === ApprovalState.APPROVED).map(({ one, id }) => [one.call.id, id]),
  );
  const again = await decide(
    gate,
    turn,
    decided.map(({ call }) => call),
    { before: decided, approvals },
  );
  const states = new Map(asked.map(({ one, state }) => [one.call.id, state]));
  return { outcome: 'decided', decided: again.map((one) => settled(turn, one, states.get(one.call.id))) };
}

/** Ends a turn that still waits for people: as an ordinary completion that says so. */
export async function sayWaiting(gate: Gate, turn: Turn, release: Release, approvals: readonly string[]) {
  turn.approvals = approvals;
  const base = (gate.config.publicUrl ?? '').replace(/\/+$/, '');
  await release.say(approvalText(approvals.map((id) => ({ id, link: `${base}/approve/${encodeURIComponent(id)}` }))));
}

/** Requests the approvals; undefined where policy could not be asked. */
async function request(gate: Gate, turn: Turn, decided: readonly Decided[]): Promise<Asked[] | undefined> {
  const asking = decided.filter(({ decision }) => decision.enforced === 'ask');
  const startedAtMs = Date.now();
  try {
    const answer = await gate.clients.approvals.requestApprovals(
      {
        principal: turn.principal,
        trajectory: turn.trajectory,
        turn: turn.id,
        context: wireLabel(turn.label),
        calls: asking.map((one) => one.wire),
      },
      { timeoutMs: REQUEST_TIMEOUT_MS, signal: turn.signal },
    );
    return asking.flatMap((one, index) => {
      const id = answer.approvals[index]?.id ?? '';
      // No id: what the rule asked about has changed meanwhile, and the call is decided again.
      return id === '' ? [] : [{ one, id, startedAtMs, state: ApprovalState.PENDING }];
    });
  } catch (error) {
    turn.signal.throwIfAborted();
    gate.log.warn('No approval could be requested', { calls: asking.length, error });
    return undefined;
  }
}

async function wait(gate: Gate, turn: Turn, release: Release, asked: readonly Asked[], waitMs: number): Promise<void> {
  const until = Date.now() + waitMs;
  const ids = asked.map(({ id }) => id);
  for (;;) {
    const open = asked.some(({ state }) => state === ApprovalState.PENDING);
    const left = until - Date.now();
    if (!open || left <= 0) return;
    await release.waits(`waiting for approval ${ids.join(' ')}`);
    const began = Date.now();
    try {
      const { states } = await gate.clients.approvals.awaitApprovals(
        { tenant: turn.principal.tenant, ids },
        { timeoutMs: Math.min(POLL_MS, left), signal: turn.signal },
      );
      for (const [index, one] of asked.entries()) one.state = known(states[index]);
    } catch (error) {
      turn.signal.throwIfAborted();
      gate.log.debug('Approvals could not be awaited', { error });
    }
    if (Date.now() - began < PAUSE_MS) await pause(Math.min(PAUSE_MS, Math.max(0, until - Date.now())), turn.signal);
  }
}

// What policy does not name is not granted, and nothing that could still be.
function known(state: ApprovalState | undefined): ApprovalState {
  return state === undefined || state === ApprovalState.UNSPECIFIED ? ApprovalState.EXPIRED : state;
}

function settled(turn: Turn, one: Decided, state: ApprovalState | undefined): Decided {
  if (one.decision.enforced !== 'ask') return one;
  const rejected = state === ApprovalState.REJECTED;
  const rule = rejected ? APPROVAL_REJECTED_RULE : APPROVAL_EXPIRED_RULE;
  return { ...one, decision: refused(turn, rule, one.decision) };
}

function refused(turn: Turn, rule: string, asking: Decision): Decision {
  const why = asking.enforcedBy ?? asking;
  return deny(rule, `Asked by ${why.rule}: ${why.reason}`, turn.policyRevision);
}

function undecided(turn: Turn, one: Decided): Decided {
  return one.decision.enforced === 'ask' ? { ...one, decision: refused(turn, 'builtin/undecided', one.decision) } : one;
}

async function pause(ms: number, signal: EndSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
  signal.throwIfAborted();
}
