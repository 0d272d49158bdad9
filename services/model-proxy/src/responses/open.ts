import { readKeyFile } from '@sallyport/chassis/key-file';
import type { Logger } from '@sallyport/chassis/log';
import type { Metrics } from '@sallyport/chassis/metrics';
import type { Lifecycle } from '@sallyport/chassis/process';
import { sealer } from '@sallyport/chassis/seal';
import { sweeping } from '@sallyport/chassis/sweeping';
import type { BatchStore } from '../batches/kept.ts';
import { createBatchStore } from '../batches/store.ts';
import type { Config } from '../config.ts';
import type { FileStore } from '../files/kept.ts';
import { createFileStore } from '../files/store.ts';
import type { ResponseStore } from './kept.ts';
import { rowSeal } from './own-rows.ts';
import { createResponseStore, SCHEMA_VERSION } from './store.ts';

/** What is kept in the database. */
export interface Stores {
  readonly responses: ResponseStore | undefined;
  readonly files: FileStore | undefined;
  readonly batches: BatchStore | undefined;
}

/**
 * Opens the database of responses, conversations and files; nothing is kept where the config names none. The process is ready
 * once the schema is there, and stays so while the database is away: model calls do not need it, and what asks for it is told.
 */
export async function openStores(
  life: Lifecycle,
  config: Pick<Config, 'postgres' | 'sealKeysFile' | 'responses'>,
  { service, log, metrics }: { service: string; log: Logger; metrics: Metrics },
): Promise<Stores> {
  if (config.postgres === undefined) return { responses: undefined, files: undefined, batches: undefined };
  if (config.sealKeysFile === undefined) throw new Error('sealKeysFile is needed with postgres.');
  // The driver is loaded only where there is a database: it is 1 MB.
  const { postgres } = await import('@sallyport/chassis/postgres');
  const database = await life.use(postgres(config.postgres, { service, log, metrics }));
  let isThere = false;
  life.readiness.add('postgres', async () => {
    if (isThere) return true;
    const state = await database.schemaReady(SCHEMA_VERSION);
    isThere = state === true;
    return state;
  });
  const keys = sealer(readKeyFile(config.sealKeysFile));
  const { ttl, sweepInterval } = config.responses;
  const responses = createResponseStore(database, keys, ttl, config.responses);
  const files = createFileStore(database, rowSeal(keys), ttl);
  const batches = createBatchStore(database, rowSeal(keys), ttl);
  await life.use(sweeping('responses', responses, sweepInterval, log));
  await life.use(sweeping('files', files, sweepInterval, log));
  await life.use(sweeping('batches', batches, sweepInterval, log));
  return { responses, files, batches };
}
