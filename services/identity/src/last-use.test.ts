import { describe, expect, it } from '@jest/globals';
import { createLogger } from '@sallyport/chassis/log';
import type { KeyUse } from './key-store.ts';
import { createLastUse } from './last-use.ts';

const log = createLogger({ service: 'test', write: () => undefined });
const use = (keyId: string, atMs: number): KeyUse => ({ tenant: 'acme', keyId, endpoint: 'mcp', atMs });

describe('last use', () => {
  it('writes one row a key, the latest, and what a failed write held comes with the next', async () => {
    const written: (readonly KeyUse[])[] = [];
    let failing = true;
    const recordUse = async (uses: readonly KeyUse[]) => {
      if (failing) throw new Error('away');
      written.push(uses);
    };
    const lastUse = createLastUse({ store: { recordUse }, log, intervalMs: 60_000, maxKeys: 2 });
    lastUse.add(use('k1', 1));
    lastUse.add(use('k2', 2));
    lastUse.add(use('k3', 3));
    await lastUse.stop?.(0);
    failing = false;
    lastUse.add(use('k1', 4));
    await lastUse.stop?.(0);
    expect(written).toEqual([[use('k1', 4), use('k2', 2)]]);
  });
});
