import { GatewayError } from '@sallyport/chassis/errors';
import { gathering } from '@sallyport/chassis/gathering';
import { portionsOf } from './portion.ts';

/** Encoded records of one caller, durable all or none. */
type Records = readonly Uint8Array[];

interface Waiting {
  readonly records: Records;
  /** As `performance.now()`. */
  readonly sinceMs: number;
}

/** How commits are made together. */
export interface CommitsTogether {
  /** Makes records durable. */
  readonly place: (records: Records) => Promise<unknown>;
  /** Whether an error is about the records themselves, so that the same ones fail again. */
  readonly refuses: (error: unknown) => boolean;
  /** A commit takes no more callers once it has this many bytes. */
  readonly maxBytes: number;
  /** What has waited longer before its commit began is refused: whoever asked has given up. */
  readonly maxWaitMs: number;
}

const MOST = 64;
const PARALLEL = 2;

/**
 * Makes the records of calls durable, those of calls that come at once, or while others are under way, in one commit: a
 * call of its own to audit costs both sides more than all else that is done for an intent. Each caller's promise is settled
 * by the commit that took its records; where audit refuses a commit, each caller's are tried by themselves, so that
 * nobody's call is refused for another's. What waited too long for its commit to begin is refused with `deadline_exceeded`.
 */
export function commitTogether(options: CommitsTogether): (records: Records) => Promise<void> {
  const { place, refuses, maxBytes, maxWaitMs } = options;
  const alone = (records: Records): Promise<unknown> =>
    place(records).then(
      () => undefined,
      (error: unknown) => error,
    );
  const placed = async (group: readonly Records[]): Promise<readonly unknown[]> => {
    const [first] = group;
    if (group.length === 1 && first !== undefined) return [await alone(first)];
    const error = await alone(group.flat());
    if (error !== undefined && refuses(error)) return await Promise.all(group.map(alone));
    return group.map(() => error);
  };
  const ask = gathering<Waiting, unknown>({
    most: MOST,
    parallel: PARALLEL,
    async answer(group) {
      const now = performance.now();
      const late = group.map(({ sinceMs }) => now - sinceMs > maxWaitMs);
      const timely = group.flatMap(({ records }, index) => (late[index] === true ? [] : [records]));
      const errors = (await Promise.all(portionsOf(timely, bytesOf, maxBytes).map(placed))).flat();
      let next = 0;
      return late.map((isLate) => (isLate ? tooLate(maxWaitMs) : errors[next++]));
    },
  });
  return async (records) => {
    const error = await ask({ records, sinceMs: performance.now() });
    if (error !== undefined) throw error;
  };
}

function bytesOf(records: Records): number {
  return records.reduce((sum, record) => sum + record.length, 0);
}

function tooLate(ms: number): GatewayError {
  return new GatewayError('deadline_exceeded', `Records waited more than ${ms} ms to be committed.`);
}
