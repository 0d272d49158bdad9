import { GatewayError } from '@sallyport/chassis/errors';
import type { Logger } from '@sallyport/chassis/log';
import type { Component } from '@sallyport/chassis/process';
import { type ApprovalState, stateAt } from './approval.ts';
import { type ApprovalKey, type ApprovalStore, keyText } from './store.ts';

/** Lets calls wait until people have decided. */
export interface Waiting extends Component {
  /** States of all, in order, once none is pending, or when the time is up; undefined: no such approval. */
  wait(
    keys: readonly ApprovalKey[],
    untilMs: number,
    signal: AbortSignal,
  ): Promise<readonly (ApprovalState | undefined)[]>;
  /** Looks at once: somebody decided at this replica. */
  poke(): void;
}

interface Waiter {
  readonly keys: readonly ApprovalKey[];
  readonly untilMs: number;
  readonly answer: (states: readonly (ApprovalState | undefined)[]) => void;
  readonly fail: (error: unknown) => void;
  gone: boolean;
}

// One query for all who wait, so that their number does not matter to the database.
const EVERY_MS = 100;
const MAX_WAITERS = 10_000;

/** Makes the waiting room; it asks the store every 100 ms while anybody waits. */
export function createWaiting(store: Pick<ApprovalStore, 'states'>, log: Logger): Waiting {
  let waiters: Waiter[] = [];
  let timer: NodeJS.Timeout | undefined;
  let looking: Promise<void> | undefined;
  let stopped = false;

  const look = async () => {
    // A copy: who comes while the store answers was not asked about, and would seem to wait for what is not there.
    const asked = [...waiters];
    const keys = new Map(asked.flatMap((one) => one.keys.map((key) => [keyText(key), key])));
    const known = await store.states([...keys.values()]);
    const nowMs = Date.now();
    for (const waiter of asked) {
      const states = waiter.keys.map((key) => {
        const found = known.get(keyText(key));
        return found === undefined ? undefined : stateAt(found, nowMs);
      });
      if (waiter.gone || (states.includes('pending') && waiter.untilMs > nowMs && !stopped)) continue;
      waiter.gone = true;
      waiter.answer(states);
    }
  };
  const run = () => {
    clearTimeout(timer);
    timer = undefined;
    looking ??= look()
      .catch((error: unknown) => {
        log.debug('approvals cannot be looked at', { error });
        const nowMs = Date.now();
        for (const waiter of waiters) {
          if (waiter.untilMs > nowMs && !stopped) continue;
          waiter.gone = true;
          waiter.fail(error);
        }
      })
      .finally(() => {
        looking = undefined;
        waiters = waiters.filter((one) => !one.gone);
        if (waiters.length > 0) timer ??= setTimeout(run, stopped ? 0 : EVERY_MS);
      });
  };

  return {
    name: 'approvals-waiting',
    poke() {
      if (waiters.length > 0) run();
    },
    wait(keys, untilMs, signal) {
      if (waiters.length >= MAX_WAITERS) {
        return Promise.reject(new GatewayError('rate_limited', 'Too many calls wait for people.'));
      }
      return new Promise((resolve, reject) => {
        const leave = () => {
          waiter.gone = true;
          reject(new GatewayError('cancelled', 'Nobody waits for the approval any more.'));
        };
        const waiter: Waiter = {
          keys,
          untilMs,
          gone: false,
          answer: (states) => {
            signal.removeEventListener('abort', leave);
            resolve(states);
          },
          fail: (error) => {
            signal.removeEventListener('abort', leave);
            reject(error);
          },
        };
        signal.addEventListener('abort', leave, { once: true });
        waiters.push(waiter);
        if (timer === undefined) run();
      });
    },
    async stop() {
      stopped = true;
      run();
      await looking;
    },
  };
}
