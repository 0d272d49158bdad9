import { isObject } from '../chat/json.ts';
import type { JsonObject } from '../chat/message.ts';

/** What a client says of the cache for one request. */
export interface CacheControls {
  /** False: the provider is to be called. */
  readonly read: boolean;
  /** False: the answer is not to be kept. */
  readonly write: boolean;
  /** Oldest answer that is taken, in milliseconds. */
  readonly maxAgeMs: number;
  /** How long the answer is kept at most, in milliseconds: less than the Model says, never more. */
  readonly ttlMs: number;
  /** Keeps answers apart from those of other namespaces. */
  readonly namespace: string;
}

const UNSAID: CacheControls = { read: true, write: true, maxAgeMs: Infinity, ttlMs: Infinity, namespace: '' };

/** Fields of LiteLLM's `cache`; the last is its older word for taking nothing older. */
const BODY_FIELDS = new Set(['ttl', 's-maxage', 's-max-age', 'no-cache', 'no-store', 'namespace', 'use-cache']);

/**
 * The `cache` object of LiteLLM's clients, which no provider knows; undefined where the field is none or something else.
 */
export function bodyControls(body: JsonObject): JsonObject | undefined {
  const { cache } = body;
  return isObject(cache) && Object.keys(cache).every((name) => BODY_FIELDS.has(name)) ? cache : undefined;
}

/**
 * Reads `Cache-Control` (RFC 9111 section 5.2.1: no-store, no-cache, max-age) and LiteLLM's `cache` of a body; what both
 * say is held to the stricter of them. What cannot be read counts as unsaid.
 */
export function cacheControls(header: string | string[] | undefined, own: JsonObject | undefined): CacheControls {
  if (header === undefined && own === undefined) return UNSAID;
  const said = new Map<string, string>();
  for (const part of (Array.isArray(header) ? header.join(',') : (header ?? '')).toLowerCase().split(',')) {
    const [name = '', value = ''] = part.trim().split('=');
    if (name !== '') said.set(name, value.replaceAll('"', ''));
  }
  const maxAge = Math.min(seconds(said.get('max-age')), seconds(own?.['s-maxage'] ?? own?.['s-max-age']));
  const namespace = own?.namespace;
  const noStore = said.has('no-store') || own?.['no-store'] === true;
  const noCache = said.has('no-cache') || own?.['no-cache'] === true;
  return {
    // No answer is younger than nothing; and who wants nothing kept is given nothing that was (DESIGN 4.7).
    read: !noStore && !noCache && maxAge > 0,
    write: !noStore,
    maxAgeMs: maxAge * 1000,
    ttlMs: seconds(own?.ttl) * 1000,
    namespace: typeof namespace === 'string' ? namespace.slice(0, 128) : '',
  };
}

/** A count of seconds, also as text; Infinity where it is none. */
function seconds(value: unknown): number {
  const number = typeof value === 'string' && /^\d{1,10}$/.test(value) ? Number(value) : value;
  return typeof number === 'number' && number >= 0 ? number : Infinity;
}
