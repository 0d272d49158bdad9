import type { JsonObject } from '../../chat/message.ts';
import type { ChatRequest, Encoded } from '../../chat/request.ts';
import { noteForeign, noteLacking } from '../losses.ts';
import { type CohereNotes, documentsOf } from './documents.ts';
import { encodeMessages } from './messages.ts';
import { encodeTools } from './tools.ts';

/** Its models are told apart by their names; there is nothing to declare. */
export type CohereQuirks = Readonly<Record<string, never>>;

const MAX_STOPS = 5;
/** The ends of what `p` may be. */
const LEAST_P = 0.01;
const MOST_P = 0.99;

/** Models of before reasoning: they refuse `thinking`. */
const unthinking = /^(command-r|command-a-03|command-a-vision|command-a-translate|command-light|command$|c4ai-)/;

/** Tokens that an effort is worth; what is not listed has no bound. */
const budgets: Readonly<Record<string, number>> = { minimal: 1024, low: 2048, medium: 8192 };

/** Fields of its own that clients of OpenAI's chat may add: there documents are read as attached before they go anywhere. */
const OWN_FIELDS: ReadonlySet<string> = new Set(['documents', 'citation_options', 'safety_mode']);

/** Writes a chat request of API v2. */
export function encodeRequest(request: ChatRequest): Encoded<JsonObject> {
  const notes: CohereNotes = { unsupported: [], adjusted: [], documents: [] };
  const said = request.extra?.['openai-chat'];
  const body: JsonObject = { model: request.model, messages: encodeMessages(request, notes), stream: request.stream };
  const documents = [...documentsOf(said?.documents), ...notes.documents];
  if (documents.length > 0) body.documents = documents;
  for (const field of ['citation_options', 'safety_mode']) if (said?.[field] !== undefined) body[field] = said[field];
  Object.assign(body, encodeTools(request, notes), encodeSampling(request, notes), encodeThinking(request, notes));
  const format = encodeFormat(request);
  if (format && body.tools === undefined && body.documents === undefined) body.response_format = format;
  else if (format) {
    const reason = 'Cohere holds no answer to a form beside tools or documents';
    notes.unsupported.push({ field: 'responseFormat', reason });
  }
  noteLacking(request, ['n', 'logprobs', 'topLogprobs', 'logitBias'], 'Cohere', notes);
  noteForeign(request, (field, dialect) => dialect === 'openai-chat' && OWN_FIELDS.has(field), 'Cohere', notes);
  return { body, unsupported: notes.unsupported, adjusted: notes.adjusted };
}

function encodeSampling({ sampling, stop }: ChatRequest, { unsupported, adjusted }: CohereNotes): JsonObject {
  const fields: JsonObject = {};
  const { maxTokens, temperature, topP, topK, seed } = sampling;
  if (maxTokens !== undefined) fields.max_tokens = maxTokens;
  if (temperature !== undefined) fields.temperature = temperature;
  if (topK !== undefined) fields.k = topK;
  if (seed !== undefined) fields.seed = seed;
  if (topP !== undefined) {
    fields.p = Math.min(MOST_P, Math.max(LEAST_P, topP));
    if (fields.p !== topP) adjusted.push({ field: 'sampling.topP', reason: `Cohere takes ${LEAST_P} to ${MOST_P}` });
  }
  for (const [name, field] of [
    ['frequencyPenalty', 'frequency_penalty'],
    ['presencePenalty', 'presence_penalty'],
  ] as const) {
    const value = sampling[name];
    if (value === undefined) continue;
    if (value >= 0 && value <= 1) fields[field] = value;
    else unsupported.push({ field: `sampling.${name}`, reason: 'Cohere takes 0 to 1' });
  }
  if (stop !== undefined && stop.length > 0) fields.stop_sequences = stop.slice(0, MAX_STOPS);
  if (stop !== undefined && stop.length > MAX_STOPS) {
    unsupported.push({ field: 'stop', reason: `Cohere takes ${MAX_STOPS} sequences at most` });
  }
  return fields;
}

function encodeThinking({ model, reasoning }: ChatRequest, { adjusted }: CohereNotes): JsonObject {
  if (!reasoning) return {};
  if (unthinking.test(model.toLowerCase())) {
    adjusted.push({ field: 'reasoning', reason: 'the model does not reason' });
    return {};
  }
  if (reasoning.mode === 'disabled') return { thinking: { type: 'disabled' } };
  const { effort, budgetTokens } = reasoning;
  if (effort !== undefined && budgetTokens === undefined) {
    adjusted.push({ field: 'reasoning.effort', reason: 'said as a budget' });
  }
  const budget = budgetTokens ?? (effort === undefined ? undefined : budgets[effort]);
  return { thinking: { type: 'enabled', ...(budget === undefined ? {} : { token_budget: budget }) } };
}

function encodeFormat({ responseFormat: format }: ChatRequest): JsonObject | undefined {
  if (format === undefined || format.type === 'text') return undefined;
  return { type: 'json_object', ...(format.type === 'json_schema' ? { json_schema: format.schema } : {}) };
}
