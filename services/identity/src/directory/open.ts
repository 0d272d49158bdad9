import { hostname } from 'node:os';
import type { Logger } from '@sallyport/chassis/log';
import type { Outbox } from '@sallyport/chassis/outbox';
import type { Postgres } from '@sallyport/chassis/postgres';
import type { Lifecycle } from '@sallyport/chassis/process';
import type { Snapshot } from '@sallyport/peers/snapshot';
import type { Clients } from '../clients.ts';
import type { Config } from '../config.ts';
import { recordingRevocations } from '../revocation-records.ts';
import { reportingMemberCounts } from './member-counts.ts';
import { takingTeams } from './teams.ts';

/** Keeps the directory in step with resources and audit in step with it, while the process lives; gives what it sends. */
export async function keepDirectory(
  life: Lifecycle,
  options: {
    readonly config: Pick<Config, 'recordInterval' | 'countInterval'>;
    readonly postgres: Postgres;
    readonly clients: Clients;
    readonly snapshot: Snapshot;
    readonly onNotice: () => void;
    readonly log: Logger;
  },
): Promise<Outbox> {
  const { config, postgres, clients, snapshot, onNotice, log } = options;
  await life.use(takingTeams({ postgres, snapshot, onNotice, log }));
  const { recordInterval: retryMs } = config;
  const records = await life.use(recordingRevocations({ postgres, client: clients.records, retryMs, log }));
  const reporter = hostname();
  await life.use(
    reportingMemberCounts({
      postgres,
      client: clients.snapshots,
      snapshot,
      reporter,
      intervalMs: config.countInterval,
      log,
    }),
  );
  return records;
}
