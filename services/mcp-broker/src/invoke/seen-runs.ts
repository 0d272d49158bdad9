import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import { join, type Label, TRUSTED } from '@sallyport/turn';

/**
 * Runs that calls of a principal were made in, so that policy need not be asked whose they are: that does not change. Their
 * labels are what was known here last, which is a lower bound; what else was read policy joins when it decides.
 */
export interface SeenRuns {
  /** Undefined where this principal has named no such run of its own for a while. */
  labelOf(principal: Holder, run: string): Label | undefined;
  saw(principal: Holder, run: string, label: Label): void;
}

type Holder = Pick<Principal, 'tenant' | 'id' | 'user'>;

const MAX_RUNS = 20_000;
/** Far below the time for which policy keeps a run, so that what it has forgotten is forgotten here. */
const SEEN_MS = 600_000;

/** Makes the memory of one replica. */
export function seenRuns(now: () => number = () => performance.now()): SeenRuns {
  const seen = new Map<string, { label: Label; atMs: number }>();
  const keyOf = ({ tenant, id, user }: Holder, run: string) => `${tenant}\n${id}\n${user}\n${run}`;
  const current = (key: string) => {
    const held = seen.get(key);
    if (held === undefined || now() - held.atMs <= SEEN_MS) return held;
    seen.delete(key);
    return undefined;
  };
  return {
    labelOf: (principal, run) => (run === '' ? undefined : current(keyOf(principal, run))?.label),
    saw(principal, run, label) {
      const key = keyOf(principal, run);
      const known = join(current(key)?.label ?? TRUSTED, label);
      seen.delete(key);
      if (seen.size >= MAX_RUNS) seen.delete(seen.keys().next().value as string);
      seen.set(key, { label: known, atMs: now() });
    },
  };
}
