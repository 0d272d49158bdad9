import type { GatewayError } from '@sallyport/chassis/errors';
import type { Lookup } from '../directory/people.ts';
import { bad } from './faults.ts';
import { type Filter, parseFilter } from './filter.ts';
import { type Json, keyOf } from './json.ts';
import { holds } from './matching.ts';
import { LIST } from './schema-names.ts';

/** What a client asks of a list or resource. */
export interface Query {
  readonly filter: Filter | undefined;
  /** From 0. */
  readonly offset: number;
  readonly count: number;
  readonly attributes: ReadonlySet<string>;
  readonly excluded: ReadonlySet<string>;
}

const DEFAULT_COUNT = 100;
const MAX_COUNT = 200;
const SCAN_PAGE = 200;
/** Rows that a filter without an indexed equality may look at, and for how long in all. */
const MAX_SCANNED = 20_000;
const SCAN_MS = 1_000;
const ALWAYS = new Set(['schemas', 'id', 'meta']);

/** Reads the query of a request (RFC 7644 section 3.4.2); sorting is not served and said so in the configuration. */
export function readQuery(query: Readonly<Record<string, unknown>>): Query {
  const text = (name: string) => {
    const value = query[keyOf(query as Json, name) ?? name];
    if (value === undefined || typeof value === 'string') return value;
    // Of two filters one would be forgotten, and more shown than was asked for.
    throw bad('invalidValue', `${name} may be given once.`);
  };
  const whole = (name: string, otherwise: number) => {
    const value = text(name);
    if (value === undefined || value === '') return otherwise;
    if (!/^-?[0-9]{1,9}$/.test(value)) throw bad('invalidValue', `${name} must be a whole number.`);
    return Number(value);
  };
  const filter = text('filter');
  return {
    filter: filter === undefined || filter.trim() === '' ? undefined : parseFilter(filter),
    // Below 1 counts as 1, below 0 as 0 (section 3.4.2.4).
    offset: Math.max(1, whole('startIndex', 1)) - 1,
    count: Math.min(MAX_COUNT, Math.max(0, whole('count', DEFAULT_COUNT))),
    attributes: namesOf(text('attributes')),
    excluded: namesOf(text('excludedAttributes')),
  };
}

function namesOf(text: string | undefined): ReadonlySet<string> {
  if (text === undefined) return new Set();
  if (text.length > 2_048) throw bad('invalidValue', 'The list of attributes is too long.');
  return new Set(
    text
      .split(',')
      .map((name) => (name.trim().split(':').at(-1) ?? '').split('.')[0]?.toLowerCase() ?? '')
      .filter((name) => name !== ''),
  );
}

/** Leaves out what was not asked for. */
export function shown(resource: Json, { attributes, excluded }: Pick<Query, 'attributes' | 'excluded'>): Json {
  const kept = Object.entries(resource).filter(([name]) => {
    const folded = name.toLowerCase();
    if (ALWAYS.has(folded)) return true;
    return attributes.size > 0 ? attributes.has(folded) : !excluded.has(folded);
  });
  return Object.fromEntries(kept);
}

/** The equality by which a filter can be looked up, and whether it says all of it. */
export function lookupOf(
  filter: Filter | undefined,
  columns: Readonly<Record<string, Lookup['column']>>,
): { readonly lookup: Lookup; readonly whole: boolean } | undefined {
  if (filter?.kind === 'compare' && filter.operator === 'eq' && typeof filter.value === 'string') {
    const name = filter.path.length === 1 ? filter.path[0]?.toLowerCase() : undefined;
    const column = name === undefined ? undefined : columns[name];
    return column === undefined ? undefined : { lookup: { column, value: filter.value }, whole: true };
  }
  if (filter?.kind !== 'and') return undefined;
  for (const part of filter.parts) {
    const found = lookupOf(part, columns);
    if (found !== undefined) return { ...found, whole: false };
  }
  return undefined;
}

/**
 * A page of resources. By an indexed equality the database finds it; any other filter is checked row by row, over a bounded
 * number of rows: `tooMany` beyond.
 */
export async function listed(
  query: Query,
  found: ReturnType<typeof lookupOf>,
  read: (lookup: Lookup | undefined, offset: number, limit: number) => Promise<{ resources: Json[]; total: number }>,
): Promise<Json> {
  const { filter, offset, count } = query;
  if (filter === undefined || found?.whole === true) {
    const { resources, total } = await read(found?.lookup, offset, count);
    return listOf(resources, total, query);
  }
  const matching: Json[] = [];
  let total = 0;
  let spentMs = 0;
  for (let at = 0; ; at += SCAN_PAGE) {
    const page = await read(found?.lookup, at, SCAN_PAGE);
    if (page.total > MAX_SCANNED) throw tooMany();
    const beganAt = performance.now();
    for (const one of page.resources) {
      if (spentMs + performance.now() - beganAt > SCAN_MS) throw tooMany();
      if (!holds(filter, one)) continue;
      if (total >= offset && matching.length < count) matching.push(one);
      total += 1;
    }
    spentMs += performance.now() - beganAt;
    if (page.resources.length < SCAN_PAGE) return listOf(matching, total, query);
  }
}

function tooMany(): GatewayError {
  return bad('tooMany', 'Filter by userName, externalId, displayName or id.');
}

function listOf(resources: readonly Json[], totalResults: number, query: Query): Json {
  return {
    schemas: [LIST],
    totalResults,
    startIndex: query.offset + 1,
    itemsPerPage: resources.length,
    Resources: resources.map((one) => shown(one, query)),
  };
}

/** Whether a resource has the version that a condition names: `If-Match`, `If-None-Match`; `*` is any. */
export function isVersion(condition: string, version: string): boolean {
  return condition
    .split(',')
    .map((one) => one.trim())
    .some((one) => one === '*' || one === version || `W/${one}` === version);
}
