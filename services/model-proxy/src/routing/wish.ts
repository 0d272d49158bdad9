import { GatewayError } from '@sallyport/chassis/errors';
import { isObject } from '../chat/json.ts';
import type { JsonObject } from '../chat/message.ts';
import { without } from '../wire/forward.ts';
import type { Cause } from './compiled.ts';

/**
 * What a client asks of routing in OpenRouter's fields (openrouter.ai/docs/features/provider-routing), which stand in chat
 * completions, messages and responses alike, and in `fallbacks`, `context_window_fallbacks` and `content_policy_fallbacks`,
 * as LiteLLM and OpenRouter's messages have it.
 */
export interface RouteWish {
  /** The fields as the client wrote them, for a target that is OpenRouter itself. */
  readonly fields: JsonObject;
  /** Public names of models that are tried, in order, when the asked one cannot serve, whatever the reason. */
  readonly models: readonly string[];
  /** Those that are tried before them, for their cause alone. */
  readonly byCause: Readonly<Partial<Record<Cause, readonly string[]>>>;
  /** More is asked than lists by cause: then all targets of a Model are tried, whatever the reason. */
  readonly forAll: boolean;
  /** Providers that are tried first, in order. */
  readonly order: readonly string[];
  /** Empty: all. */
  readonly only: readonly string[];
  readonly ignore: readonly string[];
  readonly allowFallbacks: boolean;
  /** Only targets that can be told all of the request. */
  readonly requireParameters: boolean;
  /** Only targets whose provider is declared not to keep or train on what it is sent. */
  readonly denyCollection: boolean;
  /** Only targets whose provider is declared to keep nothing. */
  readonly zeroRetention: boolean;
  readonly sort: 'price' | 'throughput' | 'latency' | undefined;
  /** USD for a million tokens, as a number. */
  readonly maxPrice: { readonly prompt?: number; readonly completion?: number };
}

/** What is asked for by the end of a model's name alone. */
const SUFFIXES = { ':nitro': 'throughput', ':floor': 'price' } as const;

const MAX_NAMES = 16;
/** Wishes that are a matter of taste: a target that does not know them serves all the same. */
const SOFT: ReadonlySet<string> = new Set(['preferred_min_throughput', 'preferred_max_latency']);

const NOTHING: RouteWish = {
  fields: {},
  models: [],
  byCause: {},
  forAll: true,
  order: [],
  only: [],
  ignore: [],
  allowFallbacks: true,
  requireParameters: false,
  denyCollection: false,
  zeroRetention: false,
  sort: undefined,
  maxPrice: {},
};

/** The name without `:nitro` or `:floor`, and the sorting that it stands for; undefined where it has neither. */
export function bareModel(name: string): { readonly name: string; readonly sort: RouteWish['sort'] } | undefined {
  for (const [suffix, sort] of Object.entries(SUFFIXES)) {
    if (name.endsWith(suffix) && name.length > suffix.length) return { name: name.slice(0, -suffix.length), sort };
  }
  return undefined;
}

/**
 * Reads the wish of a body for the model that was found; undefined where there is none. Throws
 * `invalid_request` with the field for what has not OpenRouter's shape, `unsupported` for a demand that cannot be met.
 */
export function wishOf(body: JsonObject, publicName: string): RouteWish | undefined {
  const asked = typeof body.model === 'string' && body.model !== publicName ? bareModel(body.model) : undefined;
  const { models: listed, fallbacks, provider } = body;
  const forAll = listed !== undefined || provider !== undefined || fallbacks !== undefined || asked !== undefined;
  if (!forAll && body.context_window_fallbacks === undefined && body.content_policy_fallbacks === undefined)
    return undefined;
  const own = [publicName, body.model];
  const others = (list: string[]) => [...new Set(list)].filter((name) => !own.includes(name));
  const models = others([...names(listed, 'models'), ...listFor(own, fallbacks, 'fallbacks')]);
  const byCause = {
    ContextWindow: others(listFor(own, body.context_window_fallbacks, 'context_window_fallbacks')),
    ContentPolicy: others(listFor(own, body.content_policy_fallbacks, 'content_policy_fallbacks')),
  };
  const sort = asked?.sort;
  const fields = fieldsOf(body);
  const named = { fields, models, byCause, forAll, sort };
  if (provider === undefined || provider === null) return { ...NOTHING, ...named };
  if (!isObject(provider)) throw invalid('provider', 'must be an object');
  for (const [field, value] of Object.entries(provider)) {
    if (KNOWN.has(field) || SOFT.has(field) || value === null || value === undefined) continue;
    throw new GatewayError('unsupported', `provider.${field} is not known here.`, {
      status: 400,
      details: { param: `provider.${field}` },
    });
  }
  return {
    ...named,
    order: names(provider.order, 'provider.order'),
    only: names(provider.only, 'provider.only'),
    ignore: names(provider.ignore, 'provider.ignore'),
    allowFallbacks: flag(provider.allow_fallbacks, 'provider.allow_fallbacks', true),
    requireParameters: flag(provider.require_parameters, 'provider.require_parameters', false),
    denyCollection: oneOf(provider.data_collection, 'provider.data_collection', ['allow', 'deny']) === 'deny',
    zeroRetention: flag(provider.zdr, 'provider.zdr', false),
    sort: sortOf(provider.sort) ?? sort,
    maxPrice: prices(provider.max_price),
  };
}

const KNOWN: ReadonlySet<string> = new Set([
  'order',
  'only',
  'ignore',
  'allow_fallbacks',
  'require_parameters',
  'data_collection',
  'zdr',
  'sort',
  'max_price',
]);

/** The place of a provider in a list of names of ModelProviders or types that a client gave; -1: it is not in it. */
export function placeOf(wanted: readonly string[], provider: { readonly name: string; readonly type: string }): number {
  return wanted.findIndex((one) => one === provider.name || one === provider.type);
}

/** A body without the fields of a wish: no target but OpenRouter knows them, and some refuse what they do not know. */
export function withoutWish(body: JsonObject): JsonObject {
  return without(body, FIELDS);
}

const FIELDS = ['models', 'provider', 'fallbacks', 'context_window_fallbacks', 'content_policy_fallbacks'];

/** Endpoints whose bodies may say a wish; in others fields of these names are the provider's own. */
export const WISHING: ReadonlySet<string> = new Set(['chat.completions', 'messages', 'responses']);

/** Whether a body says a wish at all, for what goes to a provider beside model calls, where none is met. */
export function wishes(body: JsonObject): boolean {
  return FIELDS.some((field) => body[field] !== undefined && body[field] !== null);
}

/**
 * A list of fallbacks in LiteLLM's forms: names, and maps of lists by the model that is asked for, where `*` stands for one
 * that has none.
 */
function listFor(own: readonly unknown[], value: unknown, param: string): string[] {
  const lists = new Map<unknown, string[]>();
  const named = listed(value, param).flatMap((one, index) => {
    const at = `${param}[${index}]`;
    if (!isMap(one)) return [nameIn(bareName(one), at)];
    for (const [name, list] of Object.entries(one)) if (!lists.has(name)) lists.set(name, names(list, at));
    return [];
  });
  const of = own.find((name) => lists.has(name)) ?? '*';
  return [...named, ...(lists.get(of) ?? [])];
}

function isMap(one: unknown): one is JsonObject {
  return isObject(one) && Object.keys(one).length > 0 && Object.values(one).every(Array.isArray);
}

/** A fallback may be an object that names its model and nothing else: whatever else it said would not be done. */
function bareName(one: unknown): unknown {
  return isObject(one) && Object.keys(one).length === 1 ? one.model : one;
}

function fieldsOf({ models, provider }: JsonObject): JsonObject {
  return { ...(models === undefined ? {} : { models }), ...(provider === undefined ? {} : { provider }) };
}

function names(value: unknown, param: string): string[] {
  return listed(value, param).map((one, index) => nameIn(one, `${param}[${index}]`));
}

function listed(value: unknown, param: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || value.length > MAX_NAMES) throw invalid(param, `must be a list of at most ${MAX_NAMES}`);
  return value;
}

function nameIn(one: unknown, param: string): string {
  if (typeof one !== 'string' || one === '' || one.length > 256) throw invalid(param, 'must be a name');
  return one;
}

function flag(value: unknown, param: string, otherwise: boolean): boolean {
  if (value === undefined || value === null) return otherwise;
  if (typeof value !== 'boolean') throw invalid(param, 'must be true or false');
  return value;
}

function oneOf(value: unknown, param: string, words: readonly string[]): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string' || !words.includes(value)) throw invalid(param, `must be one of ${words.join(', ')}`);
  return value;
}

function sortOf(value: unknown): RouteWish['sort'] {
  const by = isObject(value) ? value.by : value;
  return oneOf(by, 'provider.sort', ['price', 'throughput', 'latency']) as RouteWish['sort'];
}

function prices(value: unknown): RouteWish['maxPrice'] {
  if (value === undefined || value === null) return {};
  if (!isObject(value)) throw invalid('provider.max_price', 'must be an object');
  const most: { prompt?: number; completion?: number } = {};
  for (const [kind, given] of Object.entries(value)) {
    if (kind !== 'prompt' && kind !== 'completion') {
      throw invalid(`provider.max_price.${kind}`, 'is not known here: prompt and completion are');
    }
    // Strings too, as OpenRouter writes its own prices.
    const usd = typeof given === 'string' ? Number(given) : given;
    if (typeof usd !== 'number' || !Number.isFinite(usd) || usd < 0) {
      throw invalid(`provider.max_price.${kind}`, 'must be USD for a million tokens');
    }
    most[kind] = usd;
  }
  return most;
}

function invalid(param: string, must: string): GatewayError {
  return new GatewayError('invalid_request', `${param} ${must}.`, { details: { param } });
}
