const SLICE_MS = 10;

interface Job {
  /** Goes on until it is done or the time is over; true: it is done. */
  run(until: number): boolean;
}

const jobs: Job[] = [];

/**
 * Does work that can be left off at each `yield`, with room for others every ten milliseconds; all such work of the process
 * takes turns, so that many pieces of it at once leave as much room as one. Rejects with what it throws.
 */
export function inSlices<T>(work: Generator<undefined, T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const run = (until: number): boolean => {
      try {
        do {
          const { done, value } = work.next();
          if (done !== true) continue;
          resolve(value);
          return true;
        } while (performance.now() < until);
        return false;
      } catch (error) {
        reject(error);
        return true;
      }
    };
    if (jobs.push({ run }) === 1) setImmediate(slice);
  });
}

function slice(): void {
  const until = performance.now() + SLICE_MS;
  do {
    const job = jobs.shift();
    if (job !== undefined && !job.run(until)) jobs.push(job);
  } while (jobs.length > 0 && performance.now() < until);
  if (jobs.length > 0) setImmediate(slice);
}
