import type { Logger } from '@sallyport/chassis/log';
import type { Postgres } from '@sallyport/chassis/postgres';
import type { Component } from '@sallyport/chassis/process';
import { IDLE_SECONDS } from '../sessions/session-store.ts';

const EVERY_MS = 600_000;
const STATEMENTS = [
  'delete from oauth_artefacts where expires_at < now()',
  'delete from oauth_sign_ins where expires_at < now()',
  `delete from browser_sessions where expires_at < now() or used_at < now() - interval '${IDLE_SECONDS} seconds'`,
  // A while longer than any token of theirs, so that one that ended is not taken for one that never was.
  `delete from oauth_grants where expires_at < now() - interval '1 day' or ended_at < now() - interval '30 days'`,
  `delete from oauth_clients c where c.used_at < now() - interval '180 days'
     and not exists (select from oauth_grants g where g.tenant = c.tenant and g.client = c.id)`,
];

/** Deletes what is over, every ten minutes. Running on every replica at once does no harm. */
export function oauthPruning(postgres: Postgres, log: Logger): Component {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  const prune = async () => {
    try {
      for (const sql of STATEMENTS) await postgres.withTenant('*', (client) => client.query(sql));
    } catch (error) {
      log.warn('what is over in the OAuth server could not be deleted', { error });
    }
  };
  return {
    name: 'oauth pruning',
    start() {
      timer = setInterval(() => {
        running = prune();
      }, EVERY_MS);
      timer.unref();
    },
    async stop() {
      clearInterval(timer);
      await running;
    },
  };
}
