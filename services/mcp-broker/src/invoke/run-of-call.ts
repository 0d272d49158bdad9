import { timingSafeEqual } from 'node:crypto';
import { uuidv7 } from '@sallyport/chassis/uuid';
import { labelOf } from '@sallyport/peers/decision-wire';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import { type Digest, join as joinLabels, type Label, TRUSTED, UNVERIFIED_USER, untrusted } from '@sallyport/turn';
import type { Gate } from './gate.ts';
import type { SeenRuns } from './seen-runs.ts';
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
  /** The client's own name for the call, under which it is made once. */
  readonly onceKey?: string | undefined;
}

/**
 * Finds the run of a call, and as much of its label as is known here: the rest policy joins when it decides. A `tools/call`
 * carries no context: what its arguments are made of is the run's.
 *
 * | the call names | its run | its label |
 * |---|---|---|
 * | a run of this principal | that one | the run's |
 * | a session that was issued to it, for the first time | the session's | `startingLabel` |
 * | nothing, or what is not theirs | the principal's run of the day | `startingLabel`, joined with all that this run read |
 *
 * Calls that name no run share one a principal and day: what one read may be in the arguments of the next, and taint,
 * handles, bits that were shown, approvals and endorsements are bound to a run. Their steps are counted call by call.
 * Policy is asked whose a run is that this principal has not named before; rejects where it cannot be.
 */
export async function joinRun(
  gate: { readonly clients: Pick<Gate['clients'], 'trajectories'>; readonly digest: Digest; readonly runs: SeenRuns },
  turn: Turn,
  claim: Claim,
  nowMs: number = Date.now(),
): Promise<void> {
  const { principal } = turn;
  const claimed = claim.trajectory || claim.session;
  const seen = gate.runs.labelOf(principal, claimed);
  if (seen !== undefined) {
    turn.trajectory = claimed;
    turn.limitRun = claimed;
    turn.label = seen;
    return;
  }
  if (claimed !== '') {
    const answer = await gate.clients.trajectories.join(
      { principal, claimed, callIds: [], lastAssistantDigest: '', digests: [] },
      { timeoutMs: JOIN_TIMEOUT_MS, signal: turn.signal },
    );
    if (answer.trajectory !== '') {
      gate.runs.saw(principal, answer.trajectory, labelOf(answer.label));
      turn.trajectory = answer.trajectory;
      turn.limitRun = answer.trajectory;
      turn.label = labelOf(answer.label);
      return;
    }
    if (claimed === claim.session && !answer.foreign) {
      turn.trajectory = claimed;
      turn.limitRun = claimed;
      turn.newTrajectory = true;
      turn.label = startingLabel(principal);
      return;
    }
    turn.foreignTrajectory = claimed;
  }
  const { today, tomorrow } = unclaimedRuns(gate.digest, principal, nowMs);
  turn.trajectory = today;
  turn.limitRun = uuidv7();
  turn.newTrajectory = true;
  // Kept under the next day too: midnight cleans nothing that was read a minute before.
  turn.standing = [tomorrow];
  turn.label = joinLabels(startingLabel(principal), gate.runs.labelOf(principal, turn.trajectory) ?? TRUSTED);
}

interface UnclaimedRuns {
  readonly day: number;
  readonly digest: Digest;
  readonly today: string;
  readonly tomorrow: string;
}

const unclaimed = new WeakMap<Principal, UnclaimedRuns>();

/** The runs of this day and the next for calls that name none: digests, worked out once a day for each credential. */
function unclaimedRuns(digest: Digest, principal: Principal, nowMs: number): UnclaimedRuns {
  const day = Math.floor(nowMs / WINDOW_MS);
  const known = unclaimed.get(principal);
  if (known !== undefined && known.day === day && known.digest === digest) return known;
  const today = runOfDay(digest, principal, nowMs);
  const made = { day, digest, today, tomorrow: runOfDay(digest, principal, nowMs + WINDOW_MS) };
  unclaimed.set(principal, made);
  return made;
}

/**
 * The label of a run of which nothing is known yet: what its first arguments are made of nobody has seen. Trusted where
 * a verified user stands behind the credential, since what untrusted content brought that user is known by its
 * fingerprints whatever run and key it came by; or where the key declares that a human types into this client (`origin:
 * human` and `instructionAuthority.user: Typed`). Else untrusted (DESIGN section 5: without a way to tell, what is not
 * known is untrusted).
 */
export function startingLabel(principal: Pick<Principal, 'user' | 'origin' | 'instructionAuthority'>): Label {
  const { user, origin, instructionAuthority } = principal;
  const human = origin === 'human' && instructionAuthority?.userTyped === true;
  return user !== '' || human ? TRUSTED : untrusted(UNVERIFIED_USER);
}

/** What a session id says: its run, and what the client said of itself in the handshake. */
export interface Session {
  readonly run: string;
  /** The client opens links for its user (URL elicitation, 2025-11-25). */
  readonly opensLinks: boolean;
  /** The client shows its user forms (elicitation, 2025-06-18 and later). */
  readonly fillsForms: boolean;
}

const LINKS = 'l';
const FORMS = 'f';
const CAN = /^(l|f|lf)$/;

/**
 * A session id for a principal: the id of a new run, what the client can do, and a proof that we issued it to them.
 * Nothing is kept of it.
 */
export function issueSession(digest: Digest, principal: Principal, opensLinks = false, fillsForms = false): string {
  const can = `${opensLinks ? LINKS : ''}${fillsForms ? FORMS : ''}`;
  const named = can === '' ? uuidv7() : `${uuidv7()}.${can}`;
  return `${named}.${proofOf(digest, principal, named)}`;
}

/** What a session id says; undefined for one that was not issued to this principal. */
export function readSession(digest: Digest, principal: Principal, session: string): Session | undefined {
  const at = session.lastIndexOf('.');
  const named = session.slice(0, Math.max(0, at));
  const [run = '', can, ...more] = named.split('.');
  if (!UUID.test(run) || (can !== undefined && !CAN.test(can)) || more.length > 0) return undefined;
  const wanted = Buffer.from(proofOf(digest, principal, named));
  const given = Buffer.from(session.slice(at + 1));
  if (wanted.length !== given.length || !timingSafeEqual(wanted, given)) return undefined;
  return { run, opensLinks: can?.includes(LINKS) === true, fillsForms: can?.includes(FORMS) === true };
}

// A run belongs to principal and user: a key that was given to somebody else brings no session along.
function proofOf(digest: Digest, { tenant, id, user }: Principal, named: string): string {
  return digest('mcp-session', JSON.stringify([tenant, id, user, named]));
}

/**
 * The id of the run that calls of one principal and user share on one day (UTC) where they name none: a UUID of version 7
 * whose time is the day's beginning, so that it sorts and reads like any other.
 */
export function runOfDay(digest: Digest, { tenant, id, user }: Principal, nowMs: number): string {
  const day = Math.floor(nowMs / WINDOW_MS);
  const hash = Buffer.from(digest('mcp-unclaimed', JSON.stringify([tenant, id, user, day])), 'base64url');
  const bytes = Buffer.alloc(16);
  bytes.writeUIntBE(day * WINDOW_MS, 0, 6);
  hash.copy(bytes, 6, 0, 10);
  bytes[6] = 0x70 | ((bytes[6] as number) & 0x0f);
  bytes[8] = 0x80 | ((bytes[8] as number) & 0x3f);
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
