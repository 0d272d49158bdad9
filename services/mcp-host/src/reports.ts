import type { Logger } from '@sallyport/chassis/log';
import type { Client } from '@sallyport/chassis/rpc/client';
import { type Reporting, reporting } from '@sallyport/peers/reporting';
import type { SnapshotService } from '@sallyport/proto/snapshot/v1/snapshot_pb';
import type { Host } from './host.ts';

/** Tells the operator how the processes of hosted servers are. One of which nobody asked anything yet is not spoken of. */
export function reportHosts(options: {
  readonly client: Pick<Client<typeof SnapshotService>, 'report'>;
  readonly hosts: () => Iterable<Host>;
  readonly reporter: string;
  readonly intervalMs: number;
  readonly log: Logger;
}): Reporting {
  return reporting({ ...options, name: 'reports', observations: () => [...options.hosts()].map(observationOf) });
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
