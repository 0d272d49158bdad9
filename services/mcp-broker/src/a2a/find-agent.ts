import { GatewayError } from '@sallyport/chassis/errors';
import { isAgent } from '@sallyport/custom-resources/tool-server-agent';
import type { BrokerTool, Server } from '../catalog/catalog.ts';
import { mayUseServer, toolFilter } from '../catalog/visibility.ts';
import type { Admitted } from '../invoke/admit.ts';
import type { Gate } from '../invoke/gate.ts';
import type { Agents } from './agents.ts';
import type { AgentCard } from './card.ts';
import { cardDigestOf } from './definitions.ts';

/** What serving agents takes. */
export type AgentGate = Gate & { readonly agents: Agents };

/** An agent of which a principal may use something. */
export interface FoundAgent {
  readonly server: Server;
  /** The tools of it that this principal may use, by name. */
  readonly tools: ReadonlyMap<string, BrokerTool>;
  /** As it was reviewed. */
  readonly card: AgentCard;
}

/**
 * Finds an agent for a principal. Throws GatewayError `not_found` where there is none that they may use, and `unavailable`
 * where it cannot be used now: it was not reached yet, or its card has changed and waits for review.
 */
export async function findAgent(
  gate: AgentGate,
  admitted: Admitted,
  name: string,
  signal: AbortSignal,
): Promise<FoundAgent> {
  const { principal, access } = admitted;
  const server = gate.catalog.server(principal.tenant, name);
  // The same words for one that is not there and one that is not theirs (DESIGN section 8).
  if (server === undefined || !isAgent(server.spec) || !mayUseServer(principal, access, server)) {
    throw new GatewayError('not_found', 'There is no such agent.');
  }
  await gate.listFor(principal, access, signal);
  const may = toolFilter(principal, access);
  const tools = new Map<string, BrokerTool>();
  for (const one of ['send_message', 'get_task', 'cancel_task']) {
    const tool = gate.catalog.byIdentity(principal.tenant, server.uid, one);
    if (tool && may(tool) && gate.catalog.offers(principal, tool)) tools.set(one, tool);
  }
  const [first] = tools.values();
  const card = first && gate.agents.card(server, cardDigestOf(first.definition));
  if (card !== undefined) return { server, tools, card };
  const held = (gate.catalog.settled(server.uid)?.held.size ?? 0) > 0;
  const why = held
    ? 'The agent says other things of itself than were reviewed; it is held until they are.'
    : 'The agent cannot be used now.';
  throw new GatewayError('unavailable', why, { retryAfterMs: 5_000 });
}
