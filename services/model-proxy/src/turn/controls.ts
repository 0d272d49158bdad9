import { GatewayError } from '@sallyport/chassis/errors';
import { bodyControls } from '../cache/controls.ts';
import { isObject } from '../chat/json.ts';
import type { JsonObject } from '../chat/message.ts';
import { WISHING } from '../routing/wish.ts';
import { without } from '../wire/forward.ts';
import { rewriteBody } from './rewrite.ts';
import type { Turn } from './turn.ts';

/** What a client asks of the gateway itself for one request, in the fields and headers of LiteLLM and OpenRouter. */
export interface Controls {
  /** Longest that one call of a provider is waited for: a whole answer, or a stream's first words. Infinity: as declared. */
  readonly timeoutMs: number;
  /** Most further attempts at a target. Infinity: as its Model says. */
  readonly retries: number;
  /** The answer says in `usage.cost` what it cost. */
  readonly tellsCost: boolean;
  /** What a target cannot be told is left out, whatever its Model says. */
  readonly drops: boolean;
}

/** Nothing is asked for. */
export const UNSAID: Controls = { timeoutMs: Infinity, retries: Infinity, tellsCost: false, drops: false };

/** Endpoints whose bodies may say so; in others fields of these names are the provider's own, and headers alone count. */
export const CONTROLLED: ReadonlySet<string> = new Set([
  ...WISHING,
  'completions',
  'embeddings',
  'rerank',
  'moderations',
  'images.generations',
  'audio.speech',
]);

type Headers = Turn['headers'];

const TIMEOUT = 'x-litellm-timeout';
const STREAM_TIMEOUT = 'x-litellm-stream-timeout';
const RETRIES = 'x-litellm-num-retries';
const MOST_TAGS = 32;

/**
 * Reads what a request asks of the gateway; `body` where its endpoint has such fields. They can only ask for less than is
 * declared: of field and header the smaller counts. Throws `invalid_request` with the field for what cannot be read.
 */
export function controlsOf(body: JsonObject | undefined, headers: Headers, stream: boolean): Controls {
  const inBody = body !== undefined && hasControls(body);
  if (!inBody && !hasHeaders(headers)) return UNSAID;
  const said = inBody ? body : NOTHING;
  const { tags } = said;
  if (tags !== undefined && tags !== null && !(Array.isArray(tags) && tags.every(isText))) {
    throw invalid('tags', 'must be a list of texts');
  }
  const whole = Math.min(seconds(said.timeout, 'timeout'), seconds(inHeader(headers, TIMEOUT), TIMEOUT));
  const streamed = inHeader(headers, STREAM_TIMEOUT);
  const ofStream = Math.min(seconds(said.stream_timeout, 'stream_timeout'), seconds(streamed, STREAM_TIMEOUT));
  return {
    timeoutMs: (stream && ofStream !== Infinity ? ofStream : whole) * 1000,
    retries: Math.min(count(said.num_retries, 'num_retries'), count(inHeader(headers, RETRIES), RETRIES)),
    tellsCost: usageIn(said),
    drops: flag(said.drop_params, 'drop_params'),
  };
}

const NOTHING: JsonObject = {};

/** Whether a body has fields of these: most have none. */
export function hasControls(body: JsonObject): boolean {
  return (
    body.timeout !== undefined ||
    body.stream_timeout !== undefined ||
    body.num_retries !== undefined ||
    body.drop_params !== undefined ||
    body.tags !== undefined ||
    body.usage !== undefined ||
    body.litellm_metadata !== undefined ||
    body.litellm_session_id !== undefined ||
    body.litellm_trace_id !== undefined ||
    body.litellm_call_id !== undefined ||
    (body.metadata !== undefined && hasTags(body.metadata)) ||
    isIdle(body)
  );
}

/** OpenRouter's words for what is done anyway, or for nothing. */
function isIdle({ route, transforms }: JsonObject): boolean {
  return route === 'fallback' || (Array.isArray(transforms) && transforms.length === 0);
}

function hasTags(metadata: unknown): metadata is JsonObject {
  return isObject(metadata) && Array.isArray(metadata.tags);
}

function hasHeaders(headers: Headers): boolean {
  return headers[TIMEOUT] !== undefined || headers[RETRIES] !== undefined || headers[STREAM_TIMEOUT] !== undefined;
}

const FIELDS = ['timeout', 'stream_timeout', 'num_retries', 'drop_params', 'tags', 'usage'];
/** What LiteLLM keeps beside a call; runs and traces have headers of their own here. */
const BESIDE = ['litellm_metadata', 'litellm_session_id', 'litellm_trace_id', 'litellm_call_id'];

/** A body without these fields: no provider knows them, and some refuse what they do not know. */
export function withoutControls(body: JsonObject): JsonObject {
  const rest = without(body, [...FIELDS, ...BESIDE, ...(isIdle({ route: body.route }) ? ['route'] : [])]);
  const { transforms, metadata } = rest;
  if (isIdle({ transforms })) delete rest.transforms;
  if (!hasTags(metadata)) return rest;
  const others = without(metadata, ['tags']);
  if (Object.keys(others).length > 0) return { ...rest, metadata: others };
  delete rest.metadata;
  return rest;
}

/** Tags of a body as LiteLLM's clients say them; whether they count, the key's `mayAssert` says. */
export function tagsIn({ tags, metadata, litellm_metadata: beside }: JsonObject): string[] {
  const lists = [tags, ...[metadata, beside].map((one) => (isObject(one) ? one.tags : undefined))];
  return lists.flatMap((list) => (Array.isArray(list) ? list.slice(0, MOST_TAGS) : [])).filter(isText);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function seconds(value: unknown, name: string): number {
  if (value === undefined || value === null) return Infinity;
  if (typeof value !== 'number' || !(value > 0)) throw invalid(name, 'must be a number of seconds above 0');
  return value;
}

function count(value: unknown, name: string): number {
  if (value === undefined || value === null) return Infinity;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw invalid(name, 'must be a whole number of at least 0');
}

/** The number that a header says; what is none stays as it is. */
function inHeader(headers: Headers, name: string): unknown {
  const text = headers[name];
  return typeof text === 'string' && /^\d{1,9}(\.\d{1,9})?$/.test(text) ? Number(text) : text;
}

function flag(value: unknown, name: string): boolean {
  if (value === undefined || value === null) return false;
  if (typeof value !== 'boolean') throw invalid(name, 'must be true or false');
  return value;
}

/** OpenRouter's `usage: {include: true}`. */
function usageIn({ usage }: JsonObject): boolean {
  if (usage === undefined || usage === null) return false;
  if (!isObject(usage)) throw invalid('usage', 'must be an object');
  return flag(usage.include, 'usage.include');
}

function invalid(param: string, must: string): GatewayError {
  return new GatewayError('invalid_request', `${param} ${must}.`, { details: { param } });
}

/** Takes LiteLLM's `cache` out of the body, whether or not the Model keeps answers: no provider knows the field. */
export function takeControls(turn: Turn): void {
  if (turn.body.cache === undefined) return;
  const controls = bodyControls(turn.body);
  if (controls === undefined) return;
  turn.bodyControls = controls;
  rewriteBody(turn, without(turn.body, ['cache']));
}
