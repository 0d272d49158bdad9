import { uuidv7 } from '@sallyport/chassis/uuid';
import type { AgentContext, AgentIds, AgentTask, IdScope } from '../a2a/agent-ids.ts';

/** Ids of agents' tasks and contexts in memory. */
export function memoryAgentIds(): AgentIds {
  const contexts = new Map<string, AgentContext>();
  const tasks = new Map<string, AgentTask>();
  const key = ({ principal, serverUid }: IdScope, id: string) =>
    [principal.tenant, principal.id, principal.user, serverUid, id].join('\n');
  const keep = <T extends { readonly id: string; readonly agentId: string }>(
    held: Map<string, T>,
    scope: IdScope,
    one: T,
  ): T => {
    const prefix = key(scope, '');
    const known = [...held].find(([at, { agentId }]) => at.startsWith(prefix) && agentId === one.agentId)?.[1];
    if (known === undefined) held.set(key(scope, one.id), one);
    return known ?? one;
  };
  return {
    context: async (scope, id) => contexts.get(key(scope, id)),
    task: async (scope, id) => tasks.get(key(scope, id)),
    keepContext: async (scope, context, id = uuidv7()) => keep(contexts, scope, { ...context, id }),
    keepTask: async (scope, task) => keep(tasks, scope, { ...task, id: uuidv7() }),
    sweep: async () => 0,
  };
}
