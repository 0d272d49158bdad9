import type { JsonObject } from '../../chat/message.ts';
import type { ChatRequest, Encoded } from '../../chat/request.ts';
import { type Notes, noteForeign, noteLacking, offeredFunctions } from '../losses.ts';
import { encodeMessages } from './messages.ts';
import { encodeOptions, OPTION_FIELDS } from './options.ts';

/** Its models are told apart by their names; there is nothing to declare. */
export type OllamaQuirks = Readonly<Record<string, never>>;

/** Fields of its own that clients of other dialects may add. */
const OWN_FIELDS: ReadonlySet<string> = new Set(['keep_alive', 'options', ...OPTION_FIELDS]);

/** How much a model of this family is told to think; all others are told whether. */
const efforts: Readonly<Record<string, string>> = { minimal: 'low', low: 'low', medium: 'medium' };

/**
 * Writes a request of `/api/chat`. A prompt that does not fit is to be refused (`truncate`): the server would leave out its
 * beginning without a word.
 */
export function encodeRequest(request: ChatRequest): Encoded<JsonObject> {
  const notes: Notes = { unsupported: [], adjusted: [] };
  const body: JsonObject = {
    model: request.model,
    messages: encodeMessages(request, notes),
    stream: request.stream,
    truncate: false,
  };
  const tools = encodeTools(request, notes);
  if (tools.length > 0) body.tools = tools;
  const { responseFormat: format } = request;
  if (format?.type === 'json_object') body.format = 'json';
  else if (format?.type === 'json_schema') body.format = format.schema;
  const think = encodeThink(request, notes);
  if (think !== undefined) body.think = think;
  const options = encodeOptions(request, notes);
  if (Object.keys(options).length > 0) body.options = options;
  for (const fields of Object.values(request.extra ?? {})) {
    if (fields.keep_alive !== undefined) body.keep_alive = fields.keep_alive;
  }
  noteLacking(request, ['n', 'logprobs', 'topLogprobs', 'logitBias'], 'Ollama', notes);
  noteForeign(request, (field) => OWN_FIELDS.has(field), 'Ollama', notes);
  return { body, unsupported: notes.unsupported, adjusted: notes.adjusted };
}

/** The server lets each model choose: nothing can be forced, and none is said by offering none. */
function encodeTools(request: ChatRequest, notes: Notes): JsonObject[] {
  const { toolChoice: choice, parallelToolCalls: parallel } = request;
  const offered = offeredFunctions(request, 'Ollama', notes);
  if (offered.length === 0) return [];
  if (choice?.type === 'none') {
    notes.adjusted.push({ field: 'tools', reason: 'none may be called: they are left out' });
    return [];
  }
  if (choice !== undefined && choice.type !== 'auto' && !(choice.type === 'allowed' && choice.mode === 'auto')) {
    notes.unsupported.push({ field: 'toolChoice', reason: 'Ollama cannot make a model call tools' });
  }
  if (parallel === false) {
    notes.unsupported.push({ field: 'parallelToolCalls', reason: 'Ollama decides itself how many calls it makes' });
  }
  if (offered.some((tool) => tool.strict)) {
    notes.adjusted.push({ field: 'tools', reason: 'Ollama holds no calls to their schemas' });
  }
  return offered.map(({ name, description, parameters }) => ({
    type: 'function',
    function: {
      name,
      ...(description ? { description } : {}),
      parameters: parameters ?? { type: 'object', properties: {} },
    },
  }));
}

function encodeThink({ model, reasoning }: ChatRequest, { adjusted }: Notes): boolean | string | undefined {
  if (!reasoning) return undefined;
  if (reasoning.budgetTokens !== undefined) {
    adjusted.push({ field: 'reasoning.budgetTokens', reason: 'Ollama counts no tokens of thinking' });
  }
  const { effort } = reasoning;
  if (reasoning.mode === 'disabled') return false;
  if (effort === undefined) return true;
  if (model.toLowerCase().includes('gpt-oss')) return efforts[effort] ?? 'high';
  adjusted.push({ field: 'reasoning.effort', reason: 'the model thinks or does not' });
  return effort !== 'minimal';
}
