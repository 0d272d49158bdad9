import type { IdScope } from '../a2a/agent-ids.ts';
import type { KeptTask, LoopTasks } from '../a2a/loop/loop-tasks.ts';

/** Tasks of turn loops in memory. */
export function memoryLoopTasks(): LoopTasks {
  const tasks = new Map<string, KeptTask & { readonly changed: number }>();
  let changes = 0;
  const key = ({ principal, serverUid }: IdScope, id: string) =>
    [principal.tenant, principal.id, principal.user, serverUid, id].join('\n');
  const change = (scope: IdScope, id: string, from: readonly string[], to: Partial<KeptTask>) => {
    const at = key(scope, id);
    const held = tasks.get(at);
    if (held === undefined || !from.includes(held.state)) return false;
    tasks.set(at, { ...held, ...to, id, contextId: held.contextId, changed: ++changes });
    return true;
  };
  return {
    async begin(scope, task, messageId) {
      tasks.set(key(scope, task.id), { ...task, messages: [messageId], changed: ++changes });
    },
    find: async (scope, id) => tasks.get(key(scope, id)),
    async endedLast(scope, contextId) {
      const own = [...tasks].filter(
        ([at, one]) =>
          at.startsWith(key(scope, '')) && one.contextId === contextId && one.state === 'TASK_STATE_COMPLETED',
      );
      return own.sort(([, a], [, b]) => b.changed - a.changed)[0]?.[1];
    },
    async resume(scope, id, messageId) {
      const messages = [...(tasks.get(key(scope, id))?.messages ?? []), messageId];
      return change(scope, id, ['TASK_STATE_INPUT_REQUIRED'], { state: 'TASK_STATE_WORKING', messages });
    },
    beat: async (scope, id) => tasks.get(key(scope, id))?.state === 'TASK_STATE_WORKING',
    settle: async (scope, id, state, said) => change(scope, id, ['TASK_STATE_WORKING'], { ...said, state }),
    cancel: async (scope, id) =>
      change(scope, id, ['TASK_STATE_WORKING', 'TASK_STATE_INPUT_REQUIRED'], { state: 'TASK_STATE_CANCELED' }),
    sweep: async () => 0,
  };
}
