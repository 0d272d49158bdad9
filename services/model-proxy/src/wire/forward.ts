import { isObject } from '../chat/json.ts';
import type { JsonObject, Message } from '../chat/message.ts';
import type { FunctionTool, Tool } from '../chat/tools.ts';

/** What the gateway changes in a request that stays in its dialect; everything that is absent stays as it is. */
export interface RequestChanges {
  /** The model's name at the provider. */
  model?: string;
  stream?: boolean;
  /** Asks an OpenAI stream for usage; Anthropic's streams carry it always. */
  streamUsage?: boolean;
  /** The limit of output tokens, under the field that the body uses already or that `maxTokensField` names. */
  maxTokens?: number;
  maxTokensField?: 'max_tokens' | 'max_completion_tokens';
  /** False takes the tool out, from `tools` or from the field that declares it. */
  keepTool?: (tool: Tool) => boolean;
  /** Tools that the gateway runs. */
  addTools?: readonly FunctionTool[];
  /** Instruction text put before all other. */
  prependSystem?: readonly string[];
  /** Instruction text put behind the client's own. */
  appendSystem?: readonly string[];
  /** Parameters of this dialect laid over the body's. */
  fields?: JsonObject;
  /** Where Anthropic's prompts are marked to be kept at the provider. */
  cacheMarks?: { readonly ttl: '5m' | '1h' };
  /** New texts of tool results by call id; their other blocks go. */
  toolResults?: ReadonlyMap<string, string>;
  /** Citations that the provider of the dialect did not make are taken out. */
  sealedOnly?: true;
  /** Messages put at the end: the gateway's own rounds with the model. */
  appendMessages?: readonly Message[];
}

/** True where nothing but top-level scalars changes, so that `spliceBody` can do it. */
export function isScalarChange(changes: RequestChanges): boolean {
  return Object.keys(changes).every((change) => change === 'model' || change === 'streamUsage');
}

/** Lays fields over a body; of those named in `merged` only what they say, of the others the whole value. */
export function layFields(forwarded: JsonObject, fields: JsonObject | undefined, merged: readonly string[] = []): void {
  for (const [name, value] of Object.entries(fields ?? {})) {
    const own = forwarded[name];
    forwarded[name] = merged.includes(name) && isObject(own) && isObject(value) ? { ...own, ...value } : value;
  }
}

/** A copy of an object without some fields. */
export function without(body: JsonObject, fields: readonly string[]): JsonObject {
  const copy = { ...body };
  for (const field of fields) delete copy[field];
  return copy;
}
