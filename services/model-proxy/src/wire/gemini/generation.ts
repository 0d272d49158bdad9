import { isObject, otherFields } from '../../chat/json.ts';
import type { JsonObject } from '../../chat/message.ts';
import type { ChatRequest, ReasoningWish, ResponseFormat, Sampling, Unsupported } from '../../chat/request.ts';
import { arrayField, field, numberField, objectField, spellings, stringField } from './field.ts';
import { toJsonSchema } from './json-schema.ts';

const numbers = {
  maxTokens: 'maxOutputTokens',
  temperature: 'temperature',
  topP: 'topP',
  topK: 'topK',
  frequencyPenalty: 'frequencyPenalty',
  presencePenalty: 'presencePenalty',
  seed: 'seed',
  n: 'candidateCount',
  topLogprobs: 'logprobs',
} as const satisfies Partial<Record<keyof Sampling, string>>;
const numberEntries = Object.entries(numbers) as [keyof typeof numbers, string][];
const FORMAT_FIELDS = ['responseMimeType', 'responseSchema', 'responseJsonSchema'] as const;
const known = spellings(
  ...Object.values(numbers),
  ...FORMAT_FIELDS,
  'stopSequences',
  'thinkingConfig',
  'responseLogprobs',
);

/** How a model of this dialect is told how much to think: by a word or by a number of tokens. */
export type ThinkingStyle = 'level' | 'budget';

const budgets: Readonly<Record<string, number>> = {
  minimal: 512,
  low: 2048,
  medium: 8192,
  high: 16_384,
  xhigh: 24_576,
  max: 32_768,
};
const levels: Readonly<Record<string, string>> = {
  minimal: 'minimal',
  low: 'low',
  medium: 'medium',
  high: 'high',
  xhigh: 'high',
  max: 'high',
};

/** Reads `generationConfig` into a request; what only this dialect has is returned. */
export function decodeGeneration(config: JsonObject, request: ChatRequest): JsonObject | undefined {
  for (const [neutral, name] of numberEntries) {
    const value = numberField(config, name);
    if (value !== undefined) request.sampling[neutral] = value;
  }
  const odds = field(config, 'responseLogprobs');
  if (typeof odds === 'boolean') request.sampling.logprobs = odds;
  const stop = arrayField(config, 'stopSequences').filter((one) => typeof one === 'string');
  if (stop.length > 0) request.stop = stop;
  const format = decodeFormat(config);
  if (format) request.responseFormat = format;
  const thinking = objectField(config, 'thinkingConfig');
  const wish = thinking && decodeThinking(thinking);
  if (wish) request.reasoning = wish;
  const other = otherFields(config, known) ?? {};
  if (isTextAlone(field(config, 'responseModalities'))) {
    for (const name of spellings('responseModalities')) delete other[name];
  }
  if (format === undefined && stringField(config, 'responseMimeType') !== undefined) {
    for (const name of FORMAT_FIELDS) if (field(config, name) !== undefined) other[name] = field(config, name);
  }
  return Object.keys(other).length > 0 ? other : undefined;
}

/** Pydantic AI asks for text by name, which is what a model answers in anyway. */
function isTextAlone(modalities: unknown): boolean {
  return Array.isArray(modalities) && modalities.length === 1 && /^text$/i.test(String(modalities[0]));
}

function decodeFormat(config: JsonObject): ResponseFormat | undefined {
  const type = stringField(config, 'responseMimeType');
  if (type === 'text/plain') return { type: 'text' };
  if (type !== 'application/json') return undefined;
  const schema = field(config, 'responseJsonSchema');
  if (isObject(schema)) return { type: 'json_schema', schema };
  const own = objectField(config, 'responseSchema');
  return own ? { type: 'json_schema', schema: toJsonSchema(own) } : { type: 'json_object' };
}

function decodeThinking(thinking: JsonObject): ReasoningWish | undefined {
  const budget = numberField(thinking, 'thinkingBudget');
  const level = stringField(thinking, 'thinkingLevel')?.toLowerCase();
  if (budget === 0) return { mode: 'disabled' };
  if (budget !== undefined && budget > 0) return { mode: 'enabled', budgetTokens: budget };
  if (budget === -1) return { mode: 'adaptive' };
  if (level !== undefined && Object.hasOwn(levels, level)) return { effort: level };
  return field(thinking, 'includeThoughts') === true ? { mode: 'adaptive' } : undefined;
}

/** Writes `generationConfig`; undefined where there is nothing to say. */
export function encodeGeneration(
  request: ChatRequest,
  style: ThinkingStyle,
  adjusted: Unsupported[],
): JsonObject | undefined {
  const config: JsonObject = {};
  for (const [neutral, name] of numberEntries) {
    const value = request.sampling[neutral];
    if (value !== undefined && (value !== 0 || neutral !== 'topLogprobs')) config[name] = value;
  }
  if (request.sampling.logprobs === true) config.responseLogprobs = true;
  if (request.stop) config.stopSequences = request.stop;
  const format = request.responseFormat;
  if (format?.type === 'json_object') config.responseMimeType = 'application/json';
  else if (format?.type === 'json_schema') {
    config.responseMimeType = 'application/json';
    config.responseJsonSchema = format.schema;
  }
  const thinking = encodeThinking(request.reasoning, style, adjusted);
  if (thinking) config.thinkingConfig = thinking;
  const extra = request.extra?.gemini?.generationConfig;
  if (isObject(extra)) Object.assign(config, extra);
  return Object.keys(config).length > 0 ? config : undefined;
}

function encodeThinking(
  wish: ReasoningWish | undefined,
  style: ThinkingStyle,
  adjusted: Unsupported[],
): JsonObject | undefined {
  if (!wish) return undefined;
  if (wish.mode === 'disabled') {
    if (style === 'budget') return { thinkingBudget: 0 };
    adjusted.push({ field: 'reasoning', reason: 'the model always thinks: said as the lowest level' });
    return { thinkingLevel: 'minimal' };
  }
  if (wish.budgetTokens !== undefined) return { thinkingBudget: wish.budgetTokens, includeThoughts: true };
  if (wish.effort === undefined) return { includeThoughts: true };
  if (style === 'level') return { thinkingLevel: levels[wish.effort] ?? 'high', includeThoughts: true };
  adjusted.push({ field: 'reasoning.effort', reason: 'said as a budget' });
  return { thinkingBudget: budgets[wish.effort] ?? 8192, includeThoughts: true };
}
