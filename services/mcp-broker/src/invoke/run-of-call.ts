import { timingSafeEqual } from 'node:crypto';
import { uuidv7 } from '@sallyport/chassis/uuid';
import { labelOf } from '@sallyport/peers/decision-wire';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { Digest } from '@sallyport/turn';
import type { Gate } from './gate.ts';
import type { Turn } from './turn.ts';

const JOIN_TIMEOUT_MS = 2_000;
const WINDOW_MS = 24 * 3_600_000;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** What a call says of the run it belongs to. */
export interface Claim {
  /** Header or `_meta`; ''. */
  readonly trajectory: string;
  /** Run of a session that was issued to this principal (`runOfSession`); ''. */
  readonly session: string;
}

/**
 * Finds the run of a call and its label. A `tools/call` carries no context: what its arguments are made of is the run's.
 * A call that names no run starts one; but what earlier calls of this principal that named none have read may be in its
 * arguments, so their taint is kept for a day and joined (DESIGN section 4: what is not known is untrusted). Clients of the
 * older line name their run without knowing, by session id. Rejects where policy cannot be asked.
 */
export async function joinRun(
  gate: { readonly clients: Pick<Gate['clients'], 'trajectories'>; readonly digest: Digest },
  turn: Turn,
  claim: Claim,
  nowMs: number = Date.now(),
): Promise<void> {
  const { principal } = turn;
  const join = (claimed: string) =>
    gate.clients.trajectories.join(
      { principal, claimed, callIds: [], lastAssistantDigest: '', digests: [] },
      { timeoutMs: JOIN_TIMEOUT_MS, signal: turn.signal },
    );
  const claimed = claim.trajectory || claim.session;
  if (claimed !== '') {
    const answer = await join(claimed);
    if (answer.trajectory !== '') {
      turn.trajectory = answer.trajectory;
      turn.label = labelOf(answer.label);
      return;
    }
    if (claimed === claim.session && !answer.foreign) {
      turn.trajectory = claimed;
      turn.newTrajectory = true;
      return;
    }
    turn.foreignTrajectory = claimed;
  }
  turn.trajectory = uuidv7();
  turn.newTrajectory = true;
  const [today, tomorrow] = [nowMs, nowMs + WINDOW_MS].map((at) => standingRun(gate.digest, principal, at)) as [
    string,
    string,
  ];
  // Kept under the next day too: midnight cleans nothing that was read a minute before.
  turn.standing = [today, tomorrow];
  const answer = await join(today);
  if (answer.trajectory !== '') turn.label = labelOf(answer.label);
}

/** A session id for a principal: the id of a new run, and a proof that we issued it to them. Nothing is kept of it. */
export function issueSession(digest: Digest, principal: Principal): string {
  const run = uuidv7();
  return `${run}.${proofOf(digest, principal, run)}`;
}

/** The run of a session id; undefined for one that was not issued to this principal. */
export function runOfSession(digest: Digest, principal: Principal, session: string): string | undefined {
  const [run = '', proof = '', ...more] = session.split('.');
  if (!UUID.test(run) || more.length > 0) return undefined;
  const wanted = Buffer.from(proofOf(digest, principal, run));
  const given = Buffer.from(proof);
  return wanted.length === given.length && timingSafeEqual(wanted, given) ? run : undefined;
}

// A run belongs to principal and user: a key that was given to somebody else brings no session along.
function proofOf(digest: Digest, { tenant, id, user }: Principal, run: string): string {
  return digest('mcp-session', JSON.stringify([tenant, id, user, run]));
}

function standingRun(digest: Digest, { tenant, id }: Principal, nowMs: number): string {
  return `unclaimed:${digest('mcp-unclaimed', JSON.stringify([tenant, id, Math.floor(nowMs / WINDOW_MS)]))}`;
}
