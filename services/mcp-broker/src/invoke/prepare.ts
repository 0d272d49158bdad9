import { wireLabel } from '@sallyport/peers/decision-wire';
import {
  canonicalJson,
  childPointer,
  type Decision,
  deny,
  fillArguments,
  findHandles,
  handleIdOf,
  handleIdsIn,
  type JsonValue,
  type Label,
  type ResolvedHandle,
  untrusted,
} from '@sallyport/turn';
import type { JsonObject } from '../catalog/definition.ts';
import type { Gate } from './gate.ts';
import type { Turn } from './turn.ts';

const RESOLVE_TIMEOUT_MS = 2_000;

/** Arguments as they will be sent, and where they came from. */
export interface Prepared {
  readonly args: JsonObject;
  /** Canonical JSON, handles filled. */
  readonly argumentsJson: string;
  readonly origins: readonly { readonly pointer: string; readonly origin: string; readonly label?: Label }[];
  readonly refused?: Decision;
}

/**
 * Fills the handles in a call's arguments, for this run and principal only, and says where each value came from. The gate
 * has not seen what the client's model saw, so what is no handle is of unknown origin and has the label of the run.
 */
export async function prepare(gate: Gate, turn: Turn, written: JsonObject, inputSchema: JsonObject): Promise<Prepared> {
  const ids = new Set(findHandles(written).map((one) => one.id));
  const resolved = await resolve(gate, turn, ids);
  const origins: { pointer: string; origin: string; label?: Label }[] = [];
  leaves(written, '', (pointer, value) => {
    const whole = handleIdOf(value);
    const id = whole ?? (typeof value === 'string' ? handleIdsIn(value)[0] : undefined);
    const label = id === undefined ? undefined : resolved.get(id)?.label;
    origins.push({ pointer, origin: id === undefined ? 'unknown' : 'handle', ...(label ? { label } : {}) });
  });
  const filled = fillArguments(written, (id) => resolved.get(id), { inputSchema });
  const base = { args: written, argumentsJson: '', origins };
  if (filled.unfilled.length > 0) {
    const reason = 'A handle is unknown or stands where none may stand.';
    return { ...base, refused: deny('builtin/handle', reason, turn.policyRevision) };
  }
  const args = filled.value as JsonObject;
  return { args, argumentsJson: canonicalJson(args), origins };
}

/** Origins for policy. */
export function wireOrigins(prepared: Prepared) {
  return prepared.origins.map(({ pointer, origin, label }) => ({
    pointer,
    origin,
    from: '',
    path: '',
    ...(label ? { label: wireLabel(label) } : {}),
  }));
}

async function resolve(gate: Gate, turn: Turn, ids: ReadonlySet<string>): Promise<ReadonlyMap<string, ResolvedHandle>> {
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

function leaves(value: JsonValue, pointer: string, tell: (pointer: string, value: JsonValue) => void): void {
  if (value === null || typeof value !== 'object' || handleIdOf(value) !== undefined) {
    tell(pointer, value);
    return;
  }
  const entries = Array.isArray(value) ? value.entries() : Object.entries(value);
  for (const [key, child] of entries) leaves(child, childPointer(pointer, key), tell);
}
