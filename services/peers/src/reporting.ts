import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Logger } from '@sallyport/chassis/log';
import type { Component } from '@sallyport/chassis/process';
import type { Client } from '@sallyport/chassis/rpc/client';
import type { ObservationSchema, SnapshotService } from '@sallyport/proto/snapshot/v1/snapshot_pb';

/** Tells the operator what a service sees of resources. */
export interface Reporting extends Component {
  /** Something changed: report soon. */
  soon(): void;
  stop(): Promise<void>;
}

/** What the operator is told of one resource. */
export type Observed = MessageInitShape<typeof ObservationSchema>;

/** Longest that telling the operator may take. */
export const REPORT_MS = 5_000;

const SOON_MS = 100;

/**
 * Tells at intervals, since the operator keeps observations in memory only, and soon after each change: changes that follow
 * each other are told together, and never later for it. One `send` at a time; what it throws is written into the log.
 */
export function reportLoop(options: {
  readonly name: string;
  readonly send: () => Promise<void>;
  readonly intervalMs: number;
  readonly log: Logger;
}): Reporting {
  const { name, log } = options;
  let timer: NodeJS.Timeout | undefined;
  let dueAt = 0;
  let stopped = false;
  let sending: Promise<void> = Promise.resolve();
  const after = (ms: number) => {
    if (stopped || (timer !== undefined && dueAt <= Date.now() + ms)) return;
    clearTimeout(timer);
    dueAt = Date.now() + ms;
    timer = setTimeout(() => {
      timer = undefined;
      sending = sending
        .then(options.send)
        .catch((error: unknown) => log.error('What was seen could not be put together', { name, error }))
        .finally(() => after(options.intervalMs));
    }, ms);
    timer.unref();
  };
  return {
    name,
    start: () => after(SOON_MS),
    soon: () => after(SOON_MS),
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await sending;
    },
  };
}

/** Reports all that is seen, each time, in one message. Nothing to tell, or an operator that is away, is no fault. */
export function reporting(options: {
  readonly name: string;
  readonly client: Pick<Client<typeof SnapshotService>, 'report'>;
  readonly observations: () => readonly Observed[];
  readonly reporter: string;
  readonly intervalMs: number;
  readonly log: Logger;
}): Reporting {
  const { client, reporter, log } = options;
  const send = async () => {
    const observations = [...options.observations()];
    if (observations.length === 0) return;
    await client
      .report({ reporter, observations }, { timeoutMs: REPORT_MS })
      .catch((error: unknown) => log.debug('What was seen could not be reported', { name: options.name, error }));
  };
  return reportLoop({ ...options, send });
}
