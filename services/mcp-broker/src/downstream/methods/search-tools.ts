import { TRUSTED } from '@sallyport/turn';
import type { JsonObject } from '../../catalog/definition.ts';
import { offeredList } from '../../catalog/offered-list.ts';
import { rankTools } from '../../catalog/search/rank.ts';
import { definitionTokens } from '../../catalog/token-cost.ts';
import type { OfferedTool } from '../../catalog/toolset.ts';
import { beginTurn } from '../../invoke/admit.ts';
import type { Gate } from '../../invoke/gate.ts';
import { ownStep } from '../../invoke/own-step.ts';
import type { Turn } from '../../invoke/turn.ts';
import { claimedRun, RETRY_META } from '../calling.ts';
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

/**
 * A call of `search_tools`: among what this principal may use at this endpoint, and by figures of that alone. A step of its
 * run, limited and recorded as a call that reads is.
 */
export async function searchTools(gate: Gate, message: Message, exchange: Exchange, given: JsonObject) {
  const { admitted, answerHeader, headers, session, signal } = exchange;
  const sought = searchOf(given);
  const turn = beginTurn(admitted, headers, signal);
  answerHeader('sallyport-turn', turn.id);
  const claim = { trajectory: claimedRun(message, exchange), session: session?.run ?? '' };
  const step = await ownStep(gate, turn, claim, OWN, async () => {
    const found = await find(gate, exchange, sought);
    const { tools, searched } = found;
    return { value: found, detail: { searched, found: tools.map(({ name }) => name) } };
  });
  const _meta: Record<string, unknown> = turn.trajectory === '' ? {} : { [TRAJECTORY_META]: turn.trajectory };
  if (turn.trajectory !== '') answerHeader(TRAJECTORY_HEADER, turn.trajectory);
  if ('refused' in step) {
    if (step.retryAfterSeconds !== undefined) {
      answerHeader('retry-after', `${step.retryAfterSeconds}`);
      _meta[RETRY_META] = step.retryAfterSeconds;
    }
    return { ...step.refused.result, _meta };
  }
  const { value: found } = step;
  const text = JSON.stringify(found);
  const result = {
    content: [{ type: 'text', text }],
    ...(exchange.revision.structured ? { structuredContent: found as unknown as JsonObject } : {}),
    isError: false,
  };
  await remember(gate, turn, given, { result, text });
  return { ...result, _meta };
}

async function find(gate: Gate, exchange: Exchange, { query, limit }: ReturnType<typeof searchOf>) {
  const { admitted, signal, toolset } = exchange;
  const { principal, access } = admitted;
  await gate.listFor(principal, access, signal);
  const offered = offeredList(gate.catalog, principal, access, toolset);
  const tools = shownOf(rankTools(offered.tools, query, limit), exchange);
  gate.metrics.searches.inc({ found: tools.length > 0 ? 'some' : 'none' });
  return {
    tools,
    searched: offered.tools.length,
    tokens: tools.reduce((sum, { tokens }) => sum + tokens, 0),
    tokensOfAll: offered.tokens,
  };
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
 * the answer is unknown there, and so untrusted.
 */
async function remember(
  gate: Gate,
  turn: Turn,
  given: JsonObject,
  { result, text }: { readonly result: { content: JsonObject[]; isError: boolean }; readonly text: string },
): Promise<void> {
  try {
    await gate.memory.remember(
      turn,
      { tool: OWN, written: given },
      { status: 'done', label: TRUSTED, contextLabel: TRUSTED },
      { result, text, structuredJson: '' },
    );
  } catch {
    turn.signal.throwIfAborted();
  }
}
