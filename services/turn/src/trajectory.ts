import { join, joinAll, type Label, untrusted } from './label.ts';

/** Who a trajectory is bound to; `user` is absent where no user was verified. */
export type Owner = { readonly tenant: string; readonly client: string; readonly user?: string };

/** A trajectory that some evidence in a request points at, as the store knows it. */
export type Candidate = { readonly trajectory: string; readonly owner: Owner; readonly label: Label };

/** What in a request points at earlier trajectories; each looked up by the caller, absent where it names nothing known. */
export type JoinEvidence = {
  readonly requester: Owner;
  readonly header?: Candidate;
  readonly previousResponse?: Candidate;
  /** Trajectories that released the ids of tool calls found in the history. */
  readonly callIds?: readonly Candidate[];
  /** Trajectories that sent the last assistant message found in the history. */
  readonly assistantDigest?: readonly Candidate[];
  /** The history has assistant text, tool calls or results that no digest of ours matches. */
  readonly unmatchedHistory: boolean;
  /** The history has any assistant or tool message. */
  readonly carriesHistory: boolean;
};

/** How a request was joined to a trajectory. */
export type JoinedBy = 'header' | 'previous-response' | 'call-ids' | 'assistant-digest' | 'new';

/** The outcome of joining. */
export type Joined = {
  /** Undefined: the caller issues a new id. */
  readonly trajectory: string | undefined;
  readonly by: JoinedBy;
  /** What joins the label in play because of the trajectories named, also those not joined. Never raises anything. */
  readonly label: Label;
  /** Ids named that belong to somebody else: treated as absent, and recorded. */
  readonly foreign: readonly string[];
};

/** Source of content in a history that the gate did not send. */
export const UNMATCHED_HISTORY = 'history:unmatched';
/** Source of a history that cannot be told from another person's. */
export const UNVERIFIED_USER = 'history:unverified-user';

/** Tells whether a trajectory of this owner may be used by the requester: same tenant, client and user. */
export function ownedBy(owner: Owner, requester: Owner): boolean {
  return owner.tenant === requester.tenant && owner.client === requester.client && owner.user === requester.user;
}

/**
 * Picks the trajectory of a request: header, then previous response, then ids of tool calls, then the digest of the
 * last assistant message, else a new one. The labels of all that the requester owns are joined, so that naming a clean
 * trajectory does not clean what the history shows of a tainted one (DESIGN §4: joining only adds taint).
 */
export function joinTrajectory(evidence: JoinEvidence): Joined {
  const foreign = new Set<string>();
  const labels: Label[] = [];
  let chosen: { trajectory: string; by: JoinedBy } | undefined;
  const owned = (candidate: Candidate) => ownedBy(candidate.owner, evidence.requester);
  const consider = (by: JoinedBy, candidates: readonly Candidate[]): void => {
    // Ids are UUID v7: of several runs that sent the same text, the latest is the likely one.
    for (const candidate of [...candidates].sort((a, b) => (a.trajectory < b.trajectory ? 1 : -1))) {
      if (!owned(candidate)) {
        foreign.add(candidate.trajectory);
        continue;
      }
      labels.push(candidate.label);
      chosen ??= { trajectory: candidate.trajectory, by };
    }
  };
  consider('header', evidence.header === undefined ? [] : [evidence.header]);
  consider('previous-response', evidence.previousResponse === undefined ? [] : [evidence.previousResponse]);
  consider('call-ids', evidence.callIds ?? []);
  const sent = evidence.assistantDigest ?? [];
  // A run that the calls lead to said this itself; that others said the same ("Done.") says nothing of it. A header is
  // no such evidence: what is only named must not take taint away.
  const called = new Set((evidence.callIds ?? []).filter(owned).map(({ trajectory }) => trajectory));
  const itself = sent.filter((one) => owned(one) && called.has(one.trajectory));
  consider('assistant-digest', itself.length > 0 ? itself : sent);
  let label = joinAll(labels);
  if (evidence.unmatchedHistory) label = join(label, untrusted(UNMATCHED_HISTORY));
  if (evidence.carriesHistory && evidence.requester.user === undefined && chosen === undefined) {
    label = join(label, untrusted(UNVERIFIED_USER));
  }
  return { trajectory: chosen?.trajectory, by: chosen?.by ?? 'new', label, foreign: [...foreign].sort() };
}

/** What a step is. */
export type StepKind = 'model' | 'tool' | 'quarantine' | 'approval';

/** Steps taken by a trajectory so far; `taken` is their sum. */
export type Steps = Readonly<Record<StepKind, number>> & { readonly taken: number };

/** Bounds on steps; what is not named is not bounded here. */
export type StepBounds = { readonly [kind in StepKind | 'taken']?: number };

/** A trajectory that took no step yet. */
export const NO_STEPS: Steps = Object.freeze({ model: 0, tool: 0, quarantine: 0, approval: 0, taken: 0 });

/** Counts steps of one kind. */
export function countSteps(steps: Steps, kind: StepKind, count = 1): Steps {
  return { ...steps, [kind]: steps[kind] + count, taken: steps.taken + count };
}

/** Names the first bound that so many more steps of a kind would break, or undefined where they fit. */
export function stepsExceed(
  steps: Steps,
  bounds: StepBounds,
  kind: StepKind,
  count = 1,
): StepKind | 'taken' | undefined {
  if (steps[kind] + count > (bounds[kind] ?? Number.POSITIVE_INFINITY)) return kind;
  if (steps.taken + count > (bounds.taken ?? Number.POSITIVE_INFINITY)) return 'taken';
  return undefined;
}
