import type { ChosenOdds } from './odds.ts';

/** A protocol in which clients speak to the gateway, a line each; providers speak it, too. */
export type FrontDialect = 'openai-chat' | 'openai-responses' | 'anthropic-messages' | 'gemini';

/** Every protocol that a chat turn can be written in: those, and a line for each that providers alone speak. */
export type Dialect = FrontDialect | 'bedrock-converse' | 'cohere' | 'ollama';

/** A JSON object as parsed; values are not validated. */
export type JsonObject = Record<string, unknown>;

/**
 * Fields of a dialect that the neutral model has no word for, by dialect and field name. They are written back when the
 * target speaks the same dialect, and reported when it does not.
 */
export type Extra = Partial<Record<Dialect, JsonObject>>;

/** Asks the provider to cache the prompt up to and including the block that carries it. */
export interface CacheMark {
  type: 'ephemeral';
  ttl?: '5m' | '1h';
}

/** Where the bytes of an image are. `base64` is the raw data without a `data:` prefix. */
export type ImageSource = { kind: 'url'; url: string } | { kind: 'base64'; mediaType: string; data: string };

/** Where the bytes of a file are; `id` names a file that was uploaded to the provider. */
export type FileSource =
  | { kind: 'url'; url: string }
  | { kind: 'base64'; mediaType: string; data: string }
  | { kind: 'text'; mediaType: string; text: string }
  | { kind: 'id'; id: string };

/** Plain text; `odds` are those of its tokens, in answers that were asked for them. */
export interface TextBlock {
  type: 'text';
  text: string;
  odds?: readonly ChosenOdds[];
  cache?: CacheMark;
  extra?: Extra;
}

/** A picture; `detail` is OpenAI's resolution wish. */
export interface ImageBlock {
  type: 'image';
  source: ImageSource;
  detail?: string;
  cache?: CacheMark;
  extra?: Extra;
}

/** A document such as a PDF. */
export interface FileBlock {
  type: 'file';
  source: FileSource;
  name?: string;
  cache?: CacheMark;
  extra?: Extra;
}

/**
 * A call that the model asks for. `arguments` is the JSON text as the model wrote it: it may be invalid, and an empty
 * string stands for no arguments. For `kind: 'custom'` it is free text. Its index among the calls is its order.
 */
export interface ToolCallBlock {
  type: 'toolCall';
  id: string;
  name: string;
  arguments: string;
  kind?: 'function' | 'custom';
  cache?: CacheMark;
  extra?: Extra;
}

/** What may stand inside a tool's result. */
export type ToolResultContent = TextBlock | ImageBlock | FileBlock | OpaqueBlock;

/** The answer to the call `callId`. */
export interface ToolResultBlock {
  type: 'toolResult';
  callId: string;
  content: ToolResultContent[];
  isError?: boolean;
  cache?: CacheMark;
  extra?: Extra;
}

/**
 * The model's reasoning. `signature` proves it to the provider that wrote it; `redacted` is the encrypted form, with
 * empty text, that must be sent back unchanged.
 */
export interface ReasoningBlock {
  type: 'reasoning';
  text: string;
  signature?: string;
  redacted?: string;
  extra?: Extra;
}

/** The model's own refusal to answer. */
export interface RefusalBlock {
  type: 'refusal';
  text: string;
}

/** A block that one dialect alone can say; `kind` is its type there, `value` the whole block. */
export interface OpaqueBlock {
  type: 'opaque';
  dialect: Dialect;
  kind: string;
  value: JsonObject;
}

/** What a user message holds, in order. */
export type UserContent = TextBlock | ImageBlock | FileBlock | OpaqueBlock;

/** What an assistant message or an answer holds, in order. */
export type AssistantContent = TextBlock | ReasoningBlock | ToolCallBlock | RefusalBlock | OpaqueBlock;

/** Any block of any message. */
export type ContentBlock = UserContent | AssistantContent | ToolResultBlock;

/** Instruction text; `authority` tells OpenAI's two roles apart and is absent for plain system text. */
export interface SystemBlock extends TextBlock {
  authority?: 'developer';
}

/** System text that stands between other messages; leading system text is in `ChatRequest.system`. */
export interface SystemMessage {
  role: 'system';
  content: SystemBlock[];
  extra?: Extra;
}

/** What the client says in the user's role. */
export interface UserMessage {
  role: 'user';
  content: UserContent[];
  name?: string;
  extra?: Extra;
}

/** What the client says that the model said. */
export interface AssistantMessage {
  role: 'assistant';
  content: AssistantContent[];
  name?: string;
  extra?: Extra;
}

/** Results of consecutive calls; a dialect may spread them over several messages or put them in the user's. */
export interface ToolMessage {
  role: 'tool';
  content: ToolResultBlock[];
  extra?: Extra;
}

/** One message of the conversation. */
export type Message = SystemMessage | UserMessage | AssistantMessage | ToolMessage;
