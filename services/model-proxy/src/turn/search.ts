import { asGatewayError, type GatewayError } from '@sallyport/chassis/errors';
import { Record_Kind } from '@sallyport/proto/audit/v1/audit_pb';
import { escapeHandles, type Refusal, refusal } from '@sallyport/turn';
import type { ToolResultBlock } from '../chat/message.ts';
import type { Gate } from './gate.ts';
import { base } from './record.ts';
import { reserveSteps } from './reserve.ts';
import { type OwnCall, searchable } from './searching.ts';
import type { Turn, TurnCall } from './turn.ts';

const SEARCH_TIMEOUT_MS = 5_000;

/** What the model is told of a call that the gateway answers itself. */
export interface OwnAnswer {
  readonly text: string;
  /** Why nothing was done, where nothing was. */
  readonly refusal?: Refusal;
}

/**
 * Part of stage 13. Answers the calls of a model message that are the gateway's own: searches among the tools that the model
 * may be shown now, and calls that cannot be read. Each is a step that is limited and recorded as a call that reads is; policy
 * has nothing to decide of it. What is found are definitions in force, as a list gives them: reading them adds nothing to a
 * run, and no value of them counts as known, since a server wrote them. Throws step_limit.
 */
export async function answerOwn(
  gate: Gate,
  turn: Turn,
  calls: readonly TurnCall[],
): Promise<ReadonlyMap<TurnCall, OwnAnswer>> {
  const mine = calls.flatMap((call): [TurnCall, OwnCall][] => (call.own === undefined ? [] : [[call, call.own]]));
  if (mine.length === 0) return new Map();
  const steps = await reserveSteps(gate, turn, mine.length);
  try {
    const answers = mine.map(
      async ([call, own]): Promise<[TurnCall, OwnAnswer]> => [call, await answer(gate, turn, call, own)],
    );
    return new Map(await Promise.all(answers));
  } finally {
    steps.settle({ steps: mine.length });
  }
}

/** The answer as the model reads it. */
export function ownResult({ id: callId }: TurnCall, { text, refusal: refused }: OwnAnswer): ToolResultBlock {
  const isError = refused !== undefined;
  return { type: 'toolResult', callId, content: [{ type: 'text', text }], ...(isError ? { isError } : {}) };
}

async function answer(gate: Gate, turn: Turn, call: TurnCall, own: OwnCall): Promise<OwnAnswer> {
  const made = { call, own, step: ++turn.step, startedAtMs: Date.now() };
  if ('fault' in own) {
    const invalid = refusal('invalid_arguments');
    record(gate, turn, made, { outcome: 'refused', errorCode: invalid.code, reason: own.fault, detail: {} });
    return { text: `${invalid.text} ${own.fault}`, refusal: invalid };
  }
  const { label: toolset, query, limit } = own;
  try {
    const { principal, trajectory, signal } = turn;
    const { customer } = turn.attribution;
    const among = searchable(turn, toolset);
    const { resultJson, ...detail } = await gate.clients.tools.searchTools(
      { principal, trajectory, customer, toolset, query, limit, among },
      { timeoutMs: SEARCH_TIMEOUT_MS, signal },
    );
    const { found, searched, tokens, tokensOfAll } = detail;
    record(gate, turn, made, { outcome: 'ok', detail: { searched, found, tokens, tokensOfAll } });
    return { text: escapeHandles(resultJson) };
  } catch (error) {
    turn.signal.throwIfAborted();
    const known = asGatewayError(error);
    const refused = refusal(isLimit(known) ? 'rate_limited' : 'tool_unavailable');
    const outcome = isLimit(known) ? 'refused' : 'error';
    record(gate, turn, made, { outcome, errorCode: known.code, reason: known.message, detail: {} });
    return { text: refused.text, refusal: refused };
  }
}

function isLimit({ code }: GatewayError): boolean {
  return code === 'rate_limited' || code === 'step_limit';
}

/** As `/mcp` records a search: what was found by name, and no content. */
function record(
  gate: Gate,
  turn: Turn,
  { call, own, step, startedAtMs }: { call: TurnCall; own: OwnCall; step: number; startedAtMs: number },
  said: { outcome: 'ok' | 'error' | 'refused'; errorCode?: string; reason?: string; detail: object },
): void {
  const { outcome, errorCode = '', reason = '', detail } = said;
  gate.recorder.append({
    ...base(turn),
    kind: outcome === 'refused' ? Record_Kind.TOOL_REFUSAL : Record_Kind.TOOL_OUTCOME,
    step,
    startedAtMs,
    durationMs: Date.now() - startedAtMs,
    callId: call.id,
    toolName: own.does,
    toolClass: 'read',
    outcome,
    errorCode,
    reason,
    detailJson: JSON.stringify({ status: outcome === 'ok' ? 'done' : outcome, toolset: own.label, ...detail }),
  });
}
