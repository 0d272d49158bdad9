import { GatewayError } from '@sallyport/chassis/errors';
import type { Postgres } from '@sallyport/chassis/postgres';
import { sweepExpired } from '@sallyport/chassis/sweep-expired';
import { uuidv7 } from '@sallyport/chassis/uuid';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';

/** Whose ids these are, and of which agent. */
export interface IdScope {
  readonly principal: Pick<Principal, 'tenant' | 'id' | 'user'>;
  readonly serverUid: string;
}

/** A conversation with an agent. */
export interface AgentContext {
  /** As clients know it. */
  readonly id: string;
  /** As the agent knows it. */
  readonly agentId: string;
  /** The run that it is part of, which policy judges at each use; '' for none. */
  readonly trajectory: string;
}

/** A task of an agent. */
export interface AgentTask {
  readonly id: string;
  readonly agentId: string;
  /** As clients know it. */
  readonly contextId: string;
}

/**
 * Ids of ours for tasks and contexts of agents, bound to tenant, principal and agent; what is another's is not there. All
 * are kept for a while after they were used last.
 */
export interface AgentIds {
  context(scope: IdScope, id: string): Promise<AgentContext | undefined>;
  task(scope: IdScope, id: string): Promise<AgentTask | undefined>;
  /** Keeps a context by the agent's id of it; one that is kept already stays as it is. `id`: what it is to be called. */
  keepContext(scope: IdScope, context: Omit<AgentContext, 'id'>, id?: string): Promise<AgentContext>;
  /** Keeps a task by the agent's id of it; one that is kept already stays as it is. */
  keepTask(scope: IdScope, task: Omit<AgentTask, 'id'>): Promise<AgentTask>;
  /** Forgets some of what has expired before a time (epoch milliseconds); answers how much. */
  sweep(nowMs: number): Promise<number>;
}

type Kept = { readonly id: string; readonly value: string };

const OWN = 'tenant = $1 and principal_id = $2 and user_id = $3 and server_uid = $4';
const WHOSE = 'tenant, principal_id, user_id, server_uid';

/** Keeps them in Postgres for `ttlMs` after their last use; row-level security bounds each transaction to its tenant. */
export function createAgentIds(postgres: Postgres, ttlMs: number): AgentIds {
  const until = (at: number) => `now() + $${at}::float8 * interval '1 ms'`;
  const find = async <T>(table: string, columns: string, scope: IdScope, id: string): Promise<T | undefined> =>
    await postgres.withTenant(scope.principal.tenant, async (client) => {
      const { rows } = await client.query(
        `update ${table} set expires_at = ${until(6)} where ${OWN} and id = $5 and expires_at > now()
         returning id, ${columns}`,
        [...whose(scope), id, ttlMs],
      );
      return rows[0] as T | undefined;
    });
  const keep = async (
    table: string,
    column: string,
    scope: IdScope,
    row: readonly [id: string, agentId: string, value: string],
  ): Promise<Kept> =>
    await postgres.withTenant(scope.principal.tenant, async (client) => {
      const [, agentId] = row;
      await client.query(
        `insert into ${table} (${WHOSE}, id, agent_id, ${column}, expires_at)
           values ($1, $2, $3, $4, $5, $6, $7, ${until(8)}) on conflict do nothing`,
        [...whose(scope), ...row, ttlMs],
      );
      const { rows } = await client.query<Kept>(
        `update ${table} set expires_at = ${until(6)} where ${OWN} and agent_id = $5
         returning id, ${column} as "value"`,
        [...whose(scope), agentId, ttlMs],
      );
      // The id stands for another of the agent's: two first messages of one context that a client named were under way.
      if (rows[0] === undefined) throw new GatewayError('conflict', 'Two messages began this context at once.');
      return rows[0];
    });
  return {
    context: (scope, id) => find('agent_contexts', 'agent_id as "agentId", trajectory', scope, id),
    task: (scope, id) => find('agent_tasks', 'agent_id as "agentId", context_id as "contextId"', scope, id),
    async keepContext(scope, { agentId, trajectory }, id = uuidv7()) {
      const kept = await keep('agent_contexts', 'trajectory', scope, [id, agentId, trajectory]);
      return { id: kept.id, agentId, trajectory: kept.value };
    },
    async keepTask(scope, { agentId, contextId }) {
      const kept = await keep('agent_tasks', 'context_id', scope, [uuidv7(), agentId, contextId]);
      return { id: kept.id, agentId, contextId: kept.value };
    },
    sweep: (nowMs) => sweepExpired(postgres, ['agent_contexts', 'agent_tasks'], nowMs),
  };
}

function whose({ principal, serverUid }: IdScope): string[] {
  return [principal.tenant, principal.id, principal.user, serverUid];
}
