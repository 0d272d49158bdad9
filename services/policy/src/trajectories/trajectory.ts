import type { Label } from '@sallyport/turn/label';

/** Whom a trajectory is bound to in its tenant; `user` is empty where nobody stands behind the credential. */
export interface Holder {
  readonly principalId: string;
  readonly user: string;
}

/** A trajectory as kept. */
export interface Trajectory extends Holder {
  readonly id: string;
  readonly label: Label;
  readonly steps: number;
}

/** What kind of content a digest stands for. */
export type DigestKind = 'assistant' | 'call' | 'result';

/** Content that a run released, by its keyed digest. */
export interface ReleasedDigest {
  readonly digest: string;
  readonly kind: DigestKind;
  /** For a result: the tool it came from; else empty. */
  readonly tool: string;
  readonly label: Label;
}

/** A digest that was looked up, and the run that released it. */
export interface FoundDigest extends ReleasedDigest {
  readonly trajectory: string;
}

/** What one turn released. */
export interface Release extends Holder {
  readonly trajectory: string;
  readonly label: Label;
  readonly digests: readonly ReleasedDigest[];
  readonly callIds: readonly string[];
  /** Digest of the whole assistant message; empty where there was none. */
  readonly assistantDigest: string;
  /** Steps taken so far. */
  readonly steps: number;
  /** Untrusted values that came into the run, by keyed digest of one of their forms: known for the user. */
  readonly values: readonly { readonly digest: string; readonly source: string }[];
}

/** What in a request points at runs. */
export interface Pointers {
  readonly claimed: string;
  readonly callIds: readonly string[];
  readonly lastAssistantDigest: string;
}

/** The runs that pointers lead to, of whatever owner: ownership is judged by the caller. */
export interface PointedAt {
  readonly claimed: Trajectory | undefined;
  readonly byCall: readonly Trajectory[];
  readonly byMessage: readonly Trajectory[];
}

/** Where runs are kept. Every method is bound to one tenant, but for the sweep. */
export interface TrajectoryStore {
  find(tenant: string, pointers: Pointers): Promise<PointedAt>;
  /** Digests released to this holder: in the given run, and in any other run where they are untrusted. */
  known(tenant: string, holder: Holder, trajectory: string, digests: readonly string[]): Promise<FoundDigest[]>;
  /**
   * Durable when it resolves, together with the untrusted values. Labels are joined, steps never fall. Answers the runs that
   * belong to somebody else, of which nothing is kept.
   */
  remember(tenant: string, releases: readonly Release[], expiresAtMs: number): Promise<readonly string[]>;
  /** Steps of a run; 0 where it is not known. */
  steps(tenant: string, trajectory: string): Promise<number>;
  /** Deletes some of what expired before `nowMs` and answers how many runs went. */
  sweep(nowMs: number): Promise<number>;
}
