import { DecodeError } from '../../chat/failure.ts';
import { asNumber, asObject, asString, isObject, otherFields } from '../../chat/json.ts';
import type { JsonObject, SystemBlock } from '../../chat/message.ts';
import type { ChatRequest, Encoded, ReasoningWish, ResponseFormat } from '../../chat/request.ts';
import { ignorableFields } from '../openai-chat/request.ts';
import { encodeContent, type Notes } from './content-encode.ts';
import { decodeMessages, decodeSystem, encodeMessages } from './messages.ts';
import { encodeReasoning, type ReasoningStyle } from './reasoning.ts';
import { decodeToolChoice, decodeTools, encodeToolChoice, encodeTools } from './tools.ts';

/** How a provider of this dialect differs from Anthropic; absent flags are Anthropic's own behaviour. */
export interface AnthropicMessagesQuirks {
  /** Written as `max_tokens`, which the API demands, where the request has no limit; 4,096 where absent. */
  defaultMaxTokens?: number;
  /** The provider takes role `system` between messages; else such text moves to the front. */
  systemInMessages?: boolean;
  /** How a wish for reasoning effort is said to this model; `adaptive` where absent. */
  reasoning?: ReasoningStyle;
  /** Stands in the body as `anthropic_version`, and the path names the model; else a header says the version. */
  versionInBody?: string;
}

const known = new Set([
  'model',
  'system',
  'messages',
  'tools',
  'tool_choice',
  'max_tokens',
  'temperature',
  'top_p',
  'top_k',
  'stop_sequences',
  'thinking',
  'output_config',
  'stream',
  'metadata',
  'mcp_servers',
]);

/** Reads a messages request. DecodeError names the path of what is wrong. */
export function decodeRequest(body: JsonObject): ChatRequest {
  const model = asString(body.model);
  if (!model) throw new DecodeError('wrong_shape', 'model', 'must be a non-empty string');
  const request: ChatRequest = {
    model,
    system: decodeSystem(body.system),
    messages: decodeMessages(body.messages),
    tools: decodeTools(body),
    sampling: {},
    stream: body.stream === true,
    ...decodeToolChoice(body.tool_choice),
  };
  const { sampling } = request;
  const maxTokens = asNumber(body.max_tokens);
  if (maxTokens !== undefined) sampling.maxTokens = maxTokens;
  const temperature = asNumber(body.temperature);
  if (temperature !== undefined) sampling.temperature = temperature;
  const topP = asNumber(body.top_p);
  if (topP !== undefined) sampling.topP = topP;
  const topK = asNumber(body.top_k);
  if (topK !== undefined) sampling.topK = topK;
  const stop = body.stop_sequences;
  if (Array.isArray(stop)) request.stop = stop.filter((entry) => typeof entry === 'string');
  const other = otherFields(body, known) ?? {};
  decodeOutput(body, request, other);
  const metadata = asObject(body.metadata);
  const user = asString(metadata?.user_id);
  if (user !== undefined) request.user = user;
  if (asObject(other.container)?.skills) delete other.container;
  if (Object.keys(other).length > 0) request.extra = { 'anthropic-messages': other };
  return request;
}

function decodeOutput(body: JsonObject, request: ChatRequest, other: JsonObject): void {
  const wish: ReasoningWish = {};
  const thinking = asObject(body.thinking);
  switch (thinking?.type) {
    case 'enabled': {
      wish.mode = 'enabled';
      const budget = asNumber(thinking.budget_tokens);
      if (budget !== undefined) wish.budgetTokens = budget;
      break;
    }
    case 'adaptive':
    case 'disabled':
      wish.mode = thinking.type;
  }
  if (thinking && (wish.mode === undefined || 'display' in thinking)) other.thinking = thinking;
  const output = asObject(body.output_config);
  const effort = asString(output?.effort);
  if (effort !== undefined) wish.effort = effort;
  if (Object.keys(wish).length > 0) request.reasoning = wish;
  const format = decodeFormat(output?.format);
  if (format) request.responseFormat = format;
  const rest = output && otherFields(output, new Set(['effort', 'format']));
  if (rest) other.output_config = rest;
}

function decodeFormat(value: unknown): ResponseFormat | undefined {
  if (value === undefined || value === null) return undefined;
  const format = asObject(value);
  const schema = format?.schema;
  if (format?.type === 'json_schema' && isObject(schema)) return { type: 'json_schema', schema };
  throw new DecodeError('wrong_shape', 'output_config.format', 'must be of type json_schema with a schema');
}

/** Writes a messages request. */
export function encodeRequest(request: ChatRequest, quirks: AnthropicMessagesQuirks = {}): Encoded<JsonObject> {
  const notes: Notes = { unsupported: [], adjusted: [] };
  const { messages, hoisted } = encodeMessages(request.messages, quirks.systemInMessages === true, notes);
  const body: JsonObject = { model: request.model };
  const system: SystemBlock[] = [...request.system, ...hoisted];
  if (system.length > 0) body.system = encodeContent(system, 'system', notes);
  body.messages = messages;

  const { tools, fields } = encodeTools(request.tools, notes.unsupported);
  if (tools.length > 0) body.tools = tools;
  Object.assign(body, fields);
  const choice = encodeToolChoice(request.toolChoice, request.parallelToolCalls, notes.unsupported);
  // The API rejects a choice without tools; OpenAI's clients send one.
  if (choice && tools.length > 0) body.tool_choice = choice;

  const { sampling } = request;
  let maxTokens = sampling.maxTokens;
  if (maxTokens === undefined) {
    // What is reasoned counts, and a budget must stay below the limit.
    maxTokens = (quirks.defaultMaxTokens ?? 4096) + (request.reasoning?.budgetTokens ?? 0);
    notes.adjusted.push({ field: 'sampling.maxTokens', reason: `Anthropic demands a limit: ${maxTokens}` });
  }
  body.max_tokens = maxTokens;
  if (sampling.temperature !== undefined) body.temperature = sampling.temperature;
  if (sampling.topP !== undefined) body.top_p = sampling.topP;
  if (sampling.topK !== undefined) body.top_k = sampling.topK;
  if (request.stop) body.stop_sequences = request.stop;

  const output: JsonObject = { ...asObject(request.extra?.['anthropic-messages']?.output_config) };
  const reasoning = encodeReasoning(request.reasoning, quirks.reasoning ?? 'adaptive', maxTokens, notes.adjusted);
  if (reasoning.thinking) body.thinking = reasoning.thinking;
  if (reasoning.effort !== undefined) output.effort = reasoning.effort;
  if (request.responseFormat?.type === 'json_schema') {
    output.format = { type: 'json_schema', schema: request.responseFormat.schema };
  }
  if (request.user !== undefined) body.metadata = { user_id: request.user };
  Object.assign(body, request.extra?.['anthropic-messages']);
  if (Object.keys(output).length > 0) body.output_config = output;
  if (request.stream) body.stream = true;
  noteLosses(request, notes);
  return { body, ...notes };
}

/** Values that equal the default say nothing: many frameworks send them always. */
function noteLosses(request: ChatRequest, notes: Notes): void {
  const { sampling } = request;
  const lost: [string, boolean][] = [
    ['frequencyPenalty', (sampling.frequencyPenalty ?? 0) !== 0],
    ['presencePenalty', (sampling.presencePenalty ?? 0) !== 0],
    ['seed', sampling.seed !== undefined],
    ['n', (sampling.n ?? 1) !== 1],
    ['logprobs', sampling.logprobs === true],
    ['topLogprobs', (sampling.topLogprobs ?? 0) !== 0],
    ['logitBias', Object.keys(sampling.logitBias ?? {}).length > 0],
  ];
  for (const [name, isLost] of lost) {
    if (isLost) notes.unsupported.push({ field: `sampling.${name}`, reason: 'Anthropic has no such parameter' });
  }
  if ((sampling.temperature ?? 0) > 1) {
    notes.unsupported.push({ field: 'sampling.temperature', reason: 'Anthropic takes 0 to 1' });
  }
  if (request.responseFormat?.type === 'json_object') {
    notes.unsupported.push({ field: 'responseFormat', reason: 'Anthropic needs a schema for JSON answers' });
  }
  if (request.metadata) notes.adjusted.push({ field: 'metadata', reason: 'Anthropic keeps a user id only' });
  for (const dialect of ['openai-chat', 'openai-responses', 'gemini'] as const) {
    for (const field of Object.keys(request.extra?.[dialect] ?? {})) {
      const note = { field, reason: `exists in ${dialect} only` };
      (ignorableFields.has(field) ? notes.adjusted : notes.unsupported).push(note);
    }
  }
}
