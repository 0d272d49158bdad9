import type { EndSignal } from '@sallyport/chassis/ending';
import { GatewayError } from '@sallyport/chassis/errors';

interface Waiting {
  readonly who: string;
  give(): void;
  refuse(): void;
}

/**
 * Those who wait for a place, by who asks. Places go round: each principal gets one in turn, however many requests of theirs
 * wait, and of one principal's the oldest. Bounded in number and in time; where it is full of one's requests, the youngest of
 * them makes room for another's.
 */
export class FairQueue {
  /** Insertion order is the order of turns: who was served goes to the end. */
  readonly #byWho = new Map<string, Waiting[]>();
  #size = 0;

  size(): number {
    return this.#size;
  }

  /**
   * Waits for a place. Rejects with rate_limited where the queue is full or the time is over, else with the reason of the
   * signal.
   */
  wait(who: string, bounds: { readonly size: number; readonly waitMs: number }, signal: EndSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason as Error);
    if (this.#size >= bounds.size && !this.#makeRoom(who)) return Promise.reject(tooMany(bounds.waitMs));
    return new Promise((resolve, reject) => {
      const leave = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', aborted);
      };
      const waiting: Waiting = {
        who,
        give() {
          leave();
          resolve();
        },
        refuse() {
          leave();
          reject(tooMany(bounds.waitMs));
        },
      };
      const aborted = () => {
        this.#remove(waiting);
        leave();
        reject(signal.reason as Error);
      };
      const timer = setTimeout(() => {
        this.#remove(waiting);
        waiting.refuse();
      }, bounds.waitMs);
      timer.unref();
      signal.addEventListener('abort', aborted, { once: true });
      const theirs = this.#byWho.get(who);
      if (theirs) theirs.push(waiting);
      else this.#byWho.set(who, [waiting]);
      this.#size++;
    });
  }

  /** Gives a place to the next in turn; false where nobody waits. */
  next(): boolean {
    for (const [who, theirs] of this.#byWho) {
      const first = theirs.shift();
      this.#byWho.delete(who);
      if (theirs.length > 0) this.#byWho.set(who, theirs);
      if (first === undefined) continue;
      this.#size--;
      first.give();
      return true;
    }
    return false;
  }

  /** Refuses the youngest of whose requests are the most; false where these are no more than `who` would have. */
  #makeRoom(who: string): boolean {
    const own = this.#byWho.get(who)?.length ?? 0;
    let most: Waiting[] = [];
    for (const theirs of this.#byWho.values()) if (theirs.length > most.length) most = theirs;
    const youngest = most.at(-1);
    if (youngest === undefined || most.length <= own + 1) return false;
    this.#remove(youngest);
    youngest.refuse();
    return true;
  }

  #remove(waiting: Waiting): void {
    const theirs = this.#byWho.get(waiting.who);
    const at = theirs?.indexOf(waiting) ?? -1;
    if (theirs === undefined || at < 0) return;
    theirs.splice(at, 1);
    this.#size--;
    if (theirs.length === 0) this.#byWho.delete(waiting.who);
  }
}

function tooMany(retryAfterMs: number): GatewayError {
  return new GatewayError('rate_limited', 'Too many requests wait for this model.', {
    details: { queue: 'target' },
    retryAfterMs,
  });
}
