import { GatewayError } from '@sallyport/chassis/errors';
import type { Target } from '../catalog.ts';
import { parseBody } from '../chat/json.ts';
import type { JsonObject } from '../chat/message.ts';
import { noUsage, tokenCount, type Usage } from '../chat/usage.ts';
import { without } from '../wire/forward.ts';
import { spliceOr } from '../wire/splice.ts';
import type { Terms } from './operation-kind.ts';

const BYTES_PER_TOKEN = 4;

/** Refuses a field of a request. */
export function invalid(param: string, must: string): GatewayError {
  return new GatewayError('invalid_request', `${param} ${must}.`, { details: { param } });
}

/** Refuses what a target cannot say. */
export function cannot(param: string, why: string): GatewayError {
  return new GatewayError('unsupported', `The model that serves this request cannot take ${param}: ${why}.`, {
    status: 400,
    details: { param },
  });
}

/** The name of the model that a request asks for; `otherwise` where it names none. Throws `invalid_request`. */
export function modelIn(body: JsonObject, otherwise?: string): string {
  const { model = otherwise } = body;
  if (typeof model !== 'string' || model === '') throw invalid('model', 'must be the name of a model');
  return model;
}

/** A text, or undefined where there is none. Throws `invalid_request` for anything else. */
export function textIn(body: JsonObject, name: string): string | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw invalid(name, 'must be a string');
  return value;
}

/** A whole number of at least one, also as the text of a form, or undefined. Throws `invalid_request` for anything else. */
export function countIn(body: JsonObject, name: string, most: number): number | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  const count = typeof value === 'string' && /^[1-9]\d{0,9}$/.test(value) ? Number(value) : value;
  if (typeof count !== 'number' || !Number.isSafeInteger(count) || count < 1 || count > most) {
    throw invalid(name, `must be a whole number from 1 to ${most}`);
  }
  return count;
}

/** True or false, also as the text of a form; absent: false. Throws `invalid_request` for anything else. */
export function flagIn(body: JsonObject, name: string): boolean {
  const value = body[name];
  if (value === undefined || value === null || value === false || value === 'false') return false;
  if (value === true || value === 'true') return true;
  throw invalid(name, 'must be true or false');
}

/**
 * The body for a target of the client's own dialect: the client's bytes with the target's name of the model in them, or its
 * fields written anew where the terms change others.
 */
export function forTarget(
  request: { readonly body: JsonObject; readonly bytes: Buffer },
  { model }: Target,
  terms: Terms,
): Buffer {
  if (!changesBody(terms, request.body)) {
    return spliceOr(request.bytes, request.body, { model }, () => ({ ...request.body, model }));
  }
  return Buffer.from(JSON.stringify({ ...without(request.body, terms.withheld), model, ...terms.fields }));
}

/** Tells whether the terms take a field from a body, or add one. */
export function changesBody({ withheld, fields }: Terms, body: JsonObject): boolean {
  return Object.keys(fields).length > 0 || withheld.some((name) => body[name] !== undefined);
}

/** Tokens that so many bytes are taken for. */
export function tokensOf(bytes: number): number {
  return Math.ceil(bytes / BYTES_PER_TOKEN);
}

/** A usage of which only some is said. */
export function usageOf(part: Partial<Usage>): Usage {
  return { ...noUsage, ...part };
}

/** A provider's whole answer, parsed; DecodeError where it is no JSON object. */
export const parsed = parseBody;

/** Tokens told in the older words of OpenAI (`prompt_tokens`), the newer ones (`input_tokens`) or as a total; else undefined. */
export function toldTokens(value: unknown): Usage | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const told = value as JsonObject;
  const total = tokenCount(told.total_tokens);
  const output = tokenCount(told.completion_tokens) ?? tokenCount(told.output_tokens) ?? 0;
  const input =
    tokenCount(told.prompt_tokens) ??
    tokenCount(told.input_tokens) ??
    (total === undefined ? undefined : Math.max(0, total - output));
  if (input === undefined) return undefined;
  const details = (told.input_tokens_details ?? told.input_token_details ?? told.prompt_tokens_details) as
    | JsonObject
    | undefined;
  const inputImage = tokenCount(details?.image_tokens);
  const inputAudio = tokenCount(details?.audio_tokens);
  return usageOf({
    input,
    output,
    ...(inputImage ? { inputImage } : {}),
    ...(inputAudio ? { inputAudio } : {}),
    ...(tokenCount(details?.cached_tokens) ? { cacheRead: tokenCount(details?.cached_tokens) as number } : {}),
  });
}
