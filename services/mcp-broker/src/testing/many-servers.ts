import { createLogger } from '@sallyport/chassis/log';
import { createMetrics } from '@sallyport/chassis/metrics';
import type { SnapshotItem } from '@sallyport/peers/snapshot';
import { followCatalog } from '../catalog/catalog.ts';
import { sha256 } from '../digests.ts';
import { brokerMetrics } from '../metrics.ts';

/** A catalogue of so many ToolServers `server-<n>` with uid `uid-<n>`, none of which was listed, and what goes with it. */
export function manyServers(count: number) {
  const items = Array.from({ length: count }, (_, n) => ({
    kind: 'ToolServer',
    tenant: 'acme',
    name: `server-${n}`,
    uid: `uid-${n}`,
    generation: 1,
    contentHash: `h${n}`,
    spec: { defaultClass: 'Read', timeoutSeconds: 5, tools: [] },
  })) as unknown as SnapshotItem[];
  return {
    items,
    catalog: followCatalog({ items: () => items, onChange: () => undefined } as never, sha256),
    metrics: brokerMetrics(createMetrics('mcp-broker', { defaults: false })),
    log: createLogger({ service: 'test', level: 'error' }),
  };
}
