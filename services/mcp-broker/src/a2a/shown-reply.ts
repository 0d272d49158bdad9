import type { JsonValue, Label } from '@sallyport/turn';
import type { Shown } from '../invoke/shown.ts';
import type { Told } from './exchange.ts';
import type { Message, Metadata, Part, Reply, TaskStatus } from './forms.ts';

/** Member of the metadata of each part that says who may have written it. */
export const LABEL = 'sallyport.dev/label';

/**
 * What quarantine shows of a reply, as a reply: of the agent's own words nothing is in it but as data with handles. Ids and
 * state are the gateway's.
 */
export function maskedReply({ result }: Shown, { taskId, contextId, state }: Told): Reply {
  const data = (result.structuredContent ?? null) as JsonValue;
  const message: Message = {
    messageId: 'shown',
    role: 'ROLE_AGENT',
    parts: [{ data }],
    contextId,
    taskId,
    referenceTaskIds: undefined,
    metadata: undefined,
  };
  if (taskId === undefined || contextId === undefined) return { message };
  const status: TaskStatus = { state: state ?? 'TASK_STATE_UNSPECIFIED', message, timestamp: undefined };
  return { task: { id: taskId, contextId, status, artifacts: undefined, history: undefined, metadata: undefined } };
}

/** A reply that says of each of its parts that an outsider may have written it, where that is so. */
export function labelled(reply: Reply, label: Label | undefined): Reply {
  if (label?.integrity !== 'untrusted') return reply;
  const mark: Metadata = { [LABEL]: 'untrusted' };
  const ofParts = (parts: readonly Part[]) =>
    parts.map((part) => ({ ...part, metadata: { ...part.metadata, ...mark } }));
  const ofMessage = (message: Message): Message => ({ ...message, parts: ofParts(message.parts) });
  const ofStatus = (status: TaskStatus): TaskStatus =>
    status.message === undefined ? status : { ...status, message: ofMessage(status.message) };
  if ('message' in reply) return { message: ofMessage(reply.message) };
  if ('statusUpdate' in reply)
    return { statusUpdate: { ...reply.statusUpdate, status: ofStatus(reply.statusUpdate.status) } };
  if ('artifactUpdate' in reply) {
    const { artifact } = reply.artifactUpdate;
    return { artifactUpdate: { ...reply.artifactUpdate, artifact: { ...artifact, parts: ofParts(artifact.parts) } } };
  }
  const { task } = reply;
  return {
    task: {
      ...task,
      status: ofStatus(task.status),
      artifacts: task.artifacts?.map((one) => ({ ...one, parts: ofParts(one.parts) })),
      // What the client itself said comes back in it, but from the agent all the same.
      history: task.history?.map(ofMessage),
    },
  };
}
