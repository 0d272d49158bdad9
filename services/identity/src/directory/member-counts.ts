import type { Logger } from '@sallyport/chassis/log';
import type { Postgres } from '@sallyport/chassis/postgres';
import type { Component } from '@sallyport/chassis/process';
import type { Client } from '@sallyport/chassis/rpc/client';
import type { Snapshot } from '@sallyport/peers/snapshot';
import type { SnapshotService } from '@sallyport/proto/snapshot/v1/snapshot_pb';

const REPORT_MS = 5_000;

/** Tells operator how many people are in each Team, for its status; said again each time, since it forgets. */
export function reportingMemberCounts(options: {
  readonly postgres: Postgres;
  readonly client: Pick<Client<typeof SnapshotService>, 'report'>;
  readonly snapshot: Pick<Snapshot, 'items'>;
  readonly reporter: string;
  readonly intervalMs: number;
  readonly log: Logger;
}): Component {
  const { postgres, client, snapshot, reporter, intervalMs, log } = options;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;

  const report = async () => {
    const items = snapshot.items('Team');
    if (items.length === 0) return;
    const rows = await postgres.readOnce<{ tenant: string; team: string; members: number }>(
      '*',
      `select m.tenant, m.team, count(*)::float8 as members from team_members m
        left join users u on u.tenant = m.tenant and u.name = m.user_name
        where u.id is null or (u.active and u.deleted_at is null) group by m.tenant, m.team`,
    );
    const counts = new Map(rows.map((row) => [`${row.tenant}/${row.team}`, row.members]));
    const observations = items.map(({ tenant, name, uid }) => {
      const memberCount = counts.get(`${tenant}/${name}`) ?? 0;
      return { kind: 'Team', tenant, name, uid, statusJson: JSON.stringify({ memberCount }) };
    });
    await client.report({ reporter, observations }, { timeoutMs: REPORT_MS });
  };
  return {
    name: 'member-counts',
    start() {
      timer = setInterval(() => {
        running ??= report()
          .catch((error: unknown) => log.debug('members of Teams could not be reported', { error }))
          .finally(() => {
            running = undefined;
          });
      }, intervalMs);
      timer.unref();
    },
    async stop() {
      clearInterval(timer);
      await running;
    },
  };
}
