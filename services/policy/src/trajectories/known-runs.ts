import { join, sameLabel } from '@sallyport/turn/label';
import type { Release, Trajectory } from './trajectory.ts';

/** A run as it was read or written. */
export interface SeenRun extends Trajectory {
  readonly expiresAtMs: number;
}

/** Runs as this replica last saw them, so that a release that adds nothing to its run writes nothing of it. */
export interface KnownRuns {
  saw(tenant: string, run: SeenRun): void;
  /**
   * Whether the row of the run says all that the release would add. A label only ever gets more restricted, so what was
   * there a moment ago is there still, whoever wrote since; of reading a label this says nothing.
   */
  covers(tenant: string, release: Release, expiresAtMs: number): boolean;
}

const MAX_RUNS = 20_000;
/** How long a sight of a row counts: far below the time for which it is kept. */
const SEEN_MS = 30_000;
/** How much earlier a run may expire than its last release says. */
const EXPIRY_SLACK_MS = 600_000;

/** Makes the memory of one replica. */
export function createKnownRuns(now: () => number = () => performance.now()): KnownRuns {
  const seen = new Map<string, { readonly run: SeenRun; readonly atMs: number }>();
  return {
    saw(tenant, run) {
      const key = `${tenant}\n${run.id}`;
      seen.delete(key);
      if (seen.size >= MAX_RUNS) seen.delete(seen.keys().next().value as string);
      seen.set(key, { run, atMs: now() });
    },
    covers(tenant, release, expiresAtMs) {
      const held = seen.get(`${tenant}\n${release.trajectory}`);
      if (held === undefined || now() - held.atMs > SEEN_MS) return false;
      const { run } = held;
      return (
        run.principalId === release.principalId &&
        run.user === release.user &&
        run.steps >= release.steps &&
        run.expiresAtMs > Date.now() + EXPIRY_SLACK_MS &&
        run.expiresAtMs + EXPIRY_SLACK_MS >= expiresAtMs &&
        sameLabel(join(run.label, release.label), run.label)
      );
    },
  };
}
