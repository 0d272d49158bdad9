import type { JsonValue } from './canonical-json.ts';

type Schema = { [key: string]: JsonValue };

const MAX_SCHEMAS = 64;

/**
 * All parts of a JSON Schema that speak of the value at a pointer's tokens: through `properties`, `items`, `anyOf` and
 * the like, and local `$ref`s. At most 64, so that a hostile schema costs little.
 */
export function schemasAt(root: JsonValue | undefined, tokens: readonly string[]): readonly Schema[] {
  let at: readonly Schema[] = widened(root, [root]);
  for (const token of tokens) {
    at = schemasBelow(root, at, token);
    if (at.length === 0) break;
  }
  return at;
}

/** What `schemasAt` answers one token further on, from what it answered before. */
export function schemasBelow(root: JsonValue | undefined, at: readonly Schema[], token: string): readonly Schema[] {
  return widened(
    root,
    at.flatMap((schema) => children(schema, token)),
  );
}

/** Tells whether a schema declares a member of this name among its `properties`, where the tokens' object stands. */
export function declaresKey(root: JsonValue, tokens: readonly string[], key: string): boolean {
  return schemasAt(root, tokens).some((schema) => member(schema.properties, key) !== undefined);
}

function children(schema: Schema, token: string): (JsonValue | undefined)[] {
  const named = member(schema.properties, token);
  const index = /^\d{1,9}$/.test(token) ? Number(token) : undefined;
  const items = index === undefined ? [] : [schema.items, listed(schema.prefixItems)[index]];
  return named === undefined ? [...items, schema.additionalProperties] : [named, ...items];
}

function widened(root: JsonValue | undefined, start: readonly (JsonValue | undefined)[]): Schema[] {
  const found: Schema[] = [];
  const queue = [...start];
  for (let next = queue.shift(); queue.length > 0 || next !== undefined; next = queue.shift()) {
    if (!isSchema(next) || found.includes(next)) continue;
    if (found.push(next) >= MAX_SCHEMAS) break;
    queue.push(...listed(next.anyOf), ...listed(next.oneOf), ...listed(next.allOf), next.then, next.else);
    if (typeof next.$ref === 'string') queue.push(referred(root, next.$ref));
  }
  return found;
}

function referred(root: JsonValue | undefined, ref: string): JsonValue | undefined {
  if (!ref.startsWith('#/')) return undefined;
  let at = root;
  for (const token of ref.slice(2).split('/')) {
    at = member(at, token.replaceAll('~1', '/').replaceAll('~0', '~'));
  }
  return at;
}

function listed(value: JsonValue | undefined): JsonValue[] {
  return Array.isArray(value) ? value : [];
}

function isSchema(value: JsonValue | undefined): value is Schema {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}

function member(value: JsonValue | undefined, key: string): JsonValue | undefined {
  return isSchema(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}
