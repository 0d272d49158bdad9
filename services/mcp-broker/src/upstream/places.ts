import { reasonOf } from '@sallyport/chassis/deadline';
import { GatewayError } from '@sallyport/chassis/errors';

/** So many at once, the others wait in line. */
export interface Places {
  /** Takes a place: at once, or when one is free. Rejects with `rate_limited` where too many wait, or as the signal says. */
  take(signal: AbortSignal): Promise<void> | undefined;
  free(): void;
  /** How many are taken. */
  readonly taken: number;
}

/** Most that wait for each place there is. */
const WAITING_PER_PLACE = 4;

/** Makes places; nothing is spent on one that is free. */
export function places(most: number): Places {
  const waiting = new Set<() => void>();
  let taken = 0;
  return {
    get taken() {
      return taken;
    },
    take(signal) {
      if (taken < most) {
        taken++;
        return undefined;
      }
      if (waiting.size >= most * WAITING_PER_PLACE) {
        const details = { notMade: true };
        throw new GatewayError('rate_limited', 'Too many calls wait for the tool server.', { details });
      }
      return new Promise((resolve, reject) => {
        const left = () => {
          waiting.delete(enter);
          reject(reasonOf(signal));
        };
        const enter = () => {
          signal.removeEventListener('abort', left);
          resolve();
        };
        if (signal.aborted) return left();
        signal.addEventListener('abort', left, { once: true });
        waiting.add(enter);
      });
    },
    free() {
      const [next] = waiting;
      // The place goes from one to the next.
      if (next === undefined) taken--;
      else {
        waiting.delete(next);
        next();
      }
    },
  };
}
