import { decisionOf, labelOf, resultForRules } from '@sallyport/peers/decision-wire';
import { type Decision, escapeHandlesIn, type JsonValue, join, type Label } from '@sallyport/turn';
import { type AgentExchange, agentExchange } from '../a2a/exchange.ts';
import type { Reply } from '../a2a/forms.ts';
import { answerOf } from '../a2a/gather.ts';
import { callRun, labelOfResult } from '../a2a/loop/call-run.ts';
import { refOf } from '../server.ts';
import type { ToolAnswer } from '../upstream/connection.ts';
import type { DecidedCall } from './decide.ts';
import type { Gate } from './gate.ts';
import type { ShownCall } from './memory.ts';
import { shownAnswer } from './shown.ts';
import type { Turn } from './turn.ts';

const DECIDE_TIMEOUT_MS = 2_000;
/** Events that wait while the ones before are decided; then the agent waits. */
const MAX_WAITING = 64;

/** A call whose result may come in pieces. */
interface StreamedCall extends ShownCall {
  readonly id: string;
  readonly label: Label;
  readonly decided?: DecidedCall;
}

/**
 * Does what gives the result of a call. Where the client takes events as they come, each goes out once policy has allowed
 * all that came so far as the result, and what it brings is remembered: a rule that reads the content is not gone around by
 * pieces. From the first that is not allowed as it is nothing goes out; the whole is decided at the end, as ever.
 */
export async function decidingEvents<T>(
  gate: Gate,
  turn: Turn,
  call: StreamedCall,
  work: () => Promise<T>,
): Promise<T> {
  const exchange = agentExchange.getStore();
  const { event } = exchange ?? {};
  if (exchange === undefined || event === undefined) return await work();
  let waiting: Reply[] = [];
  let latest: (() => ToolAnswer) | undefined;
  let deciding: Promise<void> | undefined;
  let open = call.decided?.decision.enforced === 'allow';
  const drain = async () => {
    for (; waiting.length > 0 && open && latest !== undefined; ) {
      const events = waiting;
      waiting = [];
      const label = await labelWhereAllowed(gate, turn, call, latest(), events);
      open = label !== undefined;
      if (label === undefined) {
        exchange.told.untold = true;
        return;
      }
      for (const one of events) await event(escapeHandlesIn(one as unknown as JsonValue) as unknown as Reply, label);
    }
  };
  const decided: AgentExchange = {
    ...exchange,
    async arrived(one, soFar) {
      if (!open) return;
      waiting.push(one);
      latest = soFar;
      deciding ??= drain().finally(() => {
        deciding = undefined;
      });
      if (waiting.length >= MAX_WAITING) await deciding;
      else deciding.catch(() => undefined);
    },
  };
  const result = await agentExchange.run(decided, work);
  for (; waiting.length > 0 && open; ) await (deciding ?? drain());
  await deciding;
  return result;
}

/** The label of what came so far; undefined where it may not be shown as it is, or cannot be decided. */
async function labelWhereAllowed(
  gate: Gate,
  turn: Turn,
  call: StreamedCall,
  soFar: ToolAnswer,
  events: readonly Reply[],
): Promise<Label | undefined> {
  const { principal, trajectory, signal } = turn;
  const { tool, decided } = call;
  const whole = shownAnswer(soFar);
  try {
    const answer = await gate.clients.decisions.decideResult(
      {
        principal,
        trajectory,
        tool: refOf(tool),
        argumentsJson: decided?.prepared.argumentsJson ?? '',
        resultJson: resultForRules(whole.structuredJson),
        isError: soFar.isError,
        sizeBytes: Buffer.byteLength(whole.structuredJson),
      },
      { timeoutMs: DECIDE_TIMEOUT_MS, signal },
    );
    const resultDecision: Decision | undefined = answer.decision && decisionOf(answer.decision);
    if (resultDecision?.enforced !== 'allow' || decided === undefined) return undefined;
    const decidedLabel = labelOfResult(labelOf(answer.label), resultDecision.rule, callRun.getStore());
    const label = join(decidedLabel, call.label);
    for (const one of events) {
      const shown = shownAnswer(answerOf(one));
      const { decision } = decided;
      const content = { content: shown, isError: false, label, contextLabel: label, decision, resultDecision };
      await gate.memory.remember(turn, call, { callId: call.id, status: 'done', ...content }, shown);
    }
    return label;
  } catch (error) {
    signal.throwIfAborted();
    gate.log.debug('Events of an agent could not be decided one by one', { tool: tool.exposedName, error });
    return undefined;
  }
}
