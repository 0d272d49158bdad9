import type { JsonObject } from '../../catalog/definition.ts';
import { beginTurn } from '../../invoke/admit.ts';
import { messagesOf } from '../../offerings/offering-answer.ts';
import { reachedPrompt } from '../../offerings/visible.ts';
import { CODES } from '../../protocol.ts';
import type { Method } from '../exchange.ts';
import { isObject, RpcFault } from '../message.ts';
import { isNotTheirs, reading, recordUnreached } from '../offering-call.ts';

/** `prompts/get`. What a prompt says is decided on as the result of a tool is. */
export const getPrompt: Method = async (gate, message, exchange) => {
  const { admitted, headers, answerHeader } = exchange;
  const { name, arguments: given = {} } = message.params;
  if (typeof name !== 'string' || name === '') throw new RpcFault(CODES.invalidParams, 'name must be a text.');
  if (!isObject(given) || !Object.values(given).every((value) => typeof value === 'string')) {
    throw new RpcFault(CODES.invalidParams, 'arguments must be texts by name.');
  }
  const turn = beginTurn(admitted, headers, exchange.signal);
  answerHeader('sallyport-turn', turn.id);
  await gate.offerings.look(admitted.principal, admitted.access, exchange.signal);
  const found = reachedPrompt(gate, admitted, 'prompts/get', name);
  if (found === undefined) {
    recordUnreached(gate, turn, 'prompts/get');
    throw unknown(name);
  }
  const args: JsonObject = { name: found.prompt.name, arguments: given as JsonObject };
  const made = await reading(gate, message, exchange, turn, { tool: found.tool, name, args });
  const { _meta } = made;
  if (made.kind === 'input') return { ...made.result, _meta };
  if (made.kind === 'refused') {
    if (isNotTheirs(made.text)) throw unknown(name);
    throw new RpcFault(made.byServer ? CODES.invalidParams : CODES.server, made.text);
  }
  const text = { role: 'user', content: { type: 'text', text: made.shown.text } };
  const messages = made.asGiven ? messagesOf(made.shown.result.content) : [text];
  const { description } = found.prompt;
  return { ...(description === undefined ? {} : { description }), messages, _meta };
};

/** The same words for one that is not there and one that is not theirs. */
function unknown(name: string): RpcFault {
  return new RpcFault(CODES.invalidParams, `Unknown prompt: ${name.slice(0, 128)}`);
}
