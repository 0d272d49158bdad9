import type { JsonObject } from '../../catalog/definition.ts';
import { beginTurn } from '../../invoke/admit.ts';
import type { Gate } from '../../invoke/gate.ts';
import { reachedPrompt, reachedResource } from '../../offerings/visible.ts';
import { CODES } from '../../protocol.ts';
import type { Exchange, Method } from '../exchange.ts';
import { isObject, RpcFault } from '../message.ts';
import { reading } from '../offering-call.ts';

const CALL = 'completion/complete';
const NONE = { completion: { values: [] } };

/** `completion/complete`: what a server proposes for an argument of a prompt or template that is this principal's. */
export const complete: Method = async (gate, message, exchange) => {
  const { ref, argument, context } = message.params;
  if (!isObject(ref)) throw new RpcFault(CODES.invalidParams, 'ref must name a prompt or a template.');
  if (!isObject(argument) || typeof argument.name !== 'string' || typeof argument.value !== 'string') {
    throw new RpcFault(CODES.invalidParams, 'argument must have a name and a value.');
  }
  const found = await refOf(gate, exchange, ref);
  if (found === undefined) throw new RpcFault(CODES.invalidParams, 'There is no such prompt or template.');
  const { admitted, headers, answerHeader } = exchange;
  const offers = gate.offerings.of(found.tool.server, admitted.principal)?.offers;
  if (offers?.completions !== true) return NONE;
  const turn = beginTurn(admitted, headers, exchange.signal);
  answerHeader('sallyport-turn', turn.id);
  const args: JsonObject = {
    ref: found.ref,
    argument: { name: argument.name, value: argument.value },
    ...(isObject(context) && isObject(context.arguments)
      ? { context: { arguments: context.arguments as JsonObject } }
      : {}),
  };
  // Nobody is asked for leave at each key that is pressed.
  const hasty = { ...exchange, patient: false };
  const made = await reading(gate, message, hasty, turn, { tool: found.tool, name: CALL, args });
  const [block] = made.kind === 'shown' && made.asGiven ? made.shown.result.content : [];
  if (typeof block?.text !== 'string') return { ...NONE, _meta: made._meta };
  return { completion: JSON.parse(block.text) as object, _meta: made._meta };
};

/** What is completed, as its server knows it. */
async function refOf(gate: Gate, { admitted, signal }: Exchange, ref: Record<string, unknown>) {
  await gate.offerings.look(admitted.principal, admitted.access, signal);
  if (ref.type === 'ref/prompt' && typeof ref.name === 'string') {
    const found = reachedPrompt(gate, admitted, CALL, ref.name);
    return found && { tool: found.tool, ref: { type: 'ref/prompt', name: found.prompt.name } };
  }
  if (ref.type !== 'ref/resource' || typeof ref.uri !== 'string') return undefined;
  const found = reachedResource(gate, admitted, CALL, ref.uri);
  return found && { tool: found.tool, ref: { type: 'ref/resource', uri: found.uri } };
}
