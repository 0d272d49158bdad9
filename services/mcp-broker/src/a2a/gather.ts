import { GatewayError } from '@sallyport/chassis/errors';
import type { JsonObject } from '../catalog/definition.ts';
import type { ToolAnswer } from '../upstream/connection.ts';
import { type Artifact, defined, type Part, type Reply, type Task } from './forms.ts';

/** What the events of one stream come to: a task or a message. */
export interface Gathered {
  add(event: Reply): void;
  /** Undefined before the first event. */
  reply(): Reply | undefined;
}

/** Gathers the events of a stream, of which each is about the same task. */
export function gathered(): Gathered {
  let task: Task | undefined;
  let message: Reply | undefined;
  return {
    add(event) {
      if ('message' in event) {
        if (message !== undefined) throw new GatewayError('upstream_invalid', 'The agent answered with two messages.');
        message = event;
      } else if ('task' in event) {
        task = event.task;
      } else if ('statusUpdate' in event) {
        const { taskId, contextId, status } = event.statusUpdate;
        task = { ...(task ?? { id: taskId, contextId }), status };
      } else {
        const { taskId, contextId, artifact, append } = event.artifactUpdate;
        const before: Task = task ?? { id: taskId, contextId, status: { state: 'TASK_STATE_WORKING' } };
        task = { ...before, artifacts: withArtifact(before.artifacts ?? [], artifact, append === true) };
      }
    },
    reply: () => message ?? (task && { task }),
  };
}

function withArtifact(held: readonly Artifact[], artifact: Artifact, append: boolean): Artifact[] {
  const at = held.findIndex(({ artifactId }) => artifactId === artifact.artifactId);
  const known = held[at];
  if (known === undefined) return [...held, artifact];
  const next = append ? { ...known, parts: [...known.parts, ...artifact.parts] } : artifact;
  return held.with(at, next);
}

const FAILED = new Set(['TASK_STATE_FAILED', 'TASK_STATE_REJECTED']);

/** A reply as the result of a tool: its texts to be read, and all of it as structured content. */
export function answerOf(reply: Reply): ToolAnswer {
  const texts = partsOf(reply).flatMap(({ text }) => (text === undefined ? [] : [text]));
  const task = 'task' in reply ? reply.task : undefined;
  const told = task === undefined ? [] : [`Task ${task.id} of context ${task.contextId}: ${task.status.state}`];
  return {
    content: [...texts, ...told].map((text) => ({ type: 'text', text })),
    structuredContent: plain(reply),
    isError: task !== undefined && FAILED.has(task.status.state),
  };
}

function partsOf(reply: Reply): readonly Part[] {
  if ('message' in reply) return reply.message.parts;
  if ('statusUpdate' in reply) return reply.statusUpdate.status.message?.parts ?? [];
  if ('artifactUpdate' in reply) return reply.artifactUpdate.artifact.parts;
  const { artifacts = [], status } = reply.task;
  return [...artifacts.flatMap(({ parts }) => parts), ...(status.message?.parts ?? [])];
}

/** The same without members that are undefined, at any depth. */
function plain(reply: Reply): JsonObject {
  return defined(JSON.parse(JSON.stringify(reply)) as JsonObject);
}
