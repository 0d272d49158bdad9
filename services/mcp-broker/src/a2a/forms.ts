import type { JsonValue } from '@sallyport/turn';
import { z } from 'zod';

// What is said over A2A, in the form of revision 1.0 (`a2a.proto` as JSON). Both planes and both revisions use this form in
// here; what it does not know is left behind, since nobody looked at it.

const MAX_PARTS = 1_000;
const MAX_MESSAGES = 1_000;
const MAX_ID = 256;

/** States of a task, by their names in revision 1.0. */
export const STATES = [
  'TASK_STATE_UNSPECIFIED',
  'TASK_STATE_SUBMITTED',
  'TASK_STATE_WORKING',
  'TASK_STATE_COMPLETED',
  'TASK_STATE_FAILED',
  'TASK_STATE_CANCELED',
  'TASK_STATE_INPUT_REQUIRED',
  'TASK_STATE_REJECTED',
  'TASK_STATE_AUTH_REQUIRED',
] as const;

/** A state of a task. */
export type TaskState = (typeof STATES)[number];

const MOVING = new Set<TaskState>(['TASK_STATE_UNSPECIFIED', 'TASK_STATE_SUBMITTED', 'TASK_STATE_WORKING']);

/** Whether an agent does nothing more about a task by itself: it ended, or waits for its client. */
export function isAtRest(state: TaskState): boolean {
  return !MOVING.has(state);
}

/** Absent and null are the same in JSON of protobuf; so is the text without characters. */
const maybe = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === null || value === '' ? undefined : value), schema.optional());
const id = z.string().min(1).max(MAX_ID);
const metadata = maybe(z.record(z.string(), z.json()));

const part = z
  .object({
    text: z.string().nullish(),
    raw: z.string().nullish(),
    url: z.string().nullish(),
    data: z.json().optional(),
    mediaType: maybe(z.string().max(256)),
    filename: maybe(z.string().max(1024)),
    metadata,
  })
  .transform(({ text, raw, url, data, ...rest }, context): Part => {
    const common = defined(rest);
    if (text != null) return { text, ...common };
    if (raw != null) return { raw, ...common };
    if (url != null) return { url, ...common };
    if (data !== undefined) return { data: data as JsonValue, ...common };
    context.addIssue({ code: 'custom', message: 'a part must have text, raw, url or data' });
    return z.NEVER;
  });

/** A piece of a message or an artifact: exactly one of `text`, `raw` (base64), `url` and `data`. */
export type Part = {
  readonly text?: string;
  readonly raw?: string;
  readonly url?: string;
  readonly data?: JsonValue;
  readonly mediaType?: string | undefined;
  readonly filename?: string | undefined;
  readonly metadata?: Metadata | undefined;
};

/** What is said beside. */
export type Metadata = Readonly<Record<string, JsonValue>>;

/** What somebody says. */
export const messageForm = z.object({
  messageId: z.string().max(MAX_ID).default(''),
  role: z.enum(['ROLE_USER', 'ROLE_AGENT']),
  parts: z.array(part).max(MAX_PARTS),
  contextId: maybe(id),
  taskId: maybe(id),
  referenceTaskIds: maybe(z.array(id).max(16)),
  metadata,
});

const artifactForm = z.object({
  artifactId: id,
  name: maybe(z.string()),
  description: maybe(z.string()),
  parts: z.array(part).max(MAX_PARTS),
  metadata,
});

const statusForm = z.object({
  state: z.enum(STATES).catch('TASK_STATE_UNSPECIFIED'),
  message: maybe(messageForm),
  timestamp: maybe(z.iso.datetime({ offset: true })),
});

/** What an agent works on. */
export const taskForm = z.object({
  id,
  contextId: id,
  status: statusForm,
  artifacts: maybe(z.array(artifactForm).max(MAX_MESSAGES)),
  history: maybe(z.array(messageForm).max(MAX_MESSAGES)),
  metadata,
});

/** What an agent answers, whole or as an event of a stream: exactly one of the members. */
export const replyForm = z.union([
  z.object({ task: taskForm }),
  z.object({ message: messageForm }),
  z.object({ statusUpdate: z.object({ taskId: id, contextId: id, status: statusForm, metadata }) }),
  z.object({
    artifactUpdate: z.object({
      taskId: id,
      contextId: id,
      artifact: artifactForm,
      append: maybe(z.boolean()),
      lastChunk: maybe(z.boolean()),
      metadata,
    }),
  }),
]);

/** A message. */
export type Message = z.output<typeof messageForm>;
/** A task. */
export type Task = z.output<typeof taskForm>;
/** An artifact. */
export type Artifact = z.output<typeof artifactForm>;
/** How a task stands. */
export type TaskStatus = z.output<typeof statusForm>;
/** An answer or event. */
export type Reply = z.output<typeof replyForm>;

/** An object without the members that are undefined. */
export function defined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as T;
}
