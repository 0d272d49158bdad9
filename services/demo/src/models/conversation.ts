/** A JSON Schema as it arrives in a request: an object of unknown depth. */
export type JsonSchema = { readonly [key: string]: unknown };

/** A tool call: `arguments` is the parsed object; unparsable arguments in a history arrive as `{}`. */
export interface ToolCall {
  readonly id: string;
  readonly name: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

/** One message of either wire, reduced to what a scripted model decides from. Images and files are left out. */
export interface Message {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  readonly text: string;
  /** Only on `assistant`. */
  readonly toolCalls?: readonly ToolCall[];
  /** Only on `tool`: which call this answers. */
  readonly toolCallId?: string;
  /** Only on `tool`: the wire's own failure mark (Anthropic `is_error`). */
  readonly isError?: boolean;
}

/** A tool that the caller offers, by the name the caller gave it. */
export interface OfferedTool {
  readonly name: string;
  readonly parameters: JsonSchema;
}

/** What a scripted model is shown: nothing else may influence its answer. */
export interface Conversation {
  readonly model: string;
  readonly messages: readonly Message[];
  readonly tools: readonly OfferedTool[];
  /** The JSON Schema the answer must follow, where the caller asked for structured output. */
  readonly answerSchema?: JsonSchema;
}

/** What a scripted model answers: text, calls, or both. Call ids are given by the wire. */
export interface Reply {
  readonly text: string;
  readonly toolCalls: readonly { readonly name: string; readonly arguments: Readonly<Record<string, unknown>> }[];
}

/** A scripted model: a pure function of the conversation. */
export type ScriptedModel = (conversation: Conversation) => Reply;

/** Returns a reply of text alone. */
export function say(text: string): Reply {
  return { text, toolCalls: [] };
}

/** Returns the text of the last message that a user wrote, or an empty string. */
export function lastUserText(messages: readonly Message[]): string {
  return messages.findLast((message) => message.role === 'user')?.text ?? '';
}

/** Returns the messages after the last user message: what this turn has done so far. */
export function sinceLastUser(messages: readonly Message[]): readonly Message[] {
  return messages.slice(messages.findLastIndex((message) => message.role === 'user') + 1);
}

/** A call together with its answer, as far as one has come back. */
export interface AnsweredCall {
  readonly call: ToolCall;
  readonly result: Message | undefined;
}

/** Pairs each tool call in `messages` with its result, in the order of the calls. */
export function answeredCalls(messages: readonly Message[]): AnsweredCall[] {
  return messages
    .flatMap((message) => message.toolCalls ?? [])
    .map((call) => ({
      call,
      result: messages.find((message) => message.role === 'tool' && message.toolCallId === call.id),
    }));
}

/**
 * Returns the name under which the caller offers `plain`, or undefined when it does not.
 * Gateways prefix tools by their server: `mailbox__list_mails`, `mailbox-list_mails` and `list_mails` are the same.
 */
export function offeredName(tools: readonly OfferedTool[], plain: string): string | undefined {
  return tools.find((tool) => plainName(tool.name) === plain)?.name;
}

/** Strips the server prefix from a tool name: `mailbox__list_mails` becomes `list_mails`. */
export function plainName(name: string): string {
  return /(?:__|[-.:/])([^-.:/]+)$/.exec(name)?.[1] ?? name;
}
