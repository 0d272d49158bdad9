import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import { join, type Label, TRUSTED } from '@sallyport/turn/label';
import { type Candidate, joinTrajectory, type Owner } from '@sallyport/turn/trajectory';
import type { FoundDigest, Holder, Pointers, Trajectory, TrajectoryStore } from './trajectory.ts';

/** What a request carries of a history. */
export interface History extends Pointers {
  /** Digests of assistant text, tool calls and results. */
  readonly digests: readonly string[];
}

/** What is known of a request's run. */
export interface JoinedRun {
  /** Empty: nothing known, the caller issues a new id. */
  readonly trajectory: string;
  /** The claimed id belongs to somebody else: it counted as absent. */
  readonly foreign: boolean;
  readonly label: Label;
  readonly known: readonly FoundDigest[];
  readonly steps: number;
}

/**
 * Finds the run that a request belongs to and what is known of the history it carries. Joining only adds taint: all
 * runs of this principal that the request points at add their labels, and content released to this user as untrusted
 * in any other run is known as untrusted here.
 */
export async function joinRun(store: TrajectoryStore, principal: Principal, history: History): Promise<JoinedRun> {
  const { tenant } = principal;
  const holder: Holder = { principalId: principal.id, user: principal.user };
  const requester = ownerOf(tenant, holder);
  const candidate = (run: Trajectory): Candidate => ({
    trajectory: run.id,
    owner: ownerOf(tenant, run),
    label: run.label,
  });
  const found = await store.find(tenant, history);
  const runs = [...(found.claimed === undefined ? [] : [found.claimed]), ...found.byCall, ...found.byMessage];
  const owned = runs.filter((run) => run.principalId === holder.principalId && run.user === holder.user);
  const carries = history.callIds.length + history.digests.length > 0 || history.lastAssistantDigest !== '';

  const joined = joinTrajectory({
    requester,
    ...(found.claimed === undefined ? {} : { header: candidate(found.claimed) }),
    callIds: found.byCall.map(candidate),
    assistantDigest: found.byMessage.map(candidate),
    // Which parts of the history nobody vouches for is told by `known`, part by part; the caller labels those.
    unmatchedHistory: false,
    // A history that leads to no run of ours may be anybody's, so without a user it is untrusted (DESIGN §4).
    carriesHistory: carries && owned.length === 0,
  });
  const trajectory = joined.trajectory ?? '';
  const known = await store.known(tenant, holder, trajectory, history.digests);
  return {
    trajectory,
    foreign: found.claimed !== undefined && joined.foreign.includes(found.claimed.id),
    label: joined.label,
    known: onePerDigest(known, trajectory),
    steps: owned.find((run) => run.id === trajectory)?.steps ?? 0,
  };
}

// The same content may be known from several runs: untrusted anywhere is untrusted here. But where this run said it
// itself with nothing untrusted in play, it brings nothing in: "Done." was said before, in other company.
function onePerDigest(known: readonly FoundDigest[], trajectory: string): FoundDigest[] {
  const byDigest = new Map<string, FoundDigest>();
  const ours = new Set(known.filter((one) => one.trajectory === trajectory).map((one) => one.digest));
  for (const one of known) {
    if (one.trajectory !== trajectory && ours.has(one.digest)) continue;
    const label = join(byDigest.get(one.digest)?.label ?? TRUSTED, one.label);
    byDigest.set(one.digest, { ...one, label });
  }
  return [...byDigest.values()];
}

function ownerOf(tenant: string, holder: Holder): Owner {
  const { principalId: client, user } = holder;
  return user === '' ? { tenant, client } : { tenant, client, user };
}
