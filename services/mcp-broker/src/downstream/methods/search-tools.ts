import { SEARCH_TOOLS, TRUSTED } from '@sallyport/turn';
import type { JsonObject } from '../../catalog/definition.ts';
import { offeredList } from '../../catalog/offered-list.ts';
import { findTools } from '../../catalog/search/find.ts';
import { beginTurn } from '../../invoke/admit.ts';
import type { Gate } from '../../invoke/gate.ts';
import { ownStep } from '../../invoke/own-step.ts';
import type { Turn } from '../../invoke/turn.ts';
import { claimedRun, RETRY_META } from '../calling.ts';
import { clientTool } from '../client-tool.ts';
import { type Exchange, TRAJECTORY_HEADER, TRAJECTORY_META } from '../exchange.ts';
import type { Message } from '../message.ts';
import { searchOf } from '../searching.ts';

/** Under which name an answer is remembered. */
const OWN = {
  exposedName: SEARCH_TOOLS,
  server: { uid: '', name: 'sallyport' },
  definition: { name: SEARCH_TOOLS },
};

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

async function find(gate: Gate, exchange: Exchange, sought: ReturnType<typeof searchOf>) {
  const { admitted, revision, signal, toolset } = exchange;
  const { principal, access } = admitted;
  await gate.listFor(principal, access, signal);
  const { tools, tokens } = offeredList(gate.catalog, principal, access, toolset);
  const found = findTools(tools, tokens, sought, (one) => clientTool(one, revision));
  gate.metrics.searches.inc({ found: found.tools.length > 0 ? 'some' : 'none' });
  return found;
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
