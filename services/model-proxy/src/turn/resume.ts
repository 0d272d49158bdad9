import { deny, refusal, TRUSTED } from '@sallyport/turn';
import type { ToolCallBlock } from '../chat/message.ts';
import type { Exchange } from '../responses/exchange.ts';
import type { AnsweredApproval } from '../responses/settle-items.ts';
import { executeShown } from './execute-shown.ts';
import type { Gate } from './gate.ts';
import { recordRefusedCall } from './hand-over.ts';
import { tellOpening } from './mcp-items.ts';
import type { Release } from './release.ts';
import { latch } from './remember.ts';
import { hideTools } from './tools.ts';
import type { Turn, TurnCall } from './turn.ts';

/**
 * Goes on with calls that an earlier answer asked the client about: what it approved is decided and run, what it did not the model is
 * told. What is hidden from this principal now is no tool. Over where people have to answer still.
 */
export async function resume(gate: Gate, turn: Turn, exchange: Exchange, release: Release): Promise<'over' | 'on'> {
  await latch(gate, turn);
  await hideTools(gate, turn);
  await tellOpening(exchange, release);
  const hidden = new Set(turn.hidden.filter((one) => one.enforced).map((one) => one.tool));
  const calls = exchange.answered.map((answer): [AnsweredApproval, TurnCall] => {
    const { id, name, arguments: written } = answer;
    return [answer, { id, name, written, kind: 'function', tool: hidden.has(name) ? undefined : turn.tools.get(name) }];
  });
  for (const [answer, call] of calls) if (!answer.approve) refuse(gate, turn, exchange, answer, call);
  const approved = calls.filter(([{ approve }]) => approve).map(([, call]) => call);
  if (approved.length === 0) return 'on';
  const outcome = await executeShown(gate, turn, exchange, release, {
    calls: approved,
    content: approved.map(blockOf),
    consented: new Map(approved.map(({ id }) => [id, id])),
  });
  if (outcome === 'over') return 'over';
  release.nextMessage();
  return 'on';
}

function refuse(gate: Gate, turn: Turn, exchange: Exchange, answer: AnsweredApproval, call: TurnCall): void {
  const { id, name, arguments: written, refusal: text } = answer;
  const decision = deny('builtin/client-refused', 'The client did not approve the call.', turn.policyRevision);
  const inputsJson = JSON.stringify({ arguments: written });
  recordRefusedCall(gate, turn, { call, label: turn.label, decision, inputsJson }, refusal('not_run'));
  // Its words come back with the input of the next request.
  exchange.shown.push({ id, name, arguments: written, result: { text, label: TRUSTED } });
  turn.appended.push(
    { role: 'assistant', content: [blockOf(call)] },
    { role: 'tool', content: [{ type: 'toolResult', callId: id, content: [{ type: 'text', text }], isError: true }] },
  );
}

function blockOf({ id, name, written }: TurnCall): ToolCallBlock {
  return { type: 'toolCall', id, name, arguments: written };
}
