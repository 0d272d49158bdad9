import type { Server } from '../catalog/catalog.ts';
import type { AgentIds } from './agent-ids.ts';
import type { AgentCard } from './card.ts';

/** What is kept of agents beside their tools. */
export interface Agents {
  readonly ids: AgentIds;
  /** Takes note of a card that an agent gave. */
  saw(server: Pick<Server, 'uid'>, card: AgentCard): void;
  /** A card that an agent gave here, by its digest. */
  card(server: Pick<Server, 'uid'>, digest: string): AgentCard | undefined;
}

const MAX_CARDS = 10_000;

/** Makes it for one process. */
export function knownAgents(ids: AgentIds): Agents {
  const cards = new Map<string, AgentCard>();
  return {
    ids,
    saw({ uid }, card) {
      const key = `${uid}\n${card.digest}`;
      cards.delete(key);
      if (cards.size >= MAX_CARDS) cards.delete(cards.keys().next().value as string);
      cards.set(key, card);
    },
    card: ({ uid }, digest) => cards.get(`${uid}\n${digest}`),
  };
}
