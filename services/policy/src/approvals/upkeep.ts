import type { Logger } from '@sallyport/chassis/log';
import type { Postgres } from '@sallyport/chassis/postgres';
import type { Component } from '@sallyport/chassis/process';
import type { ApprovalContent } from './approval.ts';
import { keepRecords } from './outbox.ts';
import { recordOf } from './record.ts';
import type { Sealing } from './sealing.ts';

/** A question that still stands and of which people are told again. */
export interface Reminder {
  readonly tenant: string;
  readonly id: string;
  readonly content: ApprovalContent;
}

const ROWS = 100;

/**
 * Reminds people of questions, ends those whose time is over and deletes what is long past. Running on every replica at
 * once does no harm: each row is taken by one of them.
 */
export function approvalUpkeep(options: {
  readonly postgres: Postgres;
  readonly sealing: Sealing;
  readonly onReminder: (reminder: Reminder) => void;
  readonly sweep: () => Promise<number>;
  /** Voids what is endorsed for what is gone. */
  readonly voidGone: () => Promise<number>;
  readonly intervalMs: number;
  /** How long approvals that are over stay listed. */
  readonly retentionMs: number;
  readonly log: Logger;
}): Component {
  const { postgres, sealing, log } = options;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let stopped = false;

  const remind = async () => {
    const due = await postgres.withTenant('*', async (client) => {
      const { rows } = await client.query<{ tenant: string; id: string; content: Buffer }>(
        `update approvals set remind_at = null where (tenant, id) in
           (select tenant, id from approvals where state = 'pending' and remind_at <= now() and expires_at > now()
             order by remind_at limit ${ROWS} for update skip locked)
         returning tenant, id, content`,
      );
      return rows;
    });
    for (const { tenant, id, content } of due) {
      options.onReminder({ tenant, id, content: sealing.openContent(tenant, id, content) });
    }
  };
  const expire = () =>
    postgres.withTenant('*', async (client) => {
      const { rows } = await client.query<{ tenant: string; id: string; trajectory: string; content: Buffer }>(
        `update approvals set state = 'expired' where (tenant, id) in
           (select tenant, id from approvals where state in ('pending', 'approved') and expires_at <= now()
             order by expires_at limit ${ROWS} for update skip locked)
         returning tenant, id, trajectory, content`,
      );
      const atMs = Date.now();
      const records = rows.map(({ tenant, id, trajectory, content }) =>
        recordOf({ tenant, id, trajectory, content: sealing.openContent(tenant, id, content), state: 'expired', atMs }),
      );
      await keepRecords(client, records, sealing);
    });
  const forget = () =>
    postgres.withTenant('*', async (client) => {
      for (const [table, ageMs] of [
        ['approvals', options.retentionMs],
        ['endorsements', 0],
      ] as const) {
        await client.query(
          `delete from ${table} where (tenant, id) in
             (select tenant, id from ${table} where expires_at < now() - make_interval(secs => $1::float8 / 1000)
               order by expires_at limit ${ROWS} for update skip locked)`,
          [ageMs],
        );
      }
    });
  const tend = async () => {
    for (const work of [remind, expire, forget, options.voidGone, options.sweep]) {
      if (stopped) return;
      try {
        await work();
      } catch (error) {
        log.warn('approvals could not be tended', { error });
        return;
      }
    }
  };
  return {
    name: 'approval-upkeep',
    start() {
      timer = setInterval(() => {
        running ??= tend().finally(() => {
          running = undefined;
        });
      }, options.intervalMs);
      timer.unref();
    },
    async stop() {
      stopped = true;
      clearInterval(timer);
      await running;
    },
  };
}
