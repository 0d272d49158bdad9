import type { JsonValue } from '@sallyport/turn';
import { isObject } from '../downstream/message.ts';
import {
  type Artifact,
  defined,
  isAtRest,
  type Message,
  type Part,
  type Reply,
  type Task,
  type TaskStatus,
} from './forms.ts';

// Revision 0.3 of A2A tells kinds of things by a member `kind`, roles and states in small letters, and files by an object.

type Json = Record<string, unknown>;

/** A member that says of a data part that its value was no object (as the official SDK does between the revisions). */
const WRAPPED = 'data_part_compat';

/** A message of revision 0.3 in the form of 1.0, not yet validated. */
export function messageFromOlder(value: unknown): unknown {
  if (!isObject(value)) return value;
  const { kind, role, parts, ...rest } = value;
  return {
    ...rest,
    role: role === 'agent' ? 'ROLE_AGENT' : role === 'user' ? 'ROLE_USER' : role,
    parts: partsFrom(parts),
  };
}

/** An answer or event of revision 0.3 in the form of 1.0, not yet validated. */
export function replyFromOlder(value: unknown): unknown {
  if (!isObject(value)) return value;
  const { kind } = value;
  if (kind === 'message') return { message: messageFromOlder(value) };
  if (kind === 'task') return { task: taskFromOlder(value) };
  if (kind === 'status-update') return { statusUpdate: { ...value, status: statusFrom(value.status) } };
  if (kind === 'artifact-update') return { artifactUpdate: { ...value, artifact: artifactFrom(value.artifact) } };
  return undefined;
}

/** A task of revision 0.3 in the form of 1.0, not yet validated. */
export function taskFromOlder(value: unknown): unknown {
  if (!isObject(value)) return value;
  const { artifacts, history, status } = value;
  return {
    ...value,
    status: statusFrom(status),
    artifacts: Array.isArray(artifacts) ? artifacts.map(artifactFrom) : artifacts,
    history: Array.isArray(history) ? history.map(messageFromOlder) : history,
  };
}

function artifactFrom(value: unknown): unknown {
  return isObject(value) ? { ...value, parts: partsFrom(value.parts) } : value;
}

function statusFrom(value: unknown): unknown {
  if (!isObject(value)) return value;
  const state = typeof value.state === 'string' ? `TASK_STATE_${value.state.toUpperCase().replaceAll('-', '_')}` : '';
  return { ...value, state, message: isObject(value.message) ? messageFromOlder(value.message) : undefined };
}

function partsFrom(value: unknown): unknown {
  return Array.isArray(value) ? value.map(partFrom) : value;
}

function partFrom(value: unknown): unknown {
  if (!isObject(value)) return value;
  const { kind, text, file, data, metadata } = value;
  if (kind === 'text') return defined({ text, metadata });
  if (kind === 'file' && isObject(file)) {
    const { bytes, uri, mimeType, name } = file;
    return defined({
      ...(bytes === undefined ? { url: uri } : { raw: bytes }),
      mediaType: mimeType,
      filename: name,
      metadata,
    });
  }
  if (kind !== 'data') return {};
  const wrapped = isObject(metadata) && metadata[WRAPPED] === true && isObject(data) && 'value' in data;
  if (!wrapped) return defined({ data, metadata });
  const { [WRAPPED]: _flag, ...rest } = metadata;
  return defined({ data: (data as Json).value, metadata: Object.keys(rest).length > 0 ? rest : undefined });
}

/** A message as revision 0.3 writes it. */
export function messageToOlder({ role, parts, ...rest }: Message): object {
  return {
    kind: 'message',
    ...defined(rest),
    role: role === 'ROLE_AGENT' ? 'agent' : 'user',
    parts: parts.map(partTo),
  };
}

/** A task as revision 0.3 writes it. */
export function taskToOlder({ status, artifacts, history, ...rest }: Task): object {
  return {
    kind: 'task',
    ...defined(rest),
    status: statusTo(status),
    ...(artifacts === undefined ? {} : { artifacts: artifacts.map(artifactTo) }),
    ...(history === undefined ? {} : { history: history.map(messageToOlder) }),
  };
}

/** An answer or event as revision 0.3 writes it. */
export function replyToOlder(reply: Reply): object {
  if ('task' in reply) return taskToOlder(reply.task);
  if ('message' in reply) return messageToOlder(reply.message);
  if ('statusUpdate' in reply) {
    const { status, ...rest } = reply.statusUpdate;
    return { kind: 'status-update', ...defined(rest), status: statusTo(status), final: isAtRest(status.state) };
  }
  const { artifact, ...rest } = reply.artifactUpdate;
  return { kind: 'artifact-update', ...defined(rest), artifact: artifactTo(artifact) };
}

function artifactTo({ parts, ...rest }: Artifact): object {
  return { ...defined(rest), parts: parts.map(partTo) };
}

function statusTo({ state, message, timestamp }: TaskStatus): object {
  const name = state === 'TASK_STATE_UNSPECIFIED' ? 'unknown' : state.slice('TASK_STATE_'.length);
  return defined({
    state: name.toLowerCase().replaceAll('_', '-'),
    message: message && messageToOlder(message),
    timestamp,
  });
}

function partTo({ text, raw, url, data, mediaType, filename, metadata }: Part): object {
  if (text !== undefined) return defined({ kind: 'text', text, metadata });
  if (raw !== undefined || url !== undefined) {
    const file = defined({ bytes: raw, uri: url, mimeType: mediaType, name: filename });
    return defined({ kind: 'file', file, metadata });
  }
  if (isObject(data)) return defined({ kind: 'data', data, metadata });
  return { kind: 'data', data: { value: data as JsonValue }, metadata: { ...metadata, [WRAPPED]: true } };
}
