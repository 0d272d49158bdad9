import { DecodeError } from '../../chat/failure.ts';
import { asNumber, asObject, asString, isObject, otherFields } from '../../chat/json.ts';
import type { JsonObject } from '../../chat/message.ts';
import type { ChatRequest, Encoded, ResponseFormat, Sampling, Unsupported } from '../../chat/request.ts';
import { adaptBody, type Differences } from './differences.ts';
import { decodeMessages, encodeMessages, type MessageQuirks } from './messages.ts';
import { effortOf, readReasoning, reasoningFields, unsaidReasoning } from './reasoning.ts';
import { decodeToolChoice, decodeTools, encodeToolChoice, encodeTools, TOOL_FIELDS } from './tools.ts';

/** How a provider of this dialect differs from OpenAI; absent flags are OpenAI's own behaviour. */
export interface OpenAiChatQuirks extends MessageQuirks {
  /** The field for the token limit. */
  maxTokensField?: 'max_tokens' | 'max_completion_tokens';
  /** The provider takes `top_k`. */
  topK?: boolean;
  /** What it takes otherwise than OpenAI; absent: nothing. */
  differs?: Differences;
}

const numbers = {
  temperature: 'temperature',
  topP: 'top_p',
  topK: 'top_k',
  frequencyPenalty: 'frequency_penalty',
  presencePenalty: 'presence_penalty',
  seed: 'seed',
  n: 'n',
  topLogprobs: 'top_logprobs',
} as const satisfies Partial<Record<keyof Sampling, string>>;
/** The fields of this dialect, by their names in the neutral model. */
const neutralNames: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Object.entries(numbers).map(([neutral, field]) => [field, `sampling.${neutral}`])),
  logprobs: 'sampling.logprobs',
  logit_bias: 'sampling.logitBias',
  tool_choice: 'toolChoice',
  parallel_tool_calls: 'parallelToolCalls',
  response_format: 'responseFormat',
};
const numberEntries = Object.entries(numbers) as [keyof typeof numbers, string][];

const known = new Set([
  ...Object.values(numbers),
  ...TOOL_FIELDS,
  'model',
  'messages',
  'tool_choice',
  'parallel_tool_calls',
  'max_tokens',
  'max_completion_tokens',
  'logprobs',
  'logit_bias',
  'stop',
  'response_format',
  'reasoning_effort',
  'stream',
  'stream_options',
  'user',
  'metadata',
]);

/** Fields of this dialect that do not change the answer's content and may be left out for another dialect. */
export const ignorableFields: ReadonlySet<string> = new Set([
  'store',
  'service_tier',
  'prompt_cache_key',
  'prompt_cache_retention',
  'prompt_cache_options',
  'safety_identifier',
  'stream_options',
  'labels',
]);

/** Reads a chat completion request. DecodeError names the path of what is wrong. */
export function decodeRequest(body: JsonObject): ChatRequest {
  const model = asString(body.model);
  if (!model) throw new DecodeError('wrong_shape', 'model', 'must be a non-empty string');
  const { system, messages } = decodeMessages(body.messages);
  const request: ChatRequest = {
    model,
    system,
    messages,
    tools: decodeTools(body),
    sampling: decodeSampling(body),
    stream: body.stream === true,
  };
  const toolChoice = decodeToolChoice(body.tool_choice);
  if (toolChoice) request.toolChoice = toolChoice;
  if (typeof body.parallel_tool_calls === 'boolean') request.parallelToolCalls = body.parallel_tool_calls;
  const stop = body.stop;
  if (typeof stop === 'string') request.stop = [stop];
  else if (Array.isArray(stop)) request.stop = stop.filter((entry) => typeof entry === 'string');
  const format = decodeFormat(body.response_format);
  if (format) request.responseFormat = format;
  const { wish, unsaid } = readReasoning(body);
  if (Object.keys(wish).length > 0) request.reasoning = wish;
  const options = asObject(body.stream_options);
  if (typeof options?.include_usage === 'boolean') request.streamUsage = options.include_usage;
  const user = asString(body.user);
  if (user !== undefined) request.user = user;
  const metadata = asObject(body.metadata);
  if (metadata) request.metadata = Object.fromEntries(stringEntries(metadata));
  const other = otherFields(body, known) ?? {};
  const otherOptions = options && otherFields(options, new Set(['include_usage']));
  if (otherOptions) other.stream_options = otherOptions;
  if (body.reasoning === null || isObject(body.reasoning)) delete other.reasoning;
  // By its path, so that what is refused or dropped is the member alone.
  for (const path of unsaid) other[path] = true;
  if (Object.keys(other).length > 0) request.extra = { 'openai-chat': other };
  return request;
}

function stringEntries(map: JsonObject): [string, string][] {
  return Object.entries(map).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
}

function decodeSampling(body: JsonObject): Sampling {
  const sampling: Sampling = {};
  const maxTokens = asNumber(body.max_completion_tokens) ?? asNumber(body.max_tokens);
  if (maxTokens !== undefined) sampling.maxTokens = maxTokens;
  for (const [neutral, field] of numberEntries) {
    const value = asNumber(body[field]);
    if (value !== undefined) sampling[neutral] = value;
  }
  if (typeof body.logprobs === 'boolean') sampling.logprobs = body.logprobs;
  const bias = asObject(body.logit_bias);
  if (bias) {
    const entries = Object.entries(bias).filter((entry): entry is [string, number] => typeof entry[1] === 'number');
    sampling.logitBias = Object.fromEntries(entries);
  }
  return sampling;
}

function decodeFormat(value: unknown): ResponseFormat | undefined {
  const format = asObject(value);
  switch (format?.type) {
    case 'text':
    case 'json_object':
      return { type: format.type };
    case 'json_schema': {
      const definition = asObject(format.json_schema);
      const schema = definition?.schema;
      if (!definition || !isObject(schema)) {
        throw new DecodeError('wrong_shape', 'response_format.json_schema.schema', 'must be an object');
      }
      const name = asString(definition.name);
      const description = asString(definition.description);
      const strict = definition.strict;
      return {
        type: 'json_schema',
        schema,
        ...(name === undefined ? {} : { name }),
        ...(description === undefined ? {} : { description }),
        ...(typeof strict === 'boolean' ? { strict } : {}),
      };
    }
    case undefined:
      if (value === undefined || value === null) return undefined;
      break;
  }
  throw new DecodeError('wrong_shape', 'response_format.type', 'must be text, json_object or json_schema');
}

function encodeFormat(format: ResponseFormat): JsonObject {
  if (format.type !== 'json_schema') return { type: format.type };
  const { type, name = 'answer', ...definition } = format;
  return { type, json_schema: { name, ...definition } };
}

/** Writes a chat completion request. */
export function encodeRequest(request: ChatRequest, quirks: OpenAiChatQuirks = {}): Encoded<JsonObject> {
  const unsupported: Unsupported[] = [];
  const adjusted: Unsupported[] = [];
  const messages = encodeMessages(request.system, request.messages, quirks, unsupported);
  const body: JsonObject = { model: request.model, messages };
  noteLosses(request, quirks, adjusted, unsupported);

  const { tools, fields } = encodeTools(request.tools, unsupported);
  if (tools.length > 0) body.tools = tools;
  Object.assign(body, fields);
  if (request.toolChoice) body.tool_choice = encodeToolChoice(request.toolChoice);
  if (request.parallelToolCalls !== undefined) body.parallel_tool_calls = request.parallelToolCalls;

  const { sampling } = request;
  if (sampling.maxTokens !== undefined) body[quirks.maxTokensField ?? 'max_completion_tokens'] = sampling.maxTokens;
  for (const [neutral, field] of numberEntries) {
    const value = sampling[neutral];
    if (value === undefined) continue;
    if (neutral === 'topK' && !quirks.topK)
      unsupported.push({ field: 'sampling.topK', reason: 'OpenAI chat has no top_k' });
    else body[field] = value;
  }
  if (sampling.logprobs !== undefined) body.logprobs = sampling.logprobs;
  if (sampling.logitBias) body.logit_bias = sampling.logitBias;
  if (request.stop) body.stop = request.stop;
  if (request.responseFormat) body.response_format = encodeFormat(request.responseFormat);
  const reasoning = quirks.differs?.reasoning;
  if (reasoning === undefined) {
    const effort = encodeEffort(request, adjusted);
    if (effort !== undefined) body.reasoning_effort = effort;
  } else if (request.reasoning) {
    Object.assign(body, reasoningFields(reasoning, request.reasoning));
    const unsaid = unsaidReasoning(reasoning, request.reasoning);
    if (unsaid) adjusted.push({ field: `reasoning.${unsaid}`, reason: 'the provider takes reasoning on or off only' });
  }
  if (request.user !== undefined) body.user = request.user;
  if (request.metadata) body.metadata = request.metadata;
  Object.assign(body, request.extra?.['openai-chat']);
  if (request.stream) body.stream = true;
  // Without a stream the options of one are refused.
  if (request.stream && request.streamUsage !== undefined) {
    body.stream_options = { ...asObject(body.stream_options), include_usage: request.streamUsage };
  }
  if (quirks.differs === undefined) return { body, unsupported, adjusted };
  const adapted = adaptBody(body, quirks.differs);
  const neutral = (field: string) => (Object.hasOwn(neutralNames, field) ? neutralNames[field] : undefined) ?? field;
  const lacking = adapted.unsupported.map(({ field, reason }) => ({ field: neutral(field), reason }));
  return { body: adapted.body, unsupported: [...unsupported, ...lacking], adjusted };
}

/** Says a request's wish for reasoning as an effort. */
export function encodeEffort({ reasoning: wish }: ChatRequest, adjusted: Unsupported[]): string | undefined {
  if (!wish) return undefined;
  if (wish.mode !== 'disabled' && wish.effort === undefined && wish.budgetTokens !== undefined) {
    adjusted.push({ field: 'reasoning.budgetTokens', reason: 'said as an effort' });
  }
  return effortOf(wish);
}

/** Fields of other dialects that do not change the answer's content. */
const ignorableForeign = new Set([
  'labels',
  'service_tier',
  'context_management',
  'inference_geo',
  'cache_control',
  'diagnostics',
  'speed',
]);

function noteLosses(
  request: ChatRequest,
  quirks: OpenAiChatQuirks,
  adjusted: Unsupported[],
  unsupported: Unsupported[],
): void {
  for (const [index, message] of request.messages.entries()) {
    if (message.role === 'assistant' && !quirks.reasoningField && message.content.some((b) => b.type === 'reasoning')) {
      adjusted.push({ field: `messages[${index}].content`, reason: 'reasoning of earlier turns is left out' });
    }
    if (message.role === 'tool' && message.content.some((result) => result.isError)) {
      adjusted.push({ field: `messages[${index}].content`, reason: 'OpenAI chat does not mark failed tool results' });
    }
  }
  for (const dialect of ['openai-responses', 'anthropic-messages', 'gemini'] as const) {
    for (const field of Object.keys(request.extra?.[dialect] ?? {})) {
      const note = { field, reason: `exists in ${dialect} only` };
      (ignorableForeign.has(field) ? adjusted : unsupported).push(note);
    }
  }
}
