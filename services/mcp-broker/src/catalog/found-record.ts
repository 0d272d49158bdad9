import type { RecordInit } from '@sallyport/peers/records';
import { Record_Kind } from '@sallyport/proto/audit/v1/audit_pb';
import { sha256 } from '../digests.ts';
import type { Server, Suspicions } from './catalog.ts';
import type { Suspicion } from './poison/detector.ts';
import type { Settled } from './settle.ts';

const DAY_MS = 86_400_000;
const MAX_TOLD = 20_000;

/** Tells which records are due for what was found in definitions: each once a day, for as long as it is so. */
export function foundRecords(now: () => number = Date.now) {
  const told = new Set<string>();
  return (server: Server, settled: Pick<Settled, 'definitions' | 'held'>, suspicions: Suspicions): RecordInit[] => {
    return settled.definitions.flatMap(({ name, digest }) => {
      const why = settled.held.get(name);
      const found = suspicions.get(name) ?? [];
      if (why === undefined && found.length === 0) return [];
      const day = Math.floor(now() / DAY_MS) * DAY_MS;
      const id = idOf(day, JSON.stringify([server.tenant, server.uid, name, digest, why, found]));
      if (told.has(id)) return [];
      if (told.size >= MAX_TOLD) told.delete(told.values().next().value as string);
      told.add(id);
      return [recordOf(id, now(), server, { name, digest, why, found })];
    });
  };
}

/** One id for all replicas and restarts of a day, of the form of a UUID of version 7: audit keeps the first. */
function idOf(dayMs: number, of: string): string {
  const time = dayMs.toString(16).padStart(12, '0');
  const rest = sha256(of);
  return [time.slice(0, 8), time.slice(8), `7${rest.slice(0, 3)}`, `8${rest.slice(3, 6)}`, rest.slice(6, 18)].join('-');
}

function recordOf(
  id: string,
  startedAtMs: number,
  { tenant, name: server, uid }: Server,
  tool: { name: string; digest: string; why: string | undefined; found: readonly Suspicion[] },
): RecordInit {
  const { name, digest, why, found } = tool;
  const isHeld = why !== undefined;
  return {
    id,
    kind: Record_Kind.ADMIN,
    tenant,
    startedAtMs,
    endpoint: 'mcp',
    principalKind: 'client',
    principalId: 'service:mcp-broker',
    toolName: `${server}/${name}`,
    outcome: isHeld ? 'refused' : 'ok',
    reason: isHeld ? 'The definition is held until a reviewer names it.' : 'The definition is offered, and flagged.',
    detailJson: JSON.stringify({
      action: isHeld ? 'definitions.hold' : 'definitions.flag',
      target: { server, uid, tool: name, digest: `sha256:${digest}` },
      ...(isHeld ? { why } : {}),
      ...(found.length > 0 ? { found } : {}),
    }),
  };
}
