import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Logger } from '@sallyport/chassis/log';
import type { Client } from '@sallyport/chassis/rpc/client';
import type { Recorder } from '@sallyport/peers/records';
import { REPORT_MS, type Reporting, reportLoop } from '@sallyport/peers/reporting';
import type { SnapshotService } from '@sallyport/proto/snapshot/v1/snapshot_pb';
import type { BrokerMetrics } from '../metrics.ts';
import type { Review } from '../offerings/review.ts';
import type { BrokerTool, Catalog, Server, Suspicions } from './catalog.ts';
import { foundRecords } from './found-record.ts';
import { type Observation, observationOf } from './observation.ts';
import { SUSPICION_CODES } from './poison/codes.ts';
import type { Attempt } from './refresh.ts';
import type { Settled } from './settle.ts';
import { standInsOf } from './stand-in.ts';
import { definitionTokens } from './token-cost.ts';
import type { Toolset } from './toolset.ts';
import { toolsetObservation } from './toolset-report.ts';
import type { Toolsets } from './toolsets.ts';

const SLICE_MS = 10;
/** Most of what is told in one message: its encoding holds up everything else. */
const AT_ONCE = 32;
const MAX_CHARACTERS = 200_000;

/** What a server was seen as last. */
interface Seen {
  readonly settled: Settled | undefined;
  readonly suspicions: Suspicions;
  /** How many tools have something of each code. */
  readonly codes: ReadonlyMap<string, number>;
  /** What the definitions in force take in the context of a model together. */
  readonly tokens: number;
}

/**
 * Reports every ToolServer and Toolset at intervals (the operator keeps observations in memory only), and soon after a change
 * those of which another thing is to be said. In slices and small messages: there may be hundreds of servers.
 */
export function reportServers(options: {
  readonly client: Pick<Client<typeof SnapshotService>, 'report'>;
  readonly catalog: Pick<Catalog, 'servers' | 'server' | 'settled' | 'suspicions' | 'tools' | 'byIdentity'>;
  readonly recorder: Pick<Recorder, 'append'>;
  readonly toolsets: Pick<Toolsets, 'all' | 'onChange'>;
  readonly metrics: Pick<BrokerMetrics, 'suspicious' | 'definitionTokens'>;
  readonly attempt: (uid: string) => Attempt | undefined;
  /** What there is to say of what a server has besides tools; absent: nothing. */
  readonly review?: (server: Server) => Review | undefined;
  readonly reporter: string;
  readonly intervalMs: number;
  readonly log: Logger;
}): Reporting {
  let stopped = false;
  const { catalog, toolsets } = options;
  const recordsDue = foundRecords();
  let seen = new Map<string, Seen>();
  /** What was said last of each resource, by its uid. */
  let told = new Map<string, string>();
  let toldAllAt = Number.NEGATIVE_INFINITY;

  const look = async (server: Server): Promise<Seen> => {
    const settled = catalog.settled(server.uid);
    const suspicions = await catalog.suspicions(server.uid);
    const held = seen.get(server.uid);
    if (settled !== undefined) {
      for (const record of recordsDue(server, settled, suspicions)) options.recorder.append(record);
    }
    if (held !== undefined && held.settled === settled && held.suspicions === suspicions) return held;
    const tokens = (settled?.inForce ?? []).reduce((sum, { definition }) => sum + definitionTokens(definition), 0);
    return { settled, suspicions, codes: codesOf(suspicions), tokens };
  };
  async function* observations(): AsyncGenerator<Observation> {
    const now = new Map<string, Seen>();
    for (const server of [...catalog.servers()]) {
      const one = await look(server);
      now.set(server.uid, one);
      const attempt = options.attempt(server.uid);
      const review = options.review?.(server);
      if (attempt)
        yield observationOf(server, attempt, one.settled, one.suspicions, standInsOf(catalog, server), review);
    }
    seen = now;
    count(options.metrics, [...now.values()]);
    for (const toolset of [...toolsets.all()]) yield* toolsetSeen(toolset, catalog);
  }
  const say = async (batch: readonly Observation[]) => {
    if (batch.length === 0) return;
    try {
      await options.client.report({ reporter: options.reporter, observations: [...batch] }, { timeoutMs: REPORT_MS });
    } catch (error) {
      for (const { uid } of batch) told.delete(uid);
      options.log.debug('What was seen of tool servers could not be reported', { error });
    }
  };
  const send = async () => {
    const all = performance.now() - toldAllAt >= options.intervalMs;
    if (all) toldAllAt = performance.now();
    const before = told;
    told = new Map();
    let [batch, characters, began]: [Observation[], number, number] = [[], 0, performance.now()];
    for await (const one of observations()) {
      if (stopped) return;
      const said = `${one.generation} ${JSON.stringify(one.conditions)} ${one.statusJson}`;
      told.set(one.uid, said);
      if (all || before.get(one.uid) !== said) {
        batch.push(one);
        characters += said.length;
      }
      if (batch.length >= AT_ONCE || characters >= MAX_CHARACTERS) {
        await say(batch);
        [batch, characters, began] = [[], 0, performance.now()];
      } else if (performance.now() - began >= SLICE_MS) {
        await nextTurn();
        began = performance.now();
      }
    }
    await say(batch);
  };
  const loop = reportLoop({ name: 'tool server reports', send, intervalMs: options.intervalMs, log: options.log });
  toolsets.onChange(loop.soon);
  return {
    ...loop,
    async stop() {
      stopped = true;
      await loop.stop();
    },
  };
}

function codesOf(suspicions: Suspicions): Map<string, number> {
  const counts = new Map<string, number>();
  for (const found of suspicions.values()) {
    for (const code of new Set(found.map((one) => one.code))) counts.set(code, (counts.get(code) ?? 0) + 1);
  }
  return counts;
}

function count(metrics: Pick<BrokerMetrics, 'suspicious' | 'definitionTokens'>, all: readonly Seen[]): void {
  for (const code of SUSPICION_CODES) {
    metrics.suspicious.set(
      { code },
      all.reduce((sum, { codes }) => sum + (codes.get(code) ?? 0), 0),
    );
  }
  metrics.definitionTokens.set(all.reduce((sum, { tokens }) => sum + tokens, 0));
}

const ofToolsets = new WeakMap<
  readonly BrokerTool[],
  Map<string, { readonly of: string; readonly seen: Observation[] }>
>();

/** What is said of a toolset, worked out once for it and what is in force. */
function toolsetSeen(toolset: Toolset, catalog: Pick<Catalog, 'server' | 'settled' | 'tools'>): Observation[] {
  const tools = catalog.tools(toolset.tenant);
  const held = ofToolsets.get(tools) ?? new Map<string, { of: string; seen: Observation[] }>();
  ofToolsets.set(tools, held);
  const of = `${toolset.generation} ${toolset.contentHash}`;
  const known = held.get(toolset.uid);
  if (known?.of === of) return known.seen;
  const seen: Observation[] = toolsetObservation(toolset, catalog);
  held.set(toolset.uid, { of, seen });
  return seen;
}
