import { SEARCH_TOOLS } from '@sallyport/turn';
import type { JsonObject } from '../../catalog/definition.ts';
import type { Completed, OfferedTool, Toolset } from '../../catalog/toolset.ts';
import { offeredTool } from '../../catalog/toolsets.ts';
import { beginTurn } from '../../invoke/admit.ts';
import type { Gate } from '../../invoke/gate.ts';
import type { KnownValue } from '../../invoke/known-values.ts';
import { recordUnknownTool } from '../../invoke/record.ts';
import { CODES, type Revision } from '../../protocol.ts';
import type { ToolAnswer } from '../../upstream/connection.ts';
import { makeCall } from '../calling.ts';
import type { Exchange, Method } from '../exchange.ts';
import { isObject, RpcFault } from '../message.ts';
import { unwrapped } from '../searching.ts';
import { searchTools } from './search-tools.ts';

/** `tools/call`. */
export const callOne: Method = async (gate, message, exchange) => {
  const { admitted, headers, answerHeader, revision } = exchange;
  const { name: called, arguments: written = {} } = message.params;
  if (typeof called !== 'string' || called === '') throw new RpcFault(CODES.invalidParams, 'name must be a text.');
  if (!isObject(written)) throw new RpcFault(CODES.invalidParams, 'arguments must be an object.');
  const { searching } = exchange;
  if (searching && called === SEARCH_TOOLS) return await searchTools(gate, message, exchange, written as JsonObject);
  // From here on a call that stands in another is what it is: nothing is decided, limited or recorded of the other.
  const asked = { name: called, given: written as JsonObject };
  const { name, given } = searching ? unwrapped(asked) : asked;
  const offered = await toolOf(gate, exchange, name);
  const completed = offered?.complete(given);
  const turn = beginTurn(admitted, headers, exchange.signal, setBy(exchange.toolset, completed));
  if (name !== called) turn.via = called;
  answerHeader('sallyport-turn', turn.id);
  if (offered === undefined || completed === undefined) {
    recordUnknownTool(gate, turn, name);
    // The same words for a tool that is not there and one that is not theirs (DESIGN section 8).
    throw new RpcFault(CODES.invalidParams, `Unknown tool: ${name.slice(0, 128)}`);
  }
  if ('fault' in completed) throw new RpcFault(CODES.invalidParams, completed.fault);
  const made = await makeCall(gate, message, exchange, turn, { tool: offered.tool, name, args: completed.args });
  const { _meta } = made;
  return made.kind === 'shown' ? { ...fitted(made.shown.result, revision), _meta } : { ...made.result, _meta };
};

/** A tool that is there for this principal at this endpoint; undefined where there is none. */
async function toolOf(gate: Gate, exchange: Exchange, name: string): Promise<OfferedTool | undefined> {
  const { catalog, listFor } = gate;
  const { admitted, toolset, signal } = exchange;
  const { principal, access } = admitted;
  const find = () => offeredTool(catalog, principal, access, toolset, name);
  const found = find();
  if (found !== undefined) return found;
  // It may be one that its server offers to this person, and nobody has asked here yet.
  await listFor(principal, access, signal);
  return find();
}

/** What the administrator wrote into a toolset, as values of known origin. */
function setBy(toolset: Toolset | undefined, completed: Completed | undefined): KnownValue[] {
  if (toolset === undefined || completed === undefined || 'fault' in completed) return [];
  return completed.set.map(({ name, value }) => ({ tool: `toolset/${toolset.name}`, path: `/${name}`, value }));
}

/** A result without what the client's revision does not know. */
function fitted(answer: ToolAnswer, revision: Revision): object {
  const { content, structuredContent, isError } = answer;
  if (revision.structured)
    return { content, ...(structuredContent === undefined ? {} : { structuredContent }), isError };
  return {
    content: content.map((block) =>
      block.type === 'resource_link' ? { type: 'text', text: JSON.stringify(block) } : block,
    ),
    isError,
  };
}
