import type { Extra, JsonObject, Message, SystemBlock } from './message.ts';
import type { Tool, ToolChoice } from './tools.ts';

/** How the next token is chosen; absent means the provider's default. */
export interface Sampling {
  maxTokens?: number;
  temperature?: number;
  topP?: number;
  topK?: number;
  frequencyPenalty?: number;
  presencePenalty?: number;
  seed?: number;
  /** Number of answers wanted. */
  n?: number;
  logprobs?: boolean;
  topLogprobs?: number;
  logitBias?: Record<string, number>;
}

/** The form of the answer; `schema` is a JSON Schema. */
export type ResponseFormat =
  | { type: 'text' }
  | { type: 'json_object' }
  | { type: 'json_schema'; name?: string; description?: string; schema: JsonObject; strict?: boolean };

/** How much the model should reason before it answers. */
export interface ReasoningWish {
  mode?: 'enabled' | 'adaptive' | 'disabled';
  effort?: string;
  budgetTokens?: number;
}

/** One model call, in no dialect. Arrays are never absent; every other field is absent where the client said nothing. */
export interface ChatRequest {
  model: string;
  /** Leading instruction text, in order. */
  system: SystemBlock[];
  messages: Message[];
  tools: Tool[];
  toolChoice?: ToolChoice;
  parallelToolCalls?: boolean;
  sampling: Sampling;
  stop?: string[];
  responseFormat?: ResponseFormat;
  reasoning?: ReasoningWish;
  stream: boolean;
  /** The client wants usage at the end of the stream (OpenAI `stream_options.include_usage`). */
  streamUsage?: boolean;
  /** The end user as the client names them; attributes cost at most, never selects rights. */
  user?: string;
  metadata?: Record<string, string>;
  extra?: Extra;
}

/** A thing that could not be carried into a dialect: the path of the field in neutral terms and why. */
export interface Unsupported {
  field: string;
  reason: string;
}

/**
 * A request body in a dialect. `unsupported` lists what the target cannot say: the caller refuses before the call unless
 * it is told to drop those fields. `adjusted` lists what was said another way, or left out without changing the answer.
 */
export interface Encoded<Body> {
  body: Body;
  unsupported: Unsupported[];
  adjusted: Unsupported[];
}
