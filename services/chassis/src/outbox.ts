import type { Logger } from './log.ts';
import type { Component } from './process.ts';

/** What lies in a table until somebody else has it. */
export interface Outbox extends Component {
  /** Something lies there: send it now. Said again for as long as that is so, since what fails is not tried by itself. */
  soon(): void;
  stop(): Promise<void>;
}

/** How an outbox is emptied. */
export interface OutboxOptions {
  readonly name: string;
  /** Sends the oldest ones, at most `batch`, and takes them out in the same transaction; gives how many. */
  readonly sendSome: () => Promise<number>;
  readonly batch: number;
  /** How long nothing is tried after it failed. */
  readonly retryMs: number;
  /** What the log says once while nobody takes them. */
  readonly waiting: string;
  readonly log: Logger;
}

/**
 * Sends until none is left, each time it is told that there is something: who asks the same database several times a second
 * anyway sees that for nothing. Any number of replicas may do so where what they send is known by its id.
 */
export function outbox({ name, sendSome, batch, retryMs, waiting, log }: OutboxOptions): Outbox {
  let running: Promise<void> | undefined;
  let stopped = false;
  let failing = false;
  let notBeforeMs = Number.NEGATIVE_INFINITY;
  const sendAll = async () => {
    try {
      while (!stopped && (await sendSome()) === batch);
      failing = false;
    } catch (error) {
      if (!failing) log.warn(waiting, { error });
      failing = true;
      notBeforeMs = performance.now() + retryMs;
    } finally {
      running = undefined;
    }
  };
  return {
    name,
    soon() {
      if (!stopped && performance.now() >= notBeforeMs) running ??= sendAll();
    },
    async stop() {
      stopped = true;
      await running;
    },
  };
}
