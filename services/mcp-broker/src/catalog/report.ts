import type { GatewayError } from '@sallyport/chassis/errors';
import type { Logger } from '@sallyport/chassis/log';
import type { Component } from '@sallyport/chassis/process';
import type { Client } from '@sallyport/chassis/rpc/client';
import { lackingOf, lacksPerson } from '@sallyport/peers/connecting';
import type { Recorder } from '@sallyport/peers/records';
import type { SnapshotService } from '@sallyport/proto/snapshot/v1/snapshot_pb';
import type { BrokerMetrics } from '../metrics.ts';
import type { Catalog, Server } from './catalog.ts';
import { foundRecords } from './found-record.ts';
import { SUSPICION_CODES } from './poison/codes.ts';
import type { Suspicion } from './poison/detector.ts';
import type { Attempt } from './refresh.ts';
import type { HeldFor, Settled } from './settle.ts';
import { definitionTokens } from './token-cost.ts';
import { toolsetObservation } from './toolset-report.ts';
import type { Toolsets } from './toolsets.ts';

const TIMEOUT_MS = 5_000;
const SOON_MS = 100;
const NAMED = 5;
const NOT_CONNECTED = 'NotConnected';

/** Tells the operator what is seen of tool servers. */
export interface Reporter extends Component {
  /** Something changed: report soon. */
  soon(): void;
  stop(): Promise<void>;
}

/** Reports every ToolServer at intervals (the operator keeps observations in memory only) and soon after each change. */
export function reportServers(options: {
  readonly client: Pick<Client<typeof SnapshotService>, 'report'>;
  readonly catalog: Pick<Catalog, 'servers' | 'server' | 'settled' | 'suspicions' | 'tools'>;
  readonly recorder: Pick<Recorder, 'append'>;
  readonly toolsets: Pick<Toolsets, 'all' | 'onChange'>;
  readonly metrics: Pick<BrokerMetrics, 'suspicious' | 'definitionTokens'>;
  readonly attempt: (uid: string) => Attempt | undefined;
  readonly reporter: string;
  readonly intervalMs: number;
  readonly log: Logger;
}): Reporter {
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let sending: Promise<void> = Promise.resolve();
  const { catalog, metrics, toolsets } = options;
  const recordsDue = foundRecords();
  const send = async () => {
    const counts = new Map(SUSPICION_CODES.map((code) => [code, 0]));
    let tokens = 0;
    const observations = [...catalog.servers()].flatMap((server) => {
      const attempt = options.attempt(server.uid);
      for (const record of recordsDue(server, catalog)) options.recorder.append(record);
      const settled = catalog.settled(server.uid);
      const suspicions = catalog.suspicions(server.uid);
      for (const found of suspicions.values()) {
        for (const code of new Set(found.map((one) => one.code))) counts.set(code, (counts.get(code) ?? 0) + 1);
      }
      for (const { definition } of settled?.inForce ?? []) tokens += definitionTokens(definition);
      return attempt ? [observationOf(server, attempt, settled, suspicions)] : [];
    });
    for (const [code, count] of counts) metrics.suspicious.set({ code }, count);
    metrics.definitionTokens.set(tokens);
    for (const toolset of toolsets.all()) observations.push(...toolsetObservation(toolset, catalog));
    if (observations.length === 0) return;
    try {
      await options.client.report({ reporter: options.reporter, observations }, { timeoutMs: TIMEOUT_MS });
    } catch (error) {
      options.log.debug('What was seen of tool servers could not be reported', { error });
    }
  };
  const after = (ms: number) => {
    clearTimeout(timer);
    if (stopped) return;
    timer = setTimeout(() => {
      sending = sending.then(send).finally(() => after(options.intervalMs));
    }, ms);
    timer.unref();
  };
  toolsets.onChange(() => after(SOON_MS));
  return {
    name: 'tool server reports',
    start: () => after(SOON_MS),
    soon: () => after(SOON_MS),
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await sending;
    },
  };
}

type Status = 'True' | 'False' | 'Unknown';

/** What is said of one server. */
export function observationOf(
  server: Server,
  attempt: Attempt,
  settled: Settled | undefined,
  suspicions: ReadonlyMap<string, readonly Suspicion[]> = new Map(),
) {
  const { tenant, name, uid } = server;
  const { error } = attempt;
  const conditions = [
    error === undefined
      ? condition('Reachable', 'True', 'Listed', listedMessage(settled))
      : condition(
          'Reachable',
          error.code === 'upstream_credentials' ? 'Unknown' : 'False',
          isUnknownYet(error) ? NOT_CONNECTED : reasonOf(error.code),
          isUnknownYet(error) ? 'Its tools are not known before the first person connects or calls it.' : error.message,
        ),
    condition('CredentialsValid', ...credentials(server, error)),
  ];
  if (settled) conditions.push(driftOf(settled), suspectOf(settled, suspicions));
  return {
    kind: 'ToolServer',
    tenant,
    name,
    uid,
    generation: attempt.generation,
    conditions,
    statusJson: settled ? JSON.stringify(fieldsOf(settled, suspicions)) : '',
  };
}

const WHY: Readonly<Record<Exclude<HeldFor, 'suspect'>, readonly [reason: string, what: string]>> = {
  drift: ['DefinitionChanged', 'the new definition'],
  unreviewed: ['NotReviewed', 'the definition, as "sallyport promote" does'],
};

function driftOf({ held }: Settled) {
  for (const why of ['drift', 'unreviewed'] as const) {
    const names = [...held].flatMap(([name, one]) => (one === why ? [name] : []));
    const [reason, what] = WHY[why];
    const message = `Held until spec.tools[].digest names ${what}: ${some(names)}.`;
    if (names.length > 0) return condition('DefinitionDrift', 'True', reason, message);
  }
  return condition('DefinitionDrift', 'False', 'AsPinned', 'Every definition is the pinned one.');
}

function suspectOf({ held }: Settled, suspicions: ReadonlyMap<string, readonly Suspicion[]>) {
  const heldNames = [...held].flatMap(([name, why]) => (why === 'suspect' ? [name] : []));
  const told = [...suspicions].map(
    ([name, found]) => `${name} (${[...new Set(found.map(({ code }) => code))].join(', ')})`,
  );
  if (heldNames.length > 0) {
    const message = `Held until spec.tools[].digest names them: ${some(heldNames)}. Found: ${some(told)}.`;
    return condition('DefinitionSuspect', 'True', 'Held', message);
  }
  if (told.length > 0) {
    const message = `Offered, and to be looked at by a person: ${some(told)}.`;
    return condition('DefinitionSuspect', 'True', 'Flagged', message);
  }
  return condition('DefinitionSuspect', 'False', 'NothingFound', 'Nothing suspicious was found in the definitions.');
}

/** Most of what was found that a tool shows in the status. */
const MAX_SHOWN = 8;

function fieldsOf(settled: Settled, suspicions: ReadonlyMap<string, readonly Suspicion[]>) {
  const tokens = new Map(settled.definitions.map((one) => [one.name, definitionTokens(one)]));
  return {
    tools: settled.status.map((line) => {
      const found = suspicions.get(line.name)?.slice(0, MAX_SHOWN);
      return { ...line, tokens: tokens.get(line.name) ?? 0, ...(found ? { suspicions: found } : {}) };
    }),
    definitionTokens: settled.inForce.reduce((sum, { definition }) => sum + (tokens.get(definition.name) ?? 0), 0),
  };
}

function isUnknownYet(error: GatewayError): boolean {
  return lackingOf(error) !== undefined || lacksPerson(error);
}

function credentials(server: Server, error: GatewayError | undefined): [Status, string, string] {
  const code = error?.code;
  const { auth } = server.spec;
  if (lackingOf(error)) return ['Unknown', NOT_CONNECTED, 'Nobody has connected it yet; people do so at /me.'];
  if (lacksPerson(error)) return ['Unknown', NOT_CONNECTED, 'Nobody in whose name it is called was here yet.'];
  if (auth === undefined && server.spec.credentials === undefined)
    return ['True', 'NotNeeded', 'No credential is declared.'];
  if (code === 'upstream_credentials') return ['False', 'Refused', 'There is no credential, or the server refused it.'];
  if (code === undefined) return ['True', 'Accepted', 'The server took the credential.'];
  return ['Unknown', 'NotTried', 'The server could not be asked.'];
}

function listedMessage(settled: Settled | undefined): string {
  const dropped = settled?.dropped ?? [];
  const left =
    dropped.length === 0 ? '' : ` Left out: ${some(dropped.map(({ name, reason }) => `${name} (${reason})`))}.`;
  return `The server lists ${(settled?.status ?? []).length} tools.${left}`;
}

function some(names: readonly string[]): string {
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : '';
  return `${names.slice(0, NAMED).join(', ')}${more}`;
}

function reasonOf(code: string): string {
  return code
    .split('_')
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join('');
}

function condition(type: string, status: Status, reason: string, message: string) {
  return { type, status, reason, message };
}
