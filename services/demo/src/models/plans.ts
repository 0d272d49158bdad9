import { type Conversation, offeredName, type Reply } from './conversation.ts';
import { type Handle, isHandle, isRecord, nameHandle } from './results.ts';

/** What a plan sees of the turn so far: the values that each tool returned, by plain tool name. */
export type Results = ReadonlyMap<string, readonly unknown[]>;

/** The next calls of a plan, or undefined when there is nothing left to call. */
export type NextCalls = (conversation: Conversation, results: Results, request: string) => Reply | undefined;

/** Something the assistant knows how to do: when it applies to the user's request and how it goes on. */
export interface Plan {
  readonly applies: RegExp;
  /** The tool without which the plan cannot start. */
  readonly needs: string;
  readonly next: NextCalls;
}

/** How many mails are read in one go. */
const MAX_READ = 5;

const sendTo =
  /\bsend (?:an? )?(?:e-?mail|mail|message) to ([\w.+-]+@[\w.-]+\w)(?:,? (?:saying|with the text|that says) (.+))?/is;

/** The plans in the order in which they are tried. */
export const plans: readonly Plan[] = [
  {
    applies: sendTo,
    needs: 'send_mail',
    next: (conversation, results, request) => {
      const [, to, text] = sendTo.exec(request) ?? [];
      if (results.has('send_mail') || to === undefined) return undefined;
      return call(conversation, 'send_mail', [{ to, subject: 'A message for you', body: (text ?? 'Hello!').trim() }]);
    },
  },
  {
    applies: /\bdelete\b.*\bm\d+\b/is,
    needs: 'delete_mail',
    next: (conversation, results, request) =>
      results.has('delete_mail')
        ? undefined
        : call(conversation, 'delete_mail', [{ id: /\bm\d+\b/i.exec(request)?.[0] }]),
  },
  { applies: /\b(inbox|mailbox|e-?mails?|mails?)\b/i, needs: 'list_mails', next: readInbox },
  {
    applies: /\b(book|create|schedule|add)\b.*\b(meeting|event|appointment|call|lunch)\b/is,
    needs: 'create_event',
    next: (conversation, results, request) => {
      if (results.has('create_event')) return undefined;
      const slot = results.get('find_free_slot')?.[0];
      if (slot === undefined && offered(conversation, 'find_free_slot')) {
        return call(conversation, 'find_free_slot', [slotArguments(request)]);
      }
      const { day, minutes } = slotArguments(request);
      const fallback = {
        start: `${day}T09:00:00Z`,
        end: new Date(Date.parse(`${day}T09:00:00Z`) + minutes * 60_000).toISOString(),
      };
      const { start, end } = isRecord(slot) && 'start' in slot && 'end' in slot ? slot : fallback;
      const title = /\b(?:called|named|titled) ["“']?([^"”'.]+)/i.exec(request)?.[1]?.trim() ?? 'Meeting';
      return call(conversation, 'create_event', [{ title, start: argument(start), end: argument(end) }]);
    },
  },
  {
    applies: /\b(free|available|slot)\b/i,
    needs: 'find_free_slot',
    next: (conversation, results, request) =>
      results.has('find_free_slot') ? undefined : call(conversation, 'find_free_slot', [slotArguments(request)]),
  },
  {
    applies: /\b(calendar|events?|meetings?|appointments?|agenda)\b/i,
    needs: 'list_events',
    next: (conversation, results) => (results.has('list_events') ? undefined : call(conversation, 'list_events', [{}])),
  },
];

/** Lists, reads, and answers the sender where the user asked for a reply. */
function readInbox(conversation: Conversation, results: Results, request: string): Reply | undefined {
  const listed = results.get('list_mails');
  if (listed === undefined) {
    const unreadOnly = /\b(unread|new)\b/i.test(request);
    return {
      ...call(conversation, 'list_mails', [unreadOnly ? { unreadOnly } : {}]),
      text: 'Let me look at your inbox.',
    };
  }
  const ids = mailIds(listed).slice(0, MAX_READ);
  if (!results.has('read_mail') && ids.length > 0 && offered(conversation, 'read_mail')) {
    return call(
      conversation,
      'read_mail',
      ids.map((id) => ({ id: argument(id) })),
    );
  }
  if (!/\breply\b/i.test(request) || results.has('send_mail') || !offered(conversation, 'send_mail')) return undefined;
  const mails = [results.get('read_mail'), listed];
  // The mailbox says `from`; a typed answer about a mail may well say `sender`.
  const sender = mails.flatMap((found) => [field(found, 'from'), field(found, 'sender')]).find(Boolean);
  if (sender === undefined) return undefined;
  return call(conversation, 'send_mail', [
    { to: argument(sender), subject: 'Re: your mail', body: 'Thank you, I will get back to you.' },
  ]);
}

function slotArguments(request: string): { day: string; minutes: number } {
  const minutes = Number(/(\d+)\s*(?:-\s*)?min/i.exec(request)?.[1] ?? 60);
  return { day: /\d{4}-\d{2}-\d{2}/.exec(request)?.[0] ?? '2026-03-03', minutes: Math.min(480, Math.max(5, minutes)) };
}

function call({ tools }: Conversation, tool: string, batch: readonly Record<string, unknown>[]): Reply {
  return { text: '', toolCalls: batch.map((args) => ({ name: offeredName(tools, tool) ?? tool, arguments: args })) };
}

function offered({ tools }: Conversation, tool: string): boolean {
  return offeredName(tools, tool) !== undefined;
}

/** A value as it may stand in an argument: itself, or the name of its handle. */
function argument(value: unknown): unknown {
  return isHandle(value) ? nameHandle(value) : value;
}

/** The ids of everything in the results that has an `id`, in order; an id may be a handle. */
function mailIds(value: unknown): (string | Handle)[] {
  if (Array.isArray(value)) return value.flatMap(mailIds);
  if (!isRecord(value) || isHandle(value)) return [];
  const id = value.id;
  return typeof id === 'string' || isHandle(id) ? [id] : Object.values(value).flatMap(mailIds);
}

/** The first value of a field with this name, however deep. */
function field(value: unknown, name: string): unknown {
  if (Array.isArray(value)) return value.map((item) => field(item, name)).find((found) => found !== undefined);
  if (!isRecord(value) || isHandle(value)) return undefined;
  return value[name] ?? field(Object.values(value), name);
}
