import type { DecorationParameters } from '@sallyport/custom-resources/model-decoration';
import type { FrontDialect, JsonObject } from '../chat/message.ts';
import type { ChatRequest, ReasoningWish, ResponseFormat, Sampling } from '../chat/request.ts';
import { frontCodecs } from '../wire/codec.ts';

/** Parameters of a request, in no dialect; what is absent is not touched. */
export interface Parameters {
  readonly sampling: Sampling;
  readonly stop?: string[];
  readonly reasoning?: ReasoningWish;
  readonly responseFormat?: ResponseFormat;
}

/** Reads the parameters of a resource. */
export function parametersOf(said: DecorationParameters): Parameters {
  const { topK, seed, maxTokens, stop, reasoningEffort, responseFormat } = said;
  const sampling: Sampling = {};
  for (const name of ['temperature', 'topP', 'frequencyPenalty', 'presencePenalty'] as const) {
    const value = said[name];
    if (value !== undefined) sampling[name] = Number(value);
  }
  if (topK !== undefined) sampling.topK = topK;
  if (seed !== undefined) sampling.seed = seed;
  if (maxTokens !== undefined) sampling.maxTokens = maxTokens;
  return {
    sampling,
    ...(stop === undefined ? {} : { stop }),
    ...(reasoningEffort === undefined ? {} : { reasoning: reasoningOf(reasoningEffort) }),
    ...(responseFormat === undefined ? {} : { responseFormat: formatOf(responseFormat) }),
  };
}

function reasoningOf(effort: NonNullable<DecorationParameters['reasoningEffort']>): ReasoningWish {
  return effort === 'None' ? { mode: 'disabled' } : { effort: effort.toLowerCase() };
}

function formatOf(format: NonNullable<DecorationParameters['responseFormat']>): ResponseFormat {
  if (format.type === 'JsonObject') return { type: 'json_object' };
  const { name, strict, schema = '{}' } = format;
  return {
    type: 'json_schema',
    schema: JSON.parse(schema) as JsonObject,
    ...(name === undefined ? {} : { name }),
    ...(strict === undefined ? {} : { strict }),
  };
}

/** What is to stand in a request: all that is forced, and of the defaults what it does not say. */
export function effective(request: ChatRequest, defaults: Parameters, forced: Parameters): Parameters {
  const sampling: Sampling = { ...forced.sampling };
  for (const [name, value] of Object.entries(defaults.sampling) as [keyof Sampling, never][]) {
    if (request.sampling[name] === undefined && sampling[name] === undefined) sampling[name] = value;
  }
  const stop = forced.stop ?? (request.stop === undefined ? defaults.stop : undefined);
  const reasoning = forced.reasoning ?? (request.reasoning === undefined ? defaults.reasoning : undefined);
  const format = request.responseFormat;
  const responseFormat = forced.responseFormat ?? (format === undefined ? defaults.responseFormat : undefined);
  return {
    sampling,
    ...(stop === undefined ? {} : { stop }),
    ...(reasoning === undefined ? {} : { reasoning }),
    ...(responseFormat === undefined ? {} : { responseFormat }),
  };
}

/** A request with parameters laid over its own. */
export function withParameters(request: ChatRequest, { sampling, ...others }: Parameters): ChatRequest {
  return { ...request, ...others, sampling: { ...request.sampling, ...sampling } };
}

/** Parameters as a dialect says them, and the names of those for which it has no word. */
export interface SaidIn {
  readonly fields: JsonObject;
  readonly unsaid: readonly string[];
}

/**
 * The fields by which a dialect says parameters, without the limit of tokens, which each body names in its own way: what an
 * empty request with them has that one without them has not.
 */
export function fieldsOf(dialect: FrontDialect, parameters: Parameters, maxTokens: number | undefined): SaidIn {
  const codec = frontCodecs[dialect];
  const sampling: Sampling = maxTokens === undefined ? {} : { maxTokens };
  const empty: ChatRequest = { model: '-', system: [], messages: [], tools: [], sampling, stream: false };
  const before = codec.encodeRequest(empty).body;
  const after = codec.encodeRequest(
    withParameters(empty, { ...parameters, sampling: { ...parameters.sampling, ...sampling } }),
  );
  const fields: JsonObject = {};
  for (const [name, value] of Object.entries(after.body)) {
    if (JSON.stringify(before[name]) !== JSON.stringify(value)) fields[name] = value;
  }
  return { fields, unsaid: after.unsupported.map(({ field }) => field) };
}
