import { GatewayError } from '@sallyport/chassis/errors';
import type { AgentContext, AgentIds, AgentTask, IdScope } from './agent-ids.ts';
import { defined, type Message, type Metadata, type Part, type Reply, type Task, type TaskStatus } from './forms.ts';

/** What is known of a request before its reply. */
export interface Expected {
  readonly scope: IdScope;
  /** The conversation and the task that the request names, where they are known. */
  readonly context: AgentContext | undefined;
  readonly task: AgentTask | undefined;
  /** What a new conversation is to be called; undefined: whatever. */
  readonly named: string | undefined;
  /** The run that a new conversation is part of; '' for none. */
  readonly trajectory: string;
}

/** Puts our ids in the place of the agent's, in all replies of one request. */
export interface ReplyIds {
  /** Throws GatewayError `upstream_invalid` for a reply about another task or context than the one before. */
  ours(reply: Reply): Promise<Reply>;
}

const OURS = 'sallyport.dev/';

/** Makes it for one request. */
export function replyIds(ids: AgentIds, expected: Expected): ReplyIds {
  let { context, task } = expected;
  const contextOf = async (agentId: string): Promise<string> => {
    if (context !== undefined && context.agentId !== agentId) throw another('context');
    const { scope, named, trajectory } = expected;
    context ??= await ids.keepContext(scope, { agentId, trajectory }, named);
    return context.id;
  };
  const taskOf = async (agentId: string, agentContext: string): Promise<{ taskId: string; contextId: string }> => {
    if (task !== undefined && task.agentId !== agentId) throw another('task');
    const contextId = await contextOf(agentContext);
    task ??= await ids.keepTask(expected.scope, { agentId, contextId });
    return { taskId: task.id, contextId };
  };
  return {
    async ours(reply) {
      if ('task' in reply) {
        const { id, contextId, ...rest } = reply.task;
        const at = await taskOf(id, contextId);
        return { task: taskWith({ id, contextId, ...rest }, at) };
      }
      if ('message' in reply) {
        const { contextId, taskId } = reply.message;
        if (taskId !== undefined && contextId !== undefined) {
          return { message: messageWith(reply.message, await taskOf(taskId, contextId)) };
        }
        const own = contextId === undefined ? context?.id : await contextOf(contextId);
        return { message: messageWith(reply.message, { contextId: own }) };
      }
      if ('statusUpdate' in reply) {
        const { taskId, contextId, status, metadata } = reply.statusUpdate;
        const at = await taskOf(taskId, contextId);
        return { statusUpdate: { ...at, status: statusWith(status, at), metadata: theirs(metadata) } };
      }
      const { taskId, contextId, artifact, metadata, ...rest } = reply.artifactUpdate;
      const at = await taskOf(taskId, contextId);
      const parts = artifact.parts.map(partWith);
      const own = { ...artifact, parts, metadata: theirs(artifact.metadata) };
      return { artifactUpdate: { ...at, ...rest, artifact: own, metadata: theirs(metadata) } };
    },
  };
}

interface At {
  readonly taskId?: string;
  readonly contextId: string | undefined;
}

function taskWith(task: Task, { taskId, contextId }: { taskId: string; contextId: string }): Task {
  const { status, artifacts, history, metadata } = task;
  const at = { taskId, contextId };
  return defined({
    id: taskId,
    contextId,
    status: statusWith(status, at),
    artifacts: artifacts?.map((one) => ({ ...one, parts: one.parts.map(partWith), metadata: theirs(one.metadata) })),
    history: history?.map((one) => messageWith(one, at)),
    metadata: theirs(metadata),
  });
}

function statusWith(status: TaskStatus, at: At): TaskStatus {
  return defined({ ...status, message: status.message && messageWith(status.message, at) });
}

// Tasks that a message refers to are others of the agent's, which nobody here knows by these ids.
function messageWith({ messageId, role, parts, metadata }: Message, { taskId, contextId }: At): Message {
  return defined({ messageId, role, parts: parts.map(partWith), taskId, contextId, metadata: theirs(metadata) });
}

function partWith(part: Part): Part {
  return part.metadata === undefined ? part : defined({ ...part, metadata: theirs(part.metadata) });
}

/** What the gateway itself says beside a message, nobody else says. */
function theirs(metadata: Metadata | undefined): Metadata | undefined {
  if (metadata === undefined || !Object.keys(metadata).some((key) => key.startsWith(OURS))) return metadata;
  return Object.fromEntries(Object.entries(metadata).filter(([key]) => !key.startsWith(OURS)));
}

function another(what: string): GatewayError {
  return new GatewayError('upstream_invalid', `The agent answered about another ${what} than it was asked about.`);
}
