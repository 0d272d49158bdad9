import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import { uuidv7 } from '@sallyport/chassis/uuid';
import { batchFate, finalText, notRun, type Refusal, refusalOf, TRUSTED } from '@sallyport/turn';
import type { RequestFacts } from '../chat/facts.ts';
import type { AssistantContent, ToolCallBlock } from '../chat/message.ts';
import { noUsage } from '../chat/usage.ts';
import { frontOf } from '../fronts/index.ts';
import { cacheLookup } from './cache-lookup.ts';
import { CallFailed, call } from './call.ts';
import { callsOf, type Decided, decide, handleValues } from './decide.ts';
import { decorate } from './decorate.ts';
import { execute } from './execute.ts';
import type { Gate } from './gate.ts';
import { guardIn } from './guard-in.ts';
import { label } from './label.ts';
import { offerTools } from './offer.ts';
import { quarantine } from './quarantine.ts';
import { receive, type Said } from './receive.ts';
import { recordModelCall, recordToolOutcome, toolIntent } from './record.ts';
import { closeStream, createRelease, type Release } from './release.ts';
import { releasedBy } from './remember.ts';
import { reserveSteps } from './reserve.ts';
import { route } from './route.ts';
import { hideTools } from './tools.ts';
import type { Turn, TurnCall } from './turn.ts';

/**
 * One turn after Admit, in the order of DESIGN section 4. Read it top to bottom: each line is a stage, in the file of its
 * name. The loop is one model call with what follows from it; it ends when the model calls no tool that the gateway runs.
 */
export async function runTurn(gate: Gate, turn: Turn): Promise<void> {
  if (needsLook(turn.facts)) turn.request = frontOf(turn.dialect).neutralRequest(turn);
  await offerTools(gate, turn);
  const attested = await label(gate, turn);
  await quarantine(gate, turn, attested);
  decorate(turn);
  guardIn(turn);
  const release = createRelease(turn);
  try {
    for (;;) {
      const tools = await hideTools(gate, turn);
      cacheLookup();
      const answer = await called(gate, turn, () => call(gate, turn, route(turn), tools));
      release.know(await handleValues(gate, turn, turn.handles));
      const said = await receive(gate, turn, answer, release);
      if (said.delivered) return await delivered(gate, turn);
      const calls = callsOf(turn, said.content);
      if (calls.length === 0) return await finished(gate, turn, release, said, []);
      if (calls.length > gate.config.turn.maxCallsPerMessage) {
        throw new GatewayError('upstream_invalid', 'The model made more tool calls at once than the gateway takes.');
      }
      const clientOwned = calls.every((one) => one.tool?.runBy === 'client');
      const ended = clientOwned
        ? await releaseToClient(gate, turn, release, said, calls)
        : await runHere(gate, turn, calls, said.content);
      if (ended) return;
      release.nextMessage();
    }
  } catch (error) {
    const failure = error instanceof CallFailed ? error.error : asGatewayError(error);
    if (!turn.signal.aborted && (await release.fail(failure))) return;
    throw failure;
  }
}

/** Whether the gate has to look inside: tools, results or an assistant's calls are in the request. */
function needsLook(facts: RequestFacts): boolean {
  return (
    facts.tools.length > 0 || facts.toolResults.length > 0 || facts.assistant.some((one) => one.toolCalls.length > 0)
  );
}

/** A model call that no target answered is recorded like one that was. */
async function called<T>(gate: Gate, turn: Turn, make: () => Promise<T>): Promise<T> {
  if (turn.modelCalls >= gate.config.turn.maxModelCalls) {
    throw new GatewayError('step_limit', `A turn makes at most ${gate.config.turn.maxModelCalls} model calls.`);
  }
  try {
    return await make();
  } catch (error) {
    if (!(error instanceof CallFailed)) throw error;
    recordModelCall(gate, turn, {
      step: error.step,
      startedAtMs: error.startedAtMs,
      durationMs: error.durationMs,
      firstTokenMs: 0,
      provider: error.attempts.at(-1)?.provider ?? '',
      upstreamModel: error.attempts.at(-1)?.model ?? '',
      stream: turn.facts.stream,
      usage: noUsage,
      usageEstimated: false,
      costNanoUsd: 0,
      finish: '',
      attempts: error.attempts,
      limits: [],
      outcome: turn.signal.aborted ? 'cancelled' : 'error',
      error: error.error,
    });
    throw error;
  }
}

/** The provider's own bytes were the answer. */
async function delivered(gate: Gate, turn: Turn): Promise<void> {
  if (turn.facts.stream) await closeStream(turn);
  gate.memory.later(releasedBy(gate, turn, [], TRUSTED));
}

async function finished(
  gate: Gate,
  turn: Turn,
  release: Release,
  said: Pick<Said, 'finish'>,
  calls: readonly ToolCallBlock[],
): Promise<void> {
  await release.finish(said.finish);
  if (calls.length === 0) gate.memory.later(releasedBy(gate, turn, [], release.filledLabel));
}

/** The gateway-owned loop: runs the batch and goes on with the model. */
async function runHere(
  gate: Gate,
  turn: Turn,
  calls: readonly TurnCall[],
  content: readonly AssistantContent[],
): Promise<false> {
  await execute(gate, turn, calls, content);
  return false;
}

/**
 * The client-owned loop: all calls of the message are released, or none. After a refusal the gateway answers the model
 * itself and asks again, within bounds, then ends with text. True where the turn is over.
 */
async function releaseToClient(
  gate: Gate,
  turn: Turn,
  release: Release,
  said: Said,
  calls: readonly TurnCall[],
): Promise<boolean> {
  const decided = await decide(gate, turn, calls);
  const fate = batchFate(decided.map((one) => one.decision));
  if (fate.outcome === 'release') {
    const blocks = filledCalls(said.content, decided);
    const steps = await reserveSteps(gate, turn, calls.length);
    let released = 0;
    try {
      await gate.recorder.commit(intentsOf(turn, decided));
      await gate.memory.now(releasedBy(gate, turn, blocks, release.filledLabel), turn.signal);
      released = calls.length;
    } finally {
      steps.settle({ steps: released });
    }
    await release.calls(blocks);
    await finished(gate, turn, release, said, blocks);
    return true;
  }
  const refusals = decided.map(
    (one, index): Refusal => (fate.calls[index] === 'not run' ? notRun() : refusalOf(one.decision)),
  );
  for (const [index, one] of decided.entries()) recordRefusedCall(gate, turn, one, refusals[index] as Refusal);
  if (turn.reasks >= gate.config.turn.maxReasks) {
    await release.say(finalText(refusals));
    await finished(gate, turn, release, { finish: { unified: 'stop', raw: 'stop' } }, []);
    return true;
  }
  turn.reasks++;
  turn.appended.push(
    { role: 'assistant', content: [...said.content] },
    {
      role: 'tool',
      content: calls.map((one, index) => ({
        type: 'toolResult',
        callId: one.id,
        content: [{ type: 'text', text: (refusals[index] as Refusal).text }],
        isError: true,
      })),
    },
  );
  return false;
}

function filledCalls(content: readonly AssistantContent[], decided: readonly Decided[]): ToolCallBlock[] {
  const byId = new Map(decided.map((one) => [one.call.id, one]));
  return content.flatMap((block): ToolCallBlock[] => {
    if (block.type !== 'toolCall') return [];
    const args = byId.get(block.id)?.argumentsJson;
    // As the model wrote it where nothing was filled: a client may compare bytes.
    const same = args === undefined || !block.arguments.includes('h_');
    return [same ? block : { ...block, arguments: args }];
  });
}

function intentsOf(turn: Turn, decided: readonly Decided[]) {
  return decided.flatMap((one) => {
    const { tool, id: callId } = one.call;
    if (!tool) return [];
    return [
      toolIntent(turn, {
        id: uuidv7(),
        callId,
        tool,
        decision: one.decision,
        inputsJson: one.inputsJson,
        step: ++turn.step,
      }),
    ];
  });
}

function recordRefusedCall(gate: Gate, turn: Turn, one: Decided, refusal: Refusal): void {
  recordToolOutcome(
    gate,
    turn,
    {
      call: { id: one.call.id, classes: [], label: one.label },
      result: {
        callId: one.call.id,
        status: 'refused',
        refusal,
        isError: true,
        label: one.label,
        contextLabel: TRUSTED,
        decision: one.decision,
      },
    },
    {
      tool: one.call.tool,
      name: one.call.name,
      intentId: '',
      inputsJson: one.inputsJson,
      step: ++turn.step,
      startedAtMs: Date.now(),
      detail: { loop: 'client' },
    },
  );
}
