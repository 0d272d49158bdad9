import { decisionOf, labelOf, resultForRules } from '@sallyport/peers/decision-wire';
import { type JsonValue, join } from '@sallyport/turn';
import type { JsonObject } from '../catalog/definition.ts';
import { refOf } from '../server.ts';
import type { Logged } from '../upstream/caller.ts';
import type { Gate } from './gate.ts';
import type { ShownCall } from './memory.ts';
import { shownAnswer } from './shown.ts';
import type { Turn } from './turn.ts';

const DECIDE_TIMEOUT_MS = 2_000;

/**
 * What may be shown of what a server logged in the course of a call: it is decided, labelled and remembered as a result of
 * the tool, since a value in it comes back in arguments as one of a result does. Nothing where any of that cannot be done.
 */
export async function shownLogs(
  gate: Gate,
  turn: Turn,
  call: ShownCall & { readonly argumentsJson: string },
  logged: readonly Logged[],
): Promise<readonly Logged[]> {
  if (logged.length === 0) return [];
  const { principal, trajectory, signal } = turn;
  const json = JSON.stringify(logged);
  const answer = shownAnswer({ content: logged.map(blockOf), isError: false });
  try {
    const answered = await gate.clients.decisions.decideResult(
      {
        principal,
        trajectory,
        tool: refOf(call.tool),
        argumentsJson: call.argumentsJson,
        // Rules over fields of the result have none here, as with any result in words.
        resultJson: resultForRules(''),
        isError: false,
        sizeBytes: Buffer.byteLength(json),
      },
      { timeoutMs: DECIDE_TIMEOUT_MS, signal },
    );
    if (answered.decision === undefined || decisionOf(answered.decision).enforced !== 'allow') return [];
    const label = join(call.label ?? turn.label, labelOf(answered.label));
    // Each text by itself is theirs; nothing in a log is a field that could vouch for a value.
    const shown = label.integrity === 'trusted' ? answer : { ...answer, structuredJson: json };
    await gate.memory.remember(turn, call, { status: 'done', label, contextLabel: label }, shown);
    gate.runs.saw(principal, trajectory, join(turn.label, label));
    return logged;
  } catch {
    signal.throwIfAborted();
    return [];
  }
}

function blockOf({ data }: Logged): JsonObject {
  return { type: 'text', text: typeof data === 'string' ? data : JSON.stringify(data as JsonValue) };
}
