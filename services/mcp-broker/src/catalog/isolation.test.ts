import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import type { Access } from '@sallyport/peers/access';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import { sha256 } from '../digests.ts';
import { manyServers } from '../testing/many-servers.ts';
import { memoryPins } from '../testing/peers.ts';
import { offeredList } from './offered-list.ts';
import { refreshCatalog } from './refresh.ts';

const SERVERS = 200;
const TOOLS = 20;
const DEAD = 'server-7';
const SLOW = 'server-13';

const offered = Array.from({ length: TOOLS }, (_, n) => ({ name: `tool_${n}`, inputSchema: { type: 'object' } }));
const principal = { tenant: 'acme', tools: [], user: '', id: 'key:a' } as unknown as Principal;
const access = { allowsTool: () => true, reviews: () => false, toolRights: 'all' } as unknown as Access;

describe('200 servers of 20 tools, one dead and one that hangs', () => {
  it('[catalog:isolation] are listed all the same, and the list waits for none of them', async () => {
    const { catalog, metrics, log } = manyServers(SERVERS);
    const upstream = {
      list: (server: { readonly name: string }, _who: unknown, signal: AbortSignal): Promise<unknown[]> => {
        if (server.name === DEAD) return Promise.reject(new GatewayError('upstream_error', 'away'));
        if (server.name !== SLOW) return Promise.resolve(offered);
        return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
      },
      keepOnly: () => undefined,
      failing: () => undefined,
    };
    const refresher = refreshCatalog({
      catalog,
      upstream,
      pins: memoryPins(),
      sha256,
      metrics,
      log,
      intervalMs: 60_000,
      listTimeoutMs: 60_000,
      onListed: () => undefined,
      onServer: () => undefined,
    } as Parameters<typeof refreshCatalog>[0]);
    refresher.start?.();
    const wanted = (SERVERS - 2) * TOOLS;
    const end = Date.now() + 20_000;
    while (catalog.tools('acme').length < wanted && Date.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(offeredList(catalog, principal, access, undefined).tools).toHaveLength(wanted);
    expect(refresher.attempt('uid-7')?.error?.code).toBe('upstream_error');
    expect(refresher.attempt('uid-13')).toBeUndefined();

    const times = Array.from({ length: 100 }, () => {
      const since = process.cpuUsage();
      offeredList(catalog, principal, access, undefined);
      return process.cpuUsage(since).user / 1_000;
    }).sort((a, b) => a - b);
    expect(times[98]).toBeLessThan(50);
    await refresher.stop();
  }, 30_000);
});
