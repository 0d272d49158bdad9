import { readKeyFile } from '@sallyport/chassis/key-file';
import type { Logger } from '@sallyport/chassis/log';
import type { Metrics } from '@sallyport/chassis/metrics';
import { postgres } from '@sallyport/chassis/postgres';
import type { Lifecycle } from '@sallyport/chassis/process';
import { sealer } from '@sallyport/chassis/seal';
import { sweeping } from '@sallyport/chassis/sweeping';
import type { Config } from '../config.ts';
import type { ResponseStore } from './kept.ts';
import { createResponseStore, SCHEMA_VERSION } from './store.ts';

/**
 * Opens the database of responses and conversations; undefined where the config names none. The process is ready once the schema
 * is there, and stays so while the database is away: model calls do not need it, and what asks for it is told.
 */
export async function openResponses(
  life: Lifecycle,
  config: Pick<Config, 'postgres' | 'sealKeysFile' | 'responses'>,
  { service, log, metrics }: { service: string; log: Logger; metrics: Metrics },
): Promise<ResponseStore | undefined> {
  if (config.postgres === undefined) return undefined;
  if (config.sealKeysFile === undefined) throw new Error('sealKeysFile is needed with postgres.');
  const database = await life.use(postgres(config.postgres, { service, log, metrics }));
  let isThere = false;
  life.readiness.add('postgres', async () => {
    if (isThere) return true;
    const state = await database.schemaReady(SCHEMA_VERSION);
    isThere = state === true;
    return state;
  });
  const store = createResponseStore(database, sealer(readKeyFile(config.sealKeysFile)), config.responses.ttl);
  await life.use(sweeping('responses', store, config.responses.sweepInterval, log));
  return store;
}
