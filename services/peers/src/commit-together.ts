import { gathering } from '@sallyport/chassis/gathering';

/** Encoded records of one caller, durable all or none. */
type Records = readonly Uint8Array[];

/** How commits are made together. */
export interface CommitsTogether {
  /** Makes records durable. */
  readonly place: (records: Records) => Promise<void>;
  /** Whether an error is about the records themselves, so that the same ones fail again. */
  readonly refuses: (error: unknown) => boolean;
  /** A commit takes no more callers once it has this many bytes. */
  readonly maxBytes: number;
}

const MOST = 64;
const PARALLEL = 2;

/**
 * Makes the records of calls durable, those of calls that come at once, or while others are under way, in one commit: a
 * call of its own to audit costs both sides more than all else that is done for an intent. Each caller's promise is settled
 * by the commit that took its records; where audit refuses a commit, each caller's are tried by themselves, so that
 * nobody's call is refused for another's.
 */
export function commitTogether({ place, refuses, maxBytes }: CommitsTogether): (records: Records) => Promise<void> {
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
  const ask = gathering<Records, unknown>({
    most: MOST,
    parallel: PARALLEL,
    answer: async (group) => (await Promise.all(portions(group, maxBytes).map(placed))).flat(),
  });
  return async (records) => {
    const error = await ask(records);
    if (error !== undefined) throw error;
  };
}

/** Takes callers apart into portions of at most so many bytes; one that has more is a portion by itself. */
function portions(group: readonly Records[], maxBytes: number): Records[][] {
  const found: Records[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const records of group) {
    const own = records.reduce((sum, record) => sum + record.length, 0);
    bytes += own;
    if (bytes > maxBytes) {
      found.push([]);
      bytes = own;
    }
    found.at(-1)?.push(records);
  }
  return found;
}
