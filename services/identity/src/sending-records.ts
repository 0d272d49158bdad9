import type { Logger } from '@sallyport/chassis/log';
import type { Component } from '@sallyport/chassis/process';

/** How records that lie in Postgres come to audit. */
export interface SendingRecords {
  readonly name: string;
  /** Sends the oldest ones, at most `batch`, and marks them as sent in the same transaction; gives how many. */
  readonly sendSome: () => Promise<number>;
  readonly batch: number;
  readonly intervalMs: number;
  /** What the log says once while audit does not take them. */
  readonly waiting: string;
  readonly log: Logger;
}

/** Sends until none is left, again and again. Any number of replicas may do so: records are idempotent by id. */
export function sendingRecords({ name, sendSome, batch, intervalMs, waiting, log }: SendingRecords): Component {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let stopped = false;
  let failing = false;
  const sendAll = async () => {
    try {
      while (!stopped && (await sendSome()) === batch);
      failing = false;
    } catch (error) {
      if (!failing) log.warn(waiting, { error });
      failing = true;
    }
  };
  return {
    name,
    start() {
      timer = setInterval(() => {
        running ??= sendAll().finally(() => {
          running = undefined;
        });
      }, intervalMs);
      timer.unref();
    },
    async stop() {
      stopped = true;
      clearInterval(timer);
      await running;
    },
  };
}
