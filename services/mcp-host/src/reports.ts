import type { Logger } from '@sallyport/chassis/log';
import type { Component } from '@sallyport/chassis/process';
import type { Client } from '@sallyport/chassis/rpc/client';
import type { SnapshotService } from '@sallyport/proto/snapshot/v1/snapshot_pb';
import type { Host } from './host.ts';

const TIMEOUT_MS = 5_000;
const SOON_MS = 100;

/** Tells the operator how the processes of hosted servers are: at intervals, and soon after a change. */
export interface Reports extends Component {
  soon(): void;
  stop(): Promise<void>;
}

/** Makes the reports. A server of which nobody asked anything yet is not spoken of. */
export function reportHosts(options: {
  readonly client: Pick<Client<typeof SnapshotService>, 'report'>;
  readonly hosts: () => Iterable<Host>;
  readonly reporter: string;
  readonly intervalMs: number;
  readonly log: Logger;
}): Reports {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let sending: Promise<void> = Promise.resolve();
  const send = async () => {
    const observations = [...options.hosts()].map(observationOf);
    if (observations.length === 0) return;
    await options.client
      .report({ reporter: options.reporter, observations }, { timeoutMs: TIMEOUT_MS })
      .catch((error: unknown) => options.log.debug('How hosted servers are could not be reported', { error }));
  };
  const after = (ms: number) => {
    clearTimeout(timer);
    if (stopped) return;
    timer = setTimeout(() => {
      sending = sending.then(send).finally(() => after(options.intervalMs));
    }, ms);
    timer.unref();
  };
  return {
    name: 'reports',
    start: () => after(SOON_MS),
    soon: () => after(SOON_MS),
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await sending;
    },
  };
}

/** What is said of one server. */
export function observationOf(host: Host) {
  const { tenant, name, uid, generation } = host.server;
  const state = host.state();
  const [status, reason, message] =
    state.is === 'ended'
      ? (['False', 'ProcessEnded', `The process ended: ${state.reason}.`] as const)
      : state.is === 'idle'
        ? (['True', 'Idle', 'It is stopped until it is called.'] as const)
        : state.is === 'starting'
          ? (['Unknown', 'Starting', 'The process is being started.'] as const)
          : (['True', 'Running', 'The process runs.'] as const);
  return {
    kind: 'ToolServer',
    tenant,
    name,
    uid,
    generation,
    conditions: [{ type: 'Deployed', status, reason, message }],
    statusJson: '',
  };
}
