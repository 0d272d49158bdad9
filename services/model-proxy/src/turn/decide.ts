import { uuidv7 } from '@sallyport/chassis/uuid';
import { wireOrigins } from '@sallyport/peers/call-request';
import { decisionBasis } from '@sallyport/peers/decision-inputs';
import { decisionOf, labelOf, wireLabel } from '@sallyport/peers/decision-wire';
import { Action } from '@sallyport/proto/policy/v1/policy_pb';
import {
  addHandle,
  addValue,
  canonicalJson,
  type Decision,
  defangArguments,
  deny,
  fillArguments,
  findHandles,
  isJsonObject,
  type JsonValue,
  join,
  joinAll,
  type Label,
  labelOfOrigins,
  originsOf,
  parseExact,
  parseStrict,
  pointerMatches,
  type ResolvedHandle,
  TRUSTED,
  untrusted,
  type ValueOrigin,
} from '@sallyport/turn';
import type { AssistantContent } from '../chat/message.ts';
import { catchUp } from './catch-up.ts';
import type { Gate } from './gate.ts';
import { knownHosts } from './known-hosts.ts';
import { unwrapCall } from './searching.ts';
import { originName, sourceOf } from './source.ts';
import type { Turn, TurnCall, TurnTool } from './turn.ts';

const DECIDE_TIMEOUT_MS = 2_000;
const RESOLVE_TIMEOUT_MS = 2_000;

// Where a client declares no schema, the model chose each name, as it chose the values.
const NOTHING_DECLARED: JsonValue = {};
const FREE_TEXT: JsonValue = { properties: { input: {} } };

/** A call as decided: what it would run with, and where that came from. */
export interface Decided {
  readonly call: TurnCall;
  /** Id of the intent to make it, and of the use of what was granted for it. */
  readonly intentId: string;
  /** The call as policy was asked about it. */
  readonly wire: WireCall;
  readonly decision: Decision;
  /** Arguments with handles filled, as canonical JSON; '' where the call was refused before policy was asked. */
  readonly argumentsJson: string;
  /** What the client is to run: as the model wrote it where nothing was filled in, since a client may compare bytes. */
  readonly released: string;
  readonly label: Label;
  /** Join of the labels of what was filled in: who reads the call afterwards reads that. */
  readonly filledLabel: Label;
  /** Arguments, origins and labels as they were decided, for the record. */
  readonly inputsJson: string;
  readonly toolClass: string;
}

/** What people granted after a batch was first decided, by call id; the calls are still the same. */
export interface Granted {
  readonly before: readonly Decided[];
  readonly approvals: ReadonlyMap<string, string>;
}

interface Prepared {
  readonly call: TurnCall;
  /** What `argumentsJson` says. */
  readonly value: JsonValue;
  readonly argumentsJson: string;
  readonly released: string;
  readonly origins: readonly ValueOrigin[];
  readonly label: Label;
  readonly filledLabel: Label;
  /** Links of untrusted values that were made inert. */
  readonly defanged: number;
  readonly refused?: Decision;
}

/** The calls of a model message, with the tools they name. */
export function callsOf(turn: Turn, content: readonly AssistantContent[]): TurnCall[] {
  const hidden = new Set(turn.hidden.filter((one) => one.enforced).map((one) => one.tool));
  const toolOf = (name: string) => (hidden.has(name) ? undefined : turn.tools.get(name));
  return content.flatMap((block): TurnCall[] => {
    if (block.type !== 'toolCall') return [];
    const { id, name, arguments: written, kind = 'function' } = block;
    const search = turn.searches.get(name);
    if (search !== undefined) return [unwrapCall(search, block, toolOf)];
    // What is searched may be called by its own name too: so it stands in a history, and it is decided as the same call.
    return [{ id, name, written, kind, tool: toolOf(name) }];
  });
}

/**
 * Stage 12. Decides all calls of one model message as one batch, before any of their results is seen. A call of an
 * unknown or hidden tool, with unreadable arguments or with a handle out of place is denied without asking. Rejects where
 * policy cannot be asked: then nothing is run.
 */
export async function decide(
  gate: Pick<Gate, 'clients' | 'metrics' | 'config' | 'digest'>,
  turn: Turn,
  calls: readonly TurnCall[],
  granted?: Granted,
): Promise<readonly Decided[]> {
  await catchUp(gate, turn, calls);
  // What the model composed carries all that it read, also what later rounds brought.
  if (turn.corpus) turn.corpus.inPlay = join(turn.corpus.inPlay, turn.label);
  const resolved = await resolveHandles(gate, turn, calls);
  for (const [id, { tool = '', path = '', label }] of turn.corpus ? resolved : []) {
    // Handles of earlier turns, which no result of this request shows.
    if (turn.corpus && !turn.corpus.handles.has(id)) addHandle(turn.corpus, id, tool, path, label);
  }
  const known = knownHosts(gate, turn);
  const prepared = calls.map((call) => prepare(turn, call, resolved, known));
  const asked = prepared.filter((one) => !one.refused);
  // By place, not by id: a provider may give two calls one id, and what was granted for one is not for the other.
  const intents = prepared.map((_one, index) => granted?.before[index]?.intentId ?? uuidv7());
  const wires = new Map(
    prepared.map((one, index): [Prepared, WireCall] => [
      one,
      wireCall(gate, turn, one, intents[index] as string, granted?.approvals.get(one.call.id)),
    ]),
  );
  const answer =
    asked.length === 0
      ? { decisions: [], context: undefined }
      : await gate.clients.decisions.decideCalls(
          {
            principal: turn.principal,
            trajectory: turn.trajectory,
            context: wireLabel(turn.label),
            calls: asked.map((one) => wires.get(one) as WireCall),
          },
          { timeoutMs: DECIDE_TIMEOUT_MS, signal: turn.signal },
        );
  // What was read in the moment since it was caught up with.
  if (answer.context !== undefined) turn.label = join(turn.label, labelOf(answer.context));
  let next = 0;
  return prepared.map((one, index): Decided => {
    const wire = one.refused ? undefined : answer.decisions[next++];
    const decision =
      one.refused ?? (wire ? decisionOf(wire) : deny('builtin/undecided', 'Policy said nothing of this call.', ''));
    gate.metrics.decisions.inc({ verdict: decision.verdict, enforced: decision.enforced });
    return {
      call: one.call,
      intentId: intents[index] as string,
      wire: wires.get(one) as WireCall,
      decision,
      argumentsJson: one.argumentsJson,
      released: one.released,
      label: one.label,
      filledLabel: one.filledLabel,
      toolClass: wire && wire.verdict !== Action.UNSPECIFIED ? wire.toolClass : (one.call.tool?.toolClass ?? ''),
      inputsJson: JSON.stringify({
        arguments: one.argumentsJson === '' ? one.call.written : parseExact(one.argumentsJson),
        origins: Object.fromEntries(one.origins.map(({ pointer, origin }) => [pointer, origin.kind])),
        context: { trusted: turn.label.integrity === 'trusted', sources: turn.label.sources },
        ...(one.defanged > 0 ? { defanged: one.defanged } : {}),
        ...(wire?.grantedBy?.length ? { grantedBy: wire.grantedBy } : {}),
        // With the resources in force this is enough to decide the call again.
        ...(wire ? { decided: decisionBasis(wires.get(one) as WireCall, basisOf(turn), wire) } : {}),
      }),
    };
  });
}

function basisOf({ principal, label }: Turn) {
  return { principal, context: wireLabel(label) };
}

type WireCall = ReturnType<typeof wireCall>;

function wireCall(
  gate: Pick<Gate, 'digest'>,
  turn: Turn,
  { call, argumentsJson, value, origins }: Prepared,
  useId: string,
  approvalId = '',
) {
  const told = wireOrigins({ origins, args: value }, gate.digest, turn.principal, turn.label);
  return { callId: call.id, tool: call.tool?.ref, argumentsJson, origins: told, approvalId, useId };
}

function prepare(
  turn: Turn,
  call: TurnCall,
  resolved: ReadonlyMap<string, ResolvedHandle>,
  known: (host: string) => boolean,
): Prepared {
  const nothing = {
    call,
    argumentsJson: '',
    value: null,
    released: call.written,
    origins: [],
    label: turn.label,
    filledLabel: TRUSTED,
    defanged: 0,
  };
  const denial = (rule: string, reason: string): Prepared => ({
    ...nothing,
    refused: deny(rule, reason, turn.policyRevision),
  });
  const { tool } = call;
  if (!tool) {
    return { ...nothing, refused: { ...denialOf('builtin/unknown-tool', turn), verdict: 'hide', enforced: 'hide' } };
  }
  let written: JsonValue;
  try {
    written = readArguments(call);
  } catch {
    return denial(
      'builtin/invalid-arguments',
      'The arguments are not valid JSON, or JSON that can be read in two ways.',
    );
  }
  if (!isJsonObject(written)) {
    return denial('builtin/invalid-arguments', 'The arguments are not a JSON object.');
  }
  if (tool.toolset !== undefined) written = completed(turn, written, tool.toolset);
  const inputSchema = tool.inputSchema as JsonValue | undefined;
  const declared = inputSchema ?? (call.kind === 'custom' ? FREE_TEXT : NOTHING_DECLARED);
  const origins = turn.corpus ? originsOf(written, turn.corpus, declared) : [];
  const marked = (pointer: string) => (tool.handlePositions ?? []).some((one) => pointerMatches(one, pointer));
  const filled = fillArguments(written, (id) => resolved.get(id), {
    marked,
    ...(inputSchema === undefined ? {} : { inputSchema }),
  });
  if (filled.unfilled.length > 0) {
    return denial('builtin/handle', 'A handle is unknown or stands where none may stand.');
  }
  // What goes out is read by somebody: links that outsiders wrote must not become live in it.
  const { value, count: defanged } = sendsContent(tool)
    ? defangArguments(filled.value, { filled: filled.filled, known, doubtful: doubtfulIn(turn, origins) })
    : { value: filled.value, count: 0 };
  const argumentsJson = canonicalJson(value);
  const same = argumentsJson === canonicalJson(written);
  const filledLabel = joinAll(filled.filled.map((one) => one.label));
  const label = join(labelOfOrigins(origins), filledLabel);
  const released = same ? call.written : releasedForm(call, value);
  return { call, argumentsJson, value, released, origins, label, filledLabel, defanged };
}

/** The arguments with what the administrator wrote into a toolset: values of known origin, whatever the model gave. */
function completed(
  { corpus }: Turn,
  written: { [name: string]: JsonValue },
  { name: of, set }: NonNullable<TurnTool['toolset']>,
): { [name: string]: JsonValue } {
  const values = set as { [name: string]: JsonValue };
  for (const [name, value] of Object.entries(values)) {
    if (corpus !== undefined) addValue(corpus, `toolset/${of}`, `/${name}`, value, TRUSTED);
  }
  return { ...written, ...values };
}

function sendsContent(tool: TurnTool): boolean {
  return tool.toolClass !== 'read' && tool.toolClass !== 'write';
}

// In a context with untrusted words in it, the model may have copied a link out of any of them.
function doubtfulIn(turn: Turn, origins: readonly ValueOrigin[]): (pointer: string) => boolean {
  if (turn.corpus?.inPlay.integrity !== 'untrusted') return () => false;
  const untrusted = new Set(origins.filter(({ label }) => label.integrity === 'untrusted').map((one) => one.pointer));
  return (pointer) => untrusted.has(pointer);
}

/** Arguments as a value; a `custom` tool's free text is its one member `input`. Throws JsonFault. */
function readArguments(call: Pick<TurnCall, 'kind' | 'written'>): JsonValue {
  if (call.kind === 'custom') return { input: call.written };
  return parseStrict(call.written.trim() === '' ? '{}' : call.written, { exactNumbers: true });
}

function releasedForm(call: TurnCall, value: JsonValue): string {
  return call.kind === 'custom' ? (value as { input: string }).input : canonicalJson(value);
}

/** The values behind the handles that these calls name; only for this tenant, trajectory and principal. */
async function resolveHandles(
  gate: Pick<Gate, 'clients'>,
  turn: Turn,
  calls: readonly TurnCall[],
): Promise<ReadonlyMap<string, ResolvedHandle>> {
  const ids = new Set<string>();
  for (const call of calls) {
    if (!call.written.includes('h_')) continue;
    try {
      for (const { id } of findHandles(readArguments(call))) ids.add(id);
    } catch {
      // Unreadable arguments are refused where they are prepared.
    }
  }
  return await handleValues(gate, turn, ids);
}

/** Fetches values behind handles from quarantine. */
export async function handleValues(
  gate: Pick<Gate, 'clients'>,
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
      const tool = turn.tools.get(one.from) ?? one.from;
      const label = untrusted(sourceOf(tool));
      return [one.handle, { value: text, label, tool: originName(tool), path: one.path }];
    }),
  );
}

function denialOf(rule: string, turn: Turn): Decision {
  return deny(rule, 'There is no such tool.', turn.policyRevision);
}
