import { DecodeError } from '../../chat/failure.ts';
import { asString, isObject, otherFields } from '../../chat/json.ts';
import type { JsonObject } from '../../chat/message.ts';
import type { ChatRequest, Encoded } from '../../chat/request.ts';
import type { Tool, ToolChoice } from '../../chat/tools.ts';
import { ignorableFields } from '../openai-chat/request.ts';
import { decodeContents, decodeSystem } from './contents.ts';
import { field, objectField, spellings } from './field.ts';
import { decodeGeneration, encodeGeneration, type ThinkingStyle } from './generation.ts';
import { encodeContents, encodeParts, type Notes } from './parts-encode.ts';
import { decodeToolChoice, decodeTools, encodeToolChoice, encodeTools } from './tools.ts';

/** How models of this dialect differ; absent: told by the model's name. */
export interface GeminiQuirks {
  thinking?: ThinkingStyle;
  /** The model refuses a history of calls that carries no signature. */
  demandsSignatures?: boolean;
}

/**
 * Fields that stand in the path of the real API. Here the front puts them into the body, so that one parsed object says all
 * of a request, as in the other dialects; they never go upstream.
 */
export const PATH_FIELDS = ['model', 'stream'] as const;

const known = spellings('contents', 'systemInstruction', 'tools', 'toolConfig', 'generationConfig', ...PATH_FIELDS);

/** Reads a request of generateContent. DecodeError names the path of what is wrong. */
export function decodeRequest(body: JsonObject): ChatRequest {
  const model = asString(body.model);
  if (!model) throw new DecodeError('wrong_shape', 'model', 'must be a non-empty string');
  const request: ChatRequest = {
    model,
    system: decodeSystem(field(body, 'systemInstruction')),
    messages: decodeContents(body.contents),
    tools: decodeTools(body.tools),
    sampling: {},
    stream: body.stream === true,
  };
  const other = otherFields(body, known) ?? {};
  // LangChain always sends an empty list of them.
  for (const [name, value] of Object.entries(other)) if (Array.isArray(value) && value.length === 0) delete other[name];
  const toolConfig = field(body, 'toolConfig');
  const choice = decodeToolChoice(toolConfig);
  if (choice) request.toolChoice = unnarrowed(choice, request.tools);
  else if (isObject(toolConfig)) other.toolConfig = toolConfig;
  const config = decodeGeneration(objectField(body, 'generationConfig') ?? {}, request);
  if (config) other.generationConfig = config;
  if (Object.keys(other).length > 0) request.extra = { gemini: other };
  return request;
}

/** A choice that names every function that is offered narrows nothing. */
function unnarrowed(choice: ToolChoice, tools: readonly Tool[]): ToolChoice {
  if (choice.type !== 'allowed') return choice;
  if (choice.names.length !== tools.length) return choice;
  const isNamed = (tool: Tool): boolean => tool.type === 'function' && choice.names.includes(tool.name);
  return tools.every(isNamed) ? { type: 'required' } : choice;
}

/** True for the models from Gemini 3 on, which think by level and check signatures. */
function isRecent(model: string): boolean {
  return /(?:^|\/)gemini-(?:[3-9]|\d\d)/.test(model);
}

/** Writes a request of generateContent; the model and whether it streams stand in the path. */
export function encodeRequest(request: ChatRequest, quirks: GeminiQuirks = {}): Encoded<JsonObject> {
  const notes: Notes = { unsupported: [], adjusted: [] };
  const recent = isRecent(request.model);
  const { contents, hoisted } = encodeContents(request.messages, quirks.demandsSignatures ?? recent, notes);
  const body: JsonObject = { contents };
  const system = encodeParts([...request.system, ...hoisted], 'system', notes);
  if (system.length > 0) body.systemInstruction = { parts: system };
  const tools = encodeTools(request.tools, notes.unsupported);
  if (tools.length > 0) {
    body.tools = tools;
    const choice = encodeToolChoice(request.toolChoice, notes.unsupported);
    if (choice) body.toolConfig = choice;
  }
  const config = encodeGeneration(request, quirks.thinking ?? (recent ? 'level' : 'budget'), notes.adjusted);
  const { generationConfig: _config, ...extra } = request.extra?.gemini ?? {};
  Object.assign(body, extra);
  if (config) body.generationConfig = config;
  noteLosses(request, notes);
  return { body, ...notes };
}

function noteLosses(request: ChatRequest, notes: Notes): void {
  const { sampling } = request;
  const isSingle = request.parallelToolCalls === false;
  // One tool that must be called is how SDKs ask for an object of a schema: a second call would fill in the same form.
  const isForm = request.tools.length === 1 && /^(required|tool)$/.test(request.toolChoice?.type ?? '');
  if (isSingle && isForm) notes.adjusted.push({ field: 'parallelToolCalls', reason: 'one tool is filled in once' });
  const lost: [string, boolean, string][] = [
    ['sampling.logitBias', Object.keys(sampling.logitBias ?? {}).length > 0, 'Gemini has no such parameter'],
    ['parallelToolCalls', isSingle && !isForm, 'Gemini decides itself how many calls it makes at once'],
  ];
  for (const [at, isLost, reason] of lost) if (isLost) notes.unsupported.push({ field: at, reason });
  for (const at of ['user', 'metadata'] as const) {
    if (request[at] !== undefined) notes.adjusted.push({ field: at, reason: 'Gemini keeps none' });
  }
  for (const dialect of ['openai-chat', 'openai-responses', 'anthropic-messages'] as const) {
    for (const at of Object.keys(request.extra?.[dialect] ?? {})) {
      const isIgnorable = ignorableFields.has(at) || at === 'context_management' || at === 'cache_control';
      (isIgnorable ? notes.adjusted : notes.unsupported).push({ field: at, reason: `exists in ${dialect} only` });
    }
  }
}
