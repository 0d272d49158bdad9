import { Action } from '@sallyport/proto/policy/v1/policy_pb';
import {
  canonicalJson,
  type Decision,
  deny,
  fillArguments,
  findHandles,
  type JsonValue,
  type Label,
  labelOfOrigins,
  originsOf,
  parseStrict,
  type ResolvedHandle,
  untrusted,
  type ValueOrigin,
} from '@sallyport/turn';
import type { AssistantContent } from '../chat/message.ts';
import type { Gate } from './gate.ts';
import { decisionOf, wireLabel } from './labels-wire.ts';
import type { Turn, TurnCall } from './turn.ts';

const DECIDE_TIMEOUT_MS = 2_000;
const RESOLVE_TIMEOUT_MS = 2_000;

/** A call as decided: what it would run with, and where that came from. */
export interface Decided {
  readonly call: TurnCall;
  readonly decision: Decision;
  /** Arguments with handles filled, as canonical JSON. */
  readonly argumentsJson: string;
  readonly label: Label;
  /** Arguments, origins and labels as they were decided, for the record. */
  readonly inputsJson: string;
  readonly toolClass: string;
}

interface Prepared {
  readonly call: TurnCall;
  readonly argumentsJson: string;
  readonly origins: readonly ValueOrigin[];
  readonly label: Label;
  readonly refused?: Decision;
}

/** The calls of a model message, with the tools they name. */
export function callsOf(turn: Turn, content: readonly AssistantContent[]): TurnCall[] {
  const hidden = new Set(turn.hidden.filter((one) => one.enforced).map((one) => one.tool));
  return content.flatMap((block): TurnCall[] => {
    if (block.type !== 'toolCall') return [];
    const tool = hidden.has(block.name) ? undefined : turn.tools.get(block.name);
    return [{ id: block.id, name: block.name, written: block.arguments, tool }];
  });
}

/**
 * Stage 12. Decides all calls of one model message as one batch, before any of their results is seen. A call of an
 * unknown or hidden tool, with unreadable arguments or with a handle out of place is denied without asking. Rejects where
 * policy cannot be asked: then nothing is run.
 */
export async function decide(gate: Gate, turn: Turn, calls: readonly TurnCall[]): Promise<readonly Decided[]> {
  const resolved = await resolveHandles(gate, turn, calls);
  const prepared = calls.map((call) => prepare(turn, call, resolved));
  const asked = prepared.filter((one) => !one.refused);
  const answer =
    asked.length === 0
      ? { decisions: [] }
      : await gate.clients.decisions.decideCalls(
          {
            principal: turn.principal,
            trajectory: turn.trajectory,
            context: wireLabel(turn.label),
            calls: asked.map((one) => ({
              callId: one.call.id,
              tool: one.call.tool?.ref,
              argumentsJson: one.argumentsJson,
              origins: one.origins.map(({ pointer, origin, label }) => ({
                pointer,
                origin: origin.kind,
                from: origin.tool ?? '',
                path: origin.path ?? '',
                label: wireLabel(label),
              })),
            })),
          },
          { timeoutMs: DECIDE_TIMEOUT_MS, signal: turn.signal },
        );
  let next = 0;
  return prepared.map((one): Decided => {
    const wire = one.refused ? undefined : answer.decisions[next++];
    const decision =
      one.refused ?? (wire ? decisionOf(wire) : deny('builtin/undecided', 'Policy said nothing of this call.', ''));
    gate.metrics.decisions.inc({ verdict: decision.verdict, enforced: decision.enforced });
    return {
      call: one.call,
      decision,
      argumentsJson: one.argumentsJson,
      label: one.label,
      toolClass: wire && wire.verdict !== Action.UNSPECIFIED ? wire.toolClass : (one.call.tool?.toolClass ?? ''),
      inputsJson: JSON.stringify({
        arguments: one.argumentsJson === '' ? one.call.written : JSON.parse(one.argumentsJson),
        origins: Object.fromEntries(one.origins.map(({ pointer, origin }) => [pointer, origin.kind])),
        context: { trusted: turn.label.integrity === 'trusted', sources: turn.label.sources },
      }),
    };
  });
}

function prepare(turn: Turn, call: TurnCall, resolved: ReadonlyMap<string, ResolvedHandle>): Prepared {
  const nothing = { call, argumentsJson: '', origins: [], label: turn.label };
  const denial = (rule: string, reason: string): Prepared => ({
    ...nothing,
    refused: deny(rule, reason, turn.policyRevision),
  });
  if (!call.tool) {
    return { ...nothing, refused: { ...denialOf('builtin/unknown-tool', turn), verdict: 'hide', enforced: 'hide' } };
  }
  let written: JsonValue;
  try {
    written = parseStrict(call.written.trim() === '' ? '{}' : call.written);
  } catch {
    return denial('builtin/invalid-arguments', 'The arguments are not valid JSON.');
  }
  if (typeof written !== 'object' || written === null || Array.isArray(written)) {
    return denial('builtin/invalid-arguments', 'The arguments are not a JSON object.');
  }
  const origins = turn.corpus ? originsOf(written, turn.corpus) : [];
  const filled = fillArguments(written, (id) => resolved.get(id));
  if (filled.unfilled.length > 0) {
    return denial('builtin/handle', 'A handle is unknown or stands where none may stand.');
  }
  return { call, argumentsJson: canonicalJson(filled.value), origins, label: labelOfOrigins(origins) };
}

/** The values behind the handles that these calls name; only for this tenant, trajectory and principal. */
async function resolveHandles(
  gate: Gate,
  turn: Turn,
  calls: readonly TurnCall[],
): Promise<ReadonlyMap<string, ResolvedHandle>> {
  const ids = new Set<string>();
  for (const call of calls) {
    if (!call.written.includes('h_')) continue;
    try {
      for (const { id } of findHandles(parseStrict(call.written))) ids.add(id);
    } catch {
      // Unreadable arguments are refused where they are prepared.
    }
  }
  return await handleValues(gate, turn, ids);
}

/** Fetches values behind handles from quarantine. */
export async function handleValues(
  gate: Gate,
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
      const value: unknown = JSON.parse(one.valueJson);
      const text = typeof value === 'string' ? value : JSON.stringify(value);
      return [one.handle, { value: text, label: untrusted(`tool:${one.from}`) }];
    }),
  );
}

function denialOf(rule: string, turn: Turn): Decision {
  return deny(rule, 'There is no such tool.', turn.policyRevision);
}
