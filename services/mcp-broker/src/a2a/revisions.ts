import { z } from 'zod';
import { type Message, messageForm, type Reply, replyForm, type Task, taskForm } from './forms.ts';
import {
  messageFromOlder,
  messageToOlder,
  replyFromOlder,
  replyToOlder,
  taskFromOlder,
  taskToOlder,
} from './older-form.ts';

/** What a client asks for, whatever the revision calls it. */
export type Operation = 'send' | 'stream' | 'get' | 'cancel' | 'subscribe' | 'card' | 'list' | 'push';

/** How an answer to a message is wanted. */
export interface Wanted {
  readonly historyLength?: number | undefined;
  readonly returnImmediately?: boolean | undefined;
  readonly acceptedOutputModes?: readonly string[] | undefined;
}

/** One revision of A2A over JSON-RPC. All differences between them are behind this. */
export interface Revision {
  readonly version: '1.0' | '0.3';
  /** Names of methods. */
  readonly methods: Readonly<Record<string, Operation>>;
  readMessage(value: unknown): z.ZodSafeParseResult<Message>;
  /** How an answer is wanted, and whether notices to a URL of the client are. */
  readWanted(value: unknown): z.ZodSafeParseResult<Wanted & { readonly push: boolean }>;
  readReply(value: unknown): z.ZodSafeParseResult<Reply>;
  readTask(value: unknown): z.ZodSafeParseResult<Task>;
  writeMessage(message: Message): object;
  writeWanted(wanted: Wanted): object;
  writeReply(reply: Reply): object;
  writeTask(task: Task): object;
}

const length = z.int().min(0).max(1_000).nullish();
const modes = z.array(z.string().max(256)).max(64).nullish();

const wanted = z
  .object({
    historyLength: length,
    returnImmediately: z.boolean().nullish(),
    acceptedOutputModes: modes,
    taskPushNotificationConfig: z.unknown().optional(),
  })
  .default({})
  .transform(({ historyLength, returnImmediately, acceptedOutputModes, taskPushNotificationConfig }) => ({
    historyLength: historyLength ?? undefined,
    returnImmediately: returnImmediately ?? undefined,
    acceptedOutputModes: acceptedOutputModes?.length ? acceptedOutputModes : undefined,
    push: taskPushNotificationConfig != null,
  }));

const olderWanted = z
  .object({
    historyLength: length,
    blocking: z.boolean().nullish(),
    acceptedOutputModes: modes,
    pushNotificationConfig: z.unknown().optional(),
  })
  .default({})
  .transform(({ historyLength, blocking, acceptedOutputModes, pushNotificationConfig }) => ({
    historyLength: historyLength ?? undefined,
    returnImmediately: blocking === false ? true : undefined,
    acceptedOutputModes: acceptedOutputModes?.length ? acceptedOutputModes : undefined,
    push: pushNotificationConfig != null,
  }));

const newer: Revision = {
  version: '1.0',
  methods: {
    SendMessage: 'send',
    SendStreamingMessage: 'stream',
    GetTask: 'get',
    CancelTask: 'cancel',
    SubscribeToTask: 'subscribe',
    GetExtendedAgentCard: 'card',
    ListTasks: 'list',
    CreateTaskPushNotificationConfig: 'push',
    GetTaskPushNotificationConfig: 'push',
    ListTaskPushNotificationConfigs: 'push',
    DeleteTaskPushNotificationConfig: 'push',
  },
  readMessage: (value) => messageForm.safeParse(value),
  readWanted: (value) => wanted.safeParse(value ?? undefined),
  readReply: (value) => replyForm.safeParse(value),
  readTask: (value) => taskForm.safeParse(value),
  writeMessage: (message) => message,
  writeWanted: (one) => one,
  writeReply: (reply) => reply,
  writeTask: (task) => task,
};

const older: Revision = {
  version: '0.3',
  methods: {
    'message/send': 'send',
    'message/stream': 'stream',
    'tasks/get': 'get',
    'tasks/cancel': 'cancel',
    'tasks/resubscribe': 'subscribe',
    'agent/getAuthenticatedExtendedCard': 'card',
    'tasks/pushNotificationConfig/set': 'push',
    'tasks/pushNotificationConfig/get': 'push',
    'tasks/pushNotificationConfig/list': 'push',
    'tasks/pushNotificationConfig/delete': 'push',
  },
  readMessage: (value) => messageForm.safeParse(messageFromOlder(value)),
  readWanted: (value) => olderWanted.safeParse(value ?? undefined),
  readReply: (value) => replyForm.safeParse(replyFromOlder(value)),
  readTask: (value) => taskForm.safeParse(taskFromOlder(value)),
  writeMessage: messageToOlder,
  writeWanted: ({ returnImmediately, ...rest }) => ({ ...rest, blocking: returnImmediately !== true }),
  writeReply: replyToOlder,
  writeTask: taskToOlder,
};

/** The revisions that are spoken, newest first. */
export const REVISIONS: readonly Revision[] = [newer, older];

/** The revision that a version stands for, with or without a patch number; undefined where it is not spoken. */
export function revisionOf(version: string): Revision | undefined {
  return REVISIONS.find((one) => version === one.version || version.startsWith(`${one.version}.`));
}

/** The name of an operation in a revision. */
export function methodOf(revision: Revision, operation: Operation): string {
  return Object.entries(revision.methods).find(([, one]) => one === operation)?.[0] ?? '';
}

/** JSON-RPC error codes that A2A defines. */
export const CODES = {
  taskNotFound: -32_001,
  taskNotCancelable: -32_002,
  pushNotSupported: -32_003,
  unsupported: -32_004,
  contentType: -32_005,
  invalidAgent: -32_006,
  noExtendedCard: -32_007,
  versionNotSupported: -32_009,
} as const;
