import { z } from 'zod';
import { bad } from './faults.ts';
import { type Filter, FORBIDDEN, type Path, parsePath } from './filter.ts';
import { isObject, type Json, keyOf, memberOf } from './json.ts';
import { holds } from './matching.ts';

/** One change of a PATCH request: the operation in lower case, where, and what. */
export interface Operation {
  readonly op: 'add' | 'replace' | 'remove';
  readonly path: Path;
  readonly value: unknown;
}

const MAX_OPERATIONS = 1_000;
const MAX_VALUES = 256;
const IGNORED = new Set(['schemas', 'id', 'meta']);

const body = z.object({
  Operations: z
    .array(z.object({ op: z.string().max(16), path: z.string().max(2_048).nullish(), value: z.unknown() }))
    .min(1)
    .max(MAX_OPERATIONS),
});

/**
 * Reads a PATCH request into operations with a path each. Takes what clients send: `Add` for `add`, values without a path
 * whose names are paths (Entra: `{"name.givenName": …, "urn:…:User:department": …}`), `operations` for `Operations`.
 */
export function readPatch(given: unknown): Operation[] {
  const operations = isObject(given) ? memberOf(given, 'Operations') : undefined;
  const parsed = body.safeParse({
    Operations: Array.isArray(operations) ? operations.map(lowerNames) : operations,
  });
  if (!parsed.success) throw bad('invalidSyntax', 'Send {"Operations": [{"op", "path", "value"}]}.');
  return parsed.data.Operations.flatMap(({ op: written, path, value }) => {
    const op = written.toLowerCase();
    if (op !== 'add' && op !== 'replace' && op !== 'remove') {
      throw bad('invalidSyntax', `There is no operation ${written}.`);
    }
    if (typeof path === 'string' && path !== '') return [{ op, path: parsePath(path), value }];
    if (op === 'remove') throw bad('noTarget', 'An operation that removes needs a path.');
    if (!isObject(value)) throw bad('invalidValue', 'An operation without a path needs an object as value.');
    return Object.entries(value)
      .filter(([name]) => !IGNORED.has(name.toLowerCase()))
      .map(([name, one]) => ({ op, path: parsePath(name), value: one }));
  });
}

function lowerNames(one: unknown): unknown {
  if (!isObject(one)) return one;
  return { op: memberOf(one, 'op'), path: memberOf(one, 'path'), value: memberOf(one, 'value') };
}

/** Applies operations to a resource without its metadata. Nothing of the one given is changed. */
export function applied(resource: Json, operations: readonly Operation[]): Json {
  const result = structuredClone(resource);
  for (const operation of operations) apply(result, operation);
  return result;
}

function apply(root: Json, { op, path, value }: Operation): void {
  const names = [...path.path];
  const last = names.pop() as string;
  let parent = root;
  for (const name of names) {
    const key = keyOf(parent, name) ?? name;
    const held = parent[key];
    if (isObject(held)) parent = held;
    // A member of each value of a list is only reached by a filter.
    else if (held !== undefined && op !== 'remove') throw bad('invalidPath', `${name} has no attributes.`);
    else if (op === 'remove') return;
    else {
      const fresh: Json = {};
      parent[key] = fresh;
      parent = fresh;
    }
  }
  const key = keyOf(parent, last) ?? last;
  if (path.filter !== undefined) within(parent, key, path.filter, path.sub, op, value);
  else if (op === 'remove') remove(parent, key, value);
  else write(parent, key, op, value);
}

function remove(parent: Json, key: string, value: unknown): void {
  const held = parent[key];
  // Entra names what goes in the value of an operation, where the RFC has a filter.
  if (!Array.isArray(held) || !Array.isArray(value) || value.length === 0) delete parent[key];
  else {
    const gone = new Set(value.map(markOf));
    parent[key] = held.filter((one) => !gone.has(markOf(one)));
  }
}

function write(parent: Json, key: string, op: 'add' | 'replace', value: unknown): void {
  const held = parent[key];
  if (op === 'add' && Array.isArray(held)) {
    const known = new Set(held.map(markOf));
    const more = (Array.isArray(value) ? value : [value]).filter((one) => !known.has(markOf(one)));
    parent[key] = bounded([...held, ...more]);
  } else if (isObject(held) && isObject(value)) merge(held, value);
  else if (value === null || value === undefined) delete parent[key];
  else parent[key] = Array.isArray(value) ? bounded(value) : value;
}

function within(
  parent: Json,
  key: string,
  filter: Filter,
  sub: string | undefined,
  op: Operation['op'],
  value: unknown,
): void {
  const held = parent[key];
  const list = Array.isArray(held) ? held : held === undefined ? [] : [held];
  const chosen = (one: unknown) => isObject(one) && holds(filter, one);
  if (op === 'remove') {
    if (sub === undefined) parent[key] = list.filter((one) => !chosen(one));
    else for (const one of list) if (isObject(one) && chosen(one)) delete one[keyOf(one, sub) ?? sub];
    return;
  }
  const change = (one: Json) => {
    if (sub !== undefined) one[keyOf(one, sub) ?? sub] = value;
    else if (isObject(value)) merge(one, value);
    else throw bad('invalidValue', 'A value that is chosen by a filter is an object.');
  };
  const found = list.filter((one): one is Json => isObject(one) && chosen(one));
  for (const one of found) change(one);
  if (found.length > 0) return;
  // Entra replaces emails[type eq "work"].value of people who have none yet.
  const made = exampleOf(filter);
  if (made === undefined) throw bad('noTarget', 'No value is chosen by the filter of the path.');
  change(made);
  parent[key] = bounded([...list, made]);
}

/** The value of which a filter says all by equalities; undefined where it says something else. */
function exampleOf(filter: Filter): Json | undefined {
  const parts = filter.kind === 'and' ? filter.parts : [filter];
  const made: Json = {};
  for (const part of parts) {
    const name = part.kind === 'compare' && part.operator === 'eq' && part.path.length === 1 ? part.path[0] : undefined;
    if (name === undefined || part.kind !== 'compare') return undefined;
    made[name] = part.value;
  }
  return Object.keys(made).length === 0 ? undefined : made;
}

/** Puts the attributes of one object into another. */
function merge(into: Json, value: Json): void {
  for (const [name, one] of Object.entries(value)) {
    if (!FORBIDDEN.has(name.toLowerCase())) into[keyOf(into, name) ?? name] = one;
  }
}

/** What two values of a list have to share to be one: their `value`, else all of them. */
function markOf(one: unknown): string {
  return JSON.stringify((isObject(one) ? memberOf(one, 'value') : undefined) ?? one) ?? '';
}

function bounded<T>(list: T[]): T[] {
  if (list.length > MAX_VALUES) throw bad('invalidValue', `An attribute has at most ${MAX_VALUES} values.`);
  return list;
}
