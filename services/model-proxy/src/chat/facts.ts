import type { FrontDialect, JsonObject } from './message.ts';
import type { Tool } from './tools.ts';

/** The place of a block in a body: `message` −1 is Anthropic's `system`, `block` −1 a content that is one string. */
export interface Place {
  message: number;
  block: number;
}

/** One text block by role, as claimed by the client. */
export interface TextFact extends Place {
  role: 'system' | 'developer' | 'user' | 'assistant';
  text: string;
  /** Who wrote it, as the client claims, where several people write. */
  author?: string;
}

/**
 * A picture, document or sound; `url` is set where the provider would fetch it, `fileId` where it is stored there,
 * `text` where the document is given as text.
 */
export interface AttachmentFact extends Place {
  kind: 'image' | 'file' | 'audio' | 'other';
  url?: string;
  fileId?: string;
  text?: string;
}

/** A result that the client brings for the call `callId`; texts in order. */
export interface ToolResultFact extends Place {
  callId: string;
  texts: string[];
  attachments: AttachmentFact[];
  isError: boolean;
}

/** A call that the client says the model made; `arguments` is JSON text or, in Anthropic's dialect, the parsed value. */
export interface ToolCallFact extends Place {
  id: string;
  name: string;
  arguments: string | JsonObject;
}

/** An assistant message of the history, to be compared with what this trajectory released. */
export interface AssistantFact {
  message: number;
  texts: string[];
  toolCalls: ToolCallFact[];
  reasoning: string[];
  /** Blocks that only the dialect knows, such as results of provider-run tools. */
  opaque: string[];
  /** It carries citations that the provider of its dialect did not make, and would refuse. */
  unsealed?: true;
}

/**
 * What the turn needs to know of a request, read in one pass without building the neutral model. Texts of assistant
 * messages and tool results stand in their own lists only.
 */
export interface RequestFacts {
  dialect: FrontDialect;
  model: string;
  stream: boolean;
  /** True where the client of an OpenAI stream asked for usage; always true for Anthropic, whose streams carry it. */
  streamUsage: boolean;
  /** Answers wanted. */
  n: number;
  maxTokens?: number;
  user?: string;
  messageCount: number;
  tools: Tool[];
  texts: TextFact[];
  attachments: AttachmentFact[];
  toolResults: ToolResultFact[];
  assistant: AssistantFact[];
  /** Top-level fields that name objects stored at the provider, such as a container or a cached content. */
  providerIds: { field: string; id: string }[];
}

/** The JSON pointer of a place, such as `/messages/2/content/0`. */
export function pointerOf(place: Place): string {
  const base = place.message < 0 ? '/system' : `/messages/${place.message}/content`;
  return place.block < 0 ? base : `${base}/${place.block}`;
}
