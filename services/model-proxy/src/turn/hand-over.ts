import { batchFate, mayRun, notRun, type Refusal, refusalOf, TRUSTED } from '@sallyport/turn';
import type { AssistantContent, ToolCallBlock } from '../chat/message.ts';
import { ask, sayWaiting } from './ask.ts';
import { type Decided, decide } from './decide.ts';
import type { Gate } from './gate.ts';
import type { Said } from './receive.ts';
import { recordToolOutcome, toolIntent } from './record.ts';
import type { Release } from './release.ts';
import { releasedBy, rememberWords } from './remember.ts';
import { reserveSteps } from './reserve.ts';
import type { Turn, TurnCall } from './turn.ts';

/** What followed from the calls of one message: the turn is over, calls were run, or all of them were answered by refusals. */
export type BatchOutcome = 'over' | 'ran' | { readonly refusals: readonly Refusal[] };

/**
 * The client-owned loop (DESIGN section 4): all calls of the message are released, or none, since a released call cannot
 * be taken back. Released calls are decided, their intents durable and known before the client sees them. After a refusal
 * the gateway answers the model itself: the reason to the refused, "not run" to the others.
 */
export async function handOver(
  gate: Gate,
  turn: Turn,
  release: Release,
  said: Pick<Said, 'content' | 'finish'>,
  calls: readonly TurnCall[],
): Promise<BatchOutcome> {
  let decided = await decide(gate, turn, calls);
  if (fateOf(decided) === 'ask') {
    const asked = await ask(gate, turn, release, decided);
    if (asked.outcome === 'waiting') return await endWaiting(gate, turn, release, decided, asked.approvals);
    decided = asked.decided;
  }
  if (fateOf(decided) !== 'release') return refuse(gate, turn, said.content, decided);
  await release.settled();
  const blocks = releasedBlocks(said.content, decided);
  const labelled = blocks.map((block, index) => ({ block, label: decided[index]?.filledLabel ?? turn.label }));
  const steps = await reserveSteps(gate, turn, calls.length);
  let taken = 0;
  try {
    await commitIntents(gate, turn, decided);
    await gate.memory.now(releasedBy(gate, turn, labelled, release.filledLabel()), turn.signal);
    taken = calls.length;
  } finally {
    steps.settle({ steps: taken });
  }
  await release.calls(blocks);
  await release.finish(said.finish);
  return 'over';
}

function fateOf(decided: readonly Decided[]) {
  return batchFate(decided.map((one) => one.decision)).outcome;
}

/** Ends the turn while people have not answered: nothing of the batch was run. */
export async function endWaiting(
  gate: Gate,
  turn: Turn,
  release: Release,
  decided: readonly Decided[],
  approvals: readonly string[],
): Promise<'over'> {
  for (const one of decided) {
    recordRefusedCall(gate, turn, one, mayRun(one.decision) ? notRun() : refusalOf(one.decision));
  }
  await sayWaiting(gate, turn, release, approvals);
  await rememberWords(gate, turn, release.filledLabel());
  await release.finish({ unified: 'stop', raw: 'stop' });
  return 'over';
}

function refuse(
  gate: Gate,
  turn: Turn,
  content: readonly AssistantContent[],
  decided: readonly Decided[],
): BatchOutcome {
  const refusals = decided.map(({ decision }) => (mayRun(decision) ? notRun() : refusalOf(decision)));
  for (const [index, one] of decided.entries()) recordRefusedCall(gate, turn, one, refusals[index] as Refusal);
  turn.appended.push(
    { role: 'assistant', content: [...content] },
    {
      role: 'tool',
      content: decided.map(({ call }, index) => ({
        type: 'toolResult',
        callId: call.id,
        content: [{ type: 'text', text: (refusals[index] as Refusal).text }],
        isError: true,
      })),
    },
  );
  return { refusals };
}

function releasedBlocks(content: readonly AssistantContent[], decided: readonly Decided[]): ToolCallBlock[] {
  const calls = content.filter((block) => block.type === 'toolCall');
  return calls.map((block, index) => ({ ...block, arguments: decided[index]?.released ?? block.arguments }));
}

/** Reads need no durable intent, so that they go on while audit and the spool are both away (DESIGN section 7). */
async function commitIntents(gate: Gate, turn: Turn, decided: readonly Decided[]): Promise<void> {
  const intents = decided.flatMap((one) => {
    const { tool, id: callId } = one.call;
    if (!tool) return [];
    const { decision, inputsJson } = one;
    return [toolIntent(turn, { id: one.intentId, callId, tool, decision, inputsJson, step: ++turn.step })];
  });
  try {
    await gate.recorder.commit(intents);
  } catch (error) {
    if (gate.config.auditRequired && decided.some((one) => one.toolClass !== 'read')) throw error;
    gate.log.warn('Calls were released whose intents could not be recorded', { calls: intents.length, error });
  }
}

/** Records a call that was answered by a refusal instead of being run. */
export function recordRefusedCall(
  gate: Pick<Gate, 'recorder'>,
  turn: Turn,
  one: Pick<Decided, 'call' | 'label' | 'decision' | 'inputsJson'>,
  refusal: Refusal,
): void {
  const { call, label, decision, inputsJson } = one;
  recordToolOutcome(
    gate,
    turn,
    {
      call: { id: call.id, classes: [], label },
      result: {
        callId: call.id,
        status: decision.enforced === 'ask' ? 'waiting' : 'refused',
        refusal,
        isError: true,
        label,
        contextLabel: TRUSTED,
        decision,
      },
    },
    {
      tool: call.tool,
      name: call.name,
      intentId: '',
      inputsJson,
      step: ++turn.step,
      startedAtMs: Date.now(),
      detail: { loop: 'client' },
    },
  );
}
