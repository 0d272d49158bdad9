import { type PreparedCall, prepareCall, wireOrigins } from '@sallyport/peers/call-request';
import {
  addHandle,
  addValue,
  type Corpus,
  createCorpus,
  findHandles,
  hostIsAmong,
  parseExact,
  type ResolvedHandle,
  TRUSTED,
  trustedHosts,
  untrusted,
} from '@sallyport/turn';
import type { BrokerTool } from '../catalog/catalog.ts';
import type { JsonObject } from '../catalog/definition.ts';
import { refOf } from '../server.ts';
import type { Brought } from '../upstream/caller.ts';
import { schemaWithAnswers, withAnswerFingerprints, withAnswerOrigins } from './answers.ts';
import type { Gate } from './gate.ts';
import type { ShownTool } from './shown.ts';
import type { Turn } from './turn.ts';

const RESOLVE_TIMEOUT_MS = 2_000;
const DECIDE_TIMEOUT_MS = 2_000;

/** What preparing a call asks outside. */
export type PrepareGate = Pick<Gate, 'digest'> & {
  readonly config: Pick<Gate['config'], 'linkHosts'>;
  readonly catalog: Pick<Gate['catalog'], 'byExposedName'>;
  readonly clients: Pick<Gate['clients'], 'decisions' | 'quarantine'>;
};

/**
 * Prepares a call as the model plane does. The gate has not seen what the client's model saw, so what is no handle of this
 * run, and was not shown in it as trusted, is of unknown origin and has the label of the run.
 */
export async function prepare(
  gate: PrepareGate,
  turn: Turn,
  tool: BrokerTool,
  written: JsonObject,
  brought?: Brought,
): Promise<PreparedCall> {
  const ids = new Set(findHandles(written).map((one) => one.id));
  const resolved = await resolve(gate, turn, ids);
  const corpus = corpusOf(turn, resolved);
  const { inputSchema: own } = tool.definition;
  const inputSchema = brought === undefined ? own : schemaWithAnswers(own, brought);
  const told = (prepared: PreparedCall) =>
    brought === undefined
      ? withUnknown(prepared)
      : withAnswerOrigins(withUnknown(prepared), brought, turn.principal, `tool:${nameInRules(tool)}`);
  const knownHost = (host: string) =>
    hostIsAmong(host, new Set(gate.config.linkHosts)) || hostIsAmong(host, trustedHosts(corpus));
  const setting = { corpus, inputSchema, toolClass: tool.toolClass, handlePositions: [], resolved, knownHost };
  const prepared = told(prepareCall(written, setting));
  if (!prepared.unfilled.some(({ reason }) => reason === 'host-position' || reason === 'identifier-position')) {
    return prepared;
  }
  // Only then is it asked where policy lets a handle stand: a list at /mcp does not vary, so nobody asked before.
  const answer = await gate.clients.decisions.decideTools(
    { principal: turn.principal, trajectory: turn.trajectory, tools: [refOf(tool)] },
    { timeoutMs: DECIDE_TIMEOUT_MS, signal: turn.signal },
  );
  const handlePositions = answer.decisions[0]?.handlePositions ?? [];
  if (handlePositions.length === 0) return prepared;
  return told(prepareCall(written, { ...setting, handlePositions }));
}

/** Origins for policy, with the fingerprints of what is of unknown origin. */
export function originsForPolicy(gate: Pick<Gate, 'digest'>, turn: Turn, prepared: PreparedCall) {
  const { principal, label } = turn;
  return withAnswerFingerprints(wireOrigins(prepared, gate.digest, principal, label), prepared, gate.digest, principal);
}

// Nobody knows here what the model was given, so nobody can say that it composed a value.
function withUnknown(prepared: PreparedCall): PreparedCall {
  const origins = prepared.origins.map((one) =>
    one.origin.kind === 'composed' ? { ...one, origin: { kind: 'unknown' as const } } : one,
  );
  return { ...prepared, origins };
}

function corpusOf(turn: Turn, resolved: ReadonlyMap<string, ResolvedHandle>): Corpus {
  const corpus = createCorpus(turn.label);
  for (const [id, { tool = '', path = '', label }] of resolved) addHandle(corpus, id, tool, path, label);
  for (const { tool, path, value } of [...turn.known, ...turn.set]) addValue(corpus, tool, path, value, TRUSTED);
  return corpus;
}

async function resolve(
  gate: PrepareGate,
  turn: Turn,
  ids: ReadonlySet<string>,
): Promise<ReadonlyMap<string, ResolvedHandle>> {
  if (ids.size === 0) return new Map();
  const answer = await gate.clients.quarantine.resolveHandles(
    { principal: turn.principal, trajectory: turn.trajectory, handles: [...ids] },
    { timeoutMs: RESOLVE_TIMEOUT_MS, signal: turn.signal },
  );
  return new Map(
    answer.values.map((one) => {
      const value = parseExact(one.valueJson);
      const text = typeof value === 'string' ? value : JSON.stringify(value);
      const tool = originName(gate, turn, one.from);
      return [one.handle, { value: text, label: untrusted(`tool:${tool}`), tool, path: one.path }];
    }),
  );
}

/** Names a tool as rules do, `<server>/<tool>`, by the name that clients know. */
function originName(gate: PrepareGate, turn: Turn, exposedName: string): string {
  const tool = gate.catalog.byExposedName(turn.principal.tenant, exposedName);
  return tool ? nameInRules(tool) : exposedName.replace('__', '/');
}

/** Names a tool as the origin of a value, as rules do: `<server>/<tool>`. */
export function nameInRules({ server, definition }: ShownTool): string {
  return `${server.name}/${definition.name}`;
}
