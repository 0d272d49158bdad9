import { DecodeError } from '../../chat/failure.ts';
import { asArray, asNumber, asObject, asString, isObject, otherFields } from '../../chat/json.ts';
import type { JsonObject } from '../../chat/message.ts';
import type { ChatRequest, Encoded, ResponseFormat, Sampling } from '../../chat/request.ts';
import { encodeEffort, ignorableFields } from '../openai-chat/request.ts';
import { decodeInput } from './items.ts';
import { encodeMessages, encodeSystem, type Notes } from './items-encode.ts';
import { decodeToolChoice, decodeTools, encodeToolChoice, encodeTools } from './tools.ts';

/** How a provider of this dialect differs from others; absent: it keeps nothing and encrypts no reasoning. */
export interface OpenAiResponsesQuirks {
  /** The provider may keep what the client asks it to. Otherwise it is told to keep nothing: the state is the gateway's. */
  keeps?: true;
  /** Tells by its name that a model gives its reasoning in encrypted form, which has to be asked for. */
  encryptsReasoning?: (model: string) => boolean;
}

/** The wish for reasoning in encrypted form, without which a provider that keeps nothing forgets it. */
export const ENCRYPTED_REASONING = 'reasoning.encrypted_content';

/** The wish for the odds of the tokens of an answer's text. */
export const INCLUDED_ODDS = 'message.output_text.logprobs';

/** Fields that say where state is kept, or how the answer comes: what a gateway does itself. */
const own = [
  'previous_response_id',
  'conversation',
  'background',
  'store',
  'stream_options',
  'include',
  // Of tools that the provider runs; it is left with them.
  'max_tool_calls',
] as const;

/** Fields that chat completions have as well, under the same names. */
const shared = [
  'service_tier',
  'prompt_cache_key',
  'prompt_cache_retention',
  'prompt_cache_options',
  'safety_identifier',
];

const known = new Set([
  ...own,
  ...shared,
  'model',
  'input',
  'instructions',
  'tools',
  'tool_choice',
  'parallel_tool_calls',
  'max_output_tokens',
  'temperature',
  'top_p',
  'top_logprobs',
  'reasoning',
  'text',
  'stream',
  'user',
  'metadata',
]);

/** Reads a request whose input holds its whole context. DecodeError names the path of what is wrong. */
export function decodeRequest(body: JsonObject): ChatRequest {
  const model = asString(body.model);
  if (!model) throw new DecodeError('wrong_shape', 'model', 'must be a non-empty string');
  const { system, messages } = decodeInput(body.input);
  const instructions = asString(body.instructions);
  if (instructions) system.unshift({ type: 'text', text: instructions });
  const request: ChatRequest = {
    model,
    system,
    messages,
    tools: decodeTools(body.tools),
    sampling: decodeSampling(body),
    stream: body.stream === true,
  };
  const toolChoice = decodeToolChoice(body.tool_choice);
  if (toolChoice) request.toolChoice = toolChoice;
  if (typeof body.parallel_tool_calls === 'boolean') request.parallelToolCalls = body.parallel_tool_calls;
  const text = asObject(body.text);
  const format = decodeFormat(text?.format);
  if (format) request.responseFormat = format;
  const effort = asString(asObject(body.reasoning)?.effort);
  if (effort !== undefined) request.reasoning = effort === 'none' ? { mode: 'disabled' } : { effort };
  const user = asString(body.user);
  if (user !== undefined) request.user = user;
  const metadata = asObject(body.metadata);
  if (metadata) {
    const entries = Object.entries(metadata).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
    if (entries.length > 0) request.metadata = Object.fromEntries(entries);
  }
  Object.assign(request, extraOf(body, text));
  return request;
}

function extraOf(body: JsonObject, text: JsonObject | undefined): Pick<ChatRequest, 'extra'> {
  const chat: JsonObject = {};
  for (const field of shared) if (body[field] !== undefined && body[field] !== null) chat[field] = body[field];
  if (text?.verbosity !== undefined && text.verbosity !== null) chat.verbosity = text.verbosity;
  const rest = { ...otherFields(body, known) };
  // What asks for the usual, or for nothing.
  for (const field of Object.keys(rest)) if (rest[field] === null) delete rest[field];
  if (rest.truncation === 'disabled') delete rest.truncation;
  const extra = {
    ...(Object.keys(chat).length > 0 ? { 'openai-chat': chat } : {}),
    ...(Object.keys(rest).length > 0 ? { 'openai-responses': rest } : {}),
  };
  return Object.keys(extra).length > 0 ? { extra } : {};
}

function decodeSampling(body: JsonObject): Sampling {
  const sampling: Sampling = {};
  const numbers = { maxTokens: body.max_output_tokens, temperature: body.temperature, topP: body.top_p };
  for (const [field, value] of Object.entries(numbers) as [keyof typeof numbers, unknown][]) {
    const number = asNumber(value);
    if (number !== undefined) sampling[field] = number;
  }
  const logprobs = asNumber(body.top_logprobs);
  if (logprobs) sampling.topLogprobs = logprobs;
  if (logprobs || asArray(body.include).includes(INCLUDED_ODDS)) sampling.logprobs = true;
  return sampling;
}

function decodeFormat(value: unknown): ResponseFormat | undefined {
  if (value === undefined || value === null) return undefined;
  const format = asObject(value);
  switch (format?.type) {
    case 'text':
      return undefined;
    case 'json_object':
      return { type: 'json_object' };
    case 'json_schema': {
      const { schema, strict } = format;
      if (!isObject(schema)) throw new DecodeError('wrong_shape', 'text.format.schema', 'must be an object');
      const name = asString(format.name);
      const description = asString(format.description);
      return {
        type: 'json_schema',
        schema,
        ...(name === undefined ? {} : { name }),
        ...(description === undefined ? {} : { description }),
        ...(typeof strict === 'boolean' ? { strict } : {}),
      };
    }
    default:
      throw new DecodeError('wrong_shape', 'text.format.type', 'must be text, json_object or json_schema');
  }
}

function encodeFormat(format: ResponseFormat): JsonObject {
  if (format.type !== 'json_schema') return { type: format.type };
  const { type, name = 'answer', strict = false, ...definition } = format;
  return { type, name, strict, ...definition };
}

/** Writes a request that holds its whole context. */
export function encodeRequest(request: ChatRequest, quirks: OpenAiResponsesQuirks = {}): Encoded<JsonObject> {
  const notes: Notes = { unsupported: [], adjusted: [] };
  const [first, ...more] = request.system;
  const isPlain = first !== undefined && first.authority === undefined;
  const body: JsonObject = {
    model: request.model,
    ...(isPlain ? { instructions: first.text } : {}),
    input: [...encodeSystem(isPlain ? more : request.system), ...encodeMessages(request.messages, notes)],
    store: false,
  };
  noteLosses(request, notes);

  const tools = encodeTools(request.tools, notes.unsupported);
  if (tools.length > 0) body.tools = tools;
  if (request.toolChoice) body.tool_choice = encodeToolChoice(request.toolChoice, request.tools);
  if (request.parallelToolCalls !== undefined) body.parallel_tool_calls = request.parallelToolCalls;
  const { sampling } = request;
  if (sampling.maxTokens !== undefined) body.max_output_tokens = sampling.maxTokens;
  if (sampling.temperature !== undefined) body.temperature = sampling.temperature;
  if (sampling.topP !== undefined) body.top_p = sampling.topP;
  const chat = request.extra?.['openai-chat'] ?? {};
  const verbosity = chat.verbosity === undefined ? {} : { verbosity: chat.verbosity };
  const format = request.responseFormat ? { format: encodeFormat(request.responseFormat) } : {};
  if (Object.keys({ ...verbosity, ...format }).length > 0) body.text = { ...format, ...verbosity };
  const effort = encodeEffort(request, notes.adjusted);
  if (effort !== undefined) body.reasoning = { effort: request.reasoning?.effort === 'max' ? 'max' : effort };
  if (sampling.topLogprobs !== undefined) body.top_logprobs = sampling.topLogprobs;
  const include = [
    ...(quirks.encryptsReasoning?.(request.model) ? [ENCRYPTED_REASONING] : []),
    ...(sampling.logprobs ? [INCLUDED_ODDS] : []),
  ];
  if (include.length > 0) body.include = include;
  for (const field of shared) if (chat[field] !== undefined) body[field] = chat[field];
  if (request.user !== undefined) body.user = request.user;
  if (request.metadata) body.metadata = request.metadata;
  if (request.stream) body.stream = true;
  return { body, ...notes };
}

function noteLosses(request: ChatRequest, notes: Notes): void {
  const { sampling } = request;
  const lost: [string, boolean][] = [
    ['sampling.topK', sampling.topK !== undefined],
    ['sampling.seed', sampling.seed !== undefined],
    ['sampling.n', (sampling.n ?? 1) !== 1],
    ['sampling.frequencyPenalty', (sampling.frequencyPenalty ?? 0) !== 0],
    ['sampling.presencePenalty', (sampling.presencePenalty ?? 0) !== 0],
    ['sampling.logitBias', Object.keys(sampling.logitBias ?? {}).length > 0],
    ['stop', (request.stop?.length ?? 0) > 0],
  ];
  for (const [field, isLost] of lost) {
    if (isLost) notes.unsupported.push({ field, reason: 'OpenAI responses have no such parameter' });
  }
  for (const dialect of ['openai-chat', 'anthropic-messages', 'gemini'] as const) {
    for (const field of Object.keys(request.extra?.[dialect] ?? {})) {
      if (dialect === 'openai-chat' && (shared.includes(field) || field === 'verbosity')) continue;
      const isIgnorable = ignorableFields.has(field) || field === 'context_management' || field === 'cache_control';
      (isIgnorable ? notes.adjusted : notes.unsupported).push({ field, reason: `exists in ${dialect} only` });
    }
  }
}
