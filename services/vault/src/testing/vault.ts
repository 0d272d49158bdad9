import type { FileKey } from '@sallyport/chassis/key-file';
import { createLogger } from '@sallyport/chassis/log';
import type { Access } from '../access-log.ts';
import { createCustody } from '../custody.ts';
import { createEnvelope } from '../envelope.ts';
import { fileMasters } from '../envelope-file.ts';
import { createLeasing } from '../leasing.ts';
import { createOwnedCredentials } from '../owned.ts';
import { memoryVaultStore } from './memory-vault-store.ts';

/** Master keys for tests. */
export const OLD_MASTER: FileKey = { id: 'm1', key: Buffer.alloc(32, 1) };
export const NEW_MASTER: FileKey = { id: 'm2', key: Buffer.alloc(32, 2) };

/** All of vault over a store in memory; `lines` is what it logged. */
export function testVault(masters: readonly FileKey[] = [OLD_MASTER], store = memoryVaultStore()) {
  const lines: string[] = [];
  const log = createLogger({ service: 'vault', write: (line) => lines.push(line) });
  const envelope = createEnvelope(fileMasters(() => masters));
  const leased: Access[] = [];
  return {
    store,
    lines,
    leased,
    envelope,
    custody: createCustody({ store, envelope, onNotice: () => undefined }),
    owned: createOwnedCredentials({ store, envelope, onNotice: () => undefined }),
    lease: createLeasing({
      store,
      envelope,
      leaseTtlMs: 10_000,
      leaseToken: () => Promise.reject(new Error('no resource here has tokens')),
      log,
      onLease: (access) => leased.push(access),
    }),
  };
}
