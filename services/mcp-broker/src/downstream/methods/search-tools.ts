import { TRUSTED } from '@sallyport/turn';
import type { JsonObject } from '../../catalog/definition.ts';
import { offeredList } from '../../catalog/offered-list.ts';
import { rankTools } from '../../catalog/search/rank.ts';
import { definitionTokens } from '../../catalog/token-cost.ts';
import type { OfferedTool } from '../../catalog/toolset.ts';
import { beginTurn } from '../../invoke/admit.ts';
import type { Gate } from '../../invoke/gate.ts';
import { joinRun } from '../../invoke/run-of-call.ts';
import { claimedRun } from '../calling.ts';
import { clientTool } from '../client-tool.ts';
import { type Exchange, TRAJECTORY_HEADER, TRAJECTORY_META } from '../exchange.ts';
import type { Message } from '../message.ts';
import { SEARCH_TOOLS, searchOf } from '../searching.ts';

/** Under which name an answer is remembered. */
const OWN = {
  exposedName: SEARCH_TOOLS,
  server: { uid: '', name: 'sallyport' },
  definition: { name: SEARCH_TOOLS },
};
/** Most characters of definitions that one search gives. */
const MAX_TEXT = 200_000;

/** A call of `search_tools`: among what this principal may use at this endpoint, and by figures of that alone. */
export async function searchTools(gate: Gate, message: Message, exchange: Exchange, given: JsonObject) {
  const { admitted, revision, signal, toolset } = exchange;
  const { principal, access } = admitted;
  const { query, limit } = searchOf(given);
  await gate.listFor(principal, access, signal);
  const offered = offeredList(gate.catalog, principal, access, toolset);
  const tools = shownOf(rankTools(offered.tools, query, limit), exchange);
  const found = {
    tools,
    searched: offered.tools.length,
    tokens: tools.reduce((sum, { tokens }) => sum + tokens, 0),
    tokensOfAll: offered.tokens,
  };
  gate.metrics.searches.inc({ found: tools.length > 0 ? 'some' : 'none' });
  const text = JSON.stringify(found);
  const result = {
    content: [{ type: 'text', text }],
    ...(revision.structured ? { structuredContent: found as unknown as JsonObject } : {}),
    isError: false,
  };
  const trajectory = await remember(gate, message, exchange, given, { result, text });
  if (trajectory === '') return result;
  exchange.answerHeader(TRAJECTORY_HEADER, trajectory);
  return { ...result, _meta: { [TRAJECTORY_META]: trajectory } };
}

function shownOf(found: readonly OfferedTool[], { revision }: Exchange) {
  let length = 0;
  return found.flatMap((one) => {
    const { name, description, inputSchema } = clientTool(one, revision);
    const shown = { name, ...(description === undefined ? {} : { description }), inputSchema };
    length += JSON.stringify(shown).length;
    return length > MAX_TEXT ? [] : [{ ...shown, tokens: definitionTokens(one.shown) }];
  });
}

/**
 * Lets the model plane know the answer when a client hands it to its model: definitions in force are what a list gives too,
 * and reading them adds nothing to a run. No value of them counts as known, since a server wrote them. Where policy is away
 * the answer is unknown there, and so untrusted. Gives the run.
 */
async function remember(
  gate: Gate,
  message: Message,
  exchange: Exchange,
  given: JsonObject,
  { result, text }: { readonly result: { content: JsonObject[]; isError: boolean }; readonly text: string },
): Promise<string> {
  const turn = beginTurn(exchange.admitted, exchange.headers, exchange.signal);
  exchange.answerHeader('sallyport-turn', turn.id);
  const claim = { trajectory: claimedRun(message, exchange), session: exchange.session?.run ?? '' };
  try {
    await joinRun(gate, turn, claim);
    await gate.memory.remember(
      turn,
      { tool: OWN, written: given },
      { status: 'done', label: TRUSTED, contextLabel: TRUSTED },
      { result, text, structuredJson: '' },
    );
    return turn.trajectory;
  } catch {
    exchange.signal.throwIfAborted();
    return '';
  }
}
