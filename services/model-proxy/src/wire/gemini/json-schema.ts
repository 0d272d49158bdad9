import { isObject } from '../../chat/json.ts';
import type { JsonObject } from '../../chat/message.ts';

const types = new Set(['STRING', 'NUMBER', 'INTEGER', 'BOOLEAN', 'ARRAY', 'OBJECT', 'NULL']);
const MAX_DEPTH = 64;

/**
 * Reads Gemini's `Schema`, a part of OpenAPI 3.0 with types in capitals, as JSON Schema. What is JSON Schema already stays as
 * it is. (ai.google.dev/api/caching#Schema)
 */
export function toJsonSchema(schema: JsonObject, depth = 0): JsonObject {
  if (depth > MAX_DEPTH) return {};
  const result: JsonObject = {};
  for (const [key, value] of Object.entries(schema)) {
    if (key === '__proto__' || key === 'nullable' || key === 'propertyOrdering' || key === 'property_ordering')
      continue;
    if (key === 'type' && typeof value === 'string' && types.has(value)) result.type = value.toLowerCase();
    else if (key === 'properties' && isObject(value)) {
      result.properties = Object.fromEntries(
        Object.entries(value).map(([name, one]) => [name, isObject(one) ? toJsonSchema(one, depth + 1) : one]),
      );
    } else if (key === 'items' && isObject(value)) result.items = toJsonSchema(value, depth + 1);
    else if ((key === 'anyOf' || key === 'any_of') && Array.isArray(value)) {
      result.anyOf = value.map((one: unknown) => (isObject(one) ? toJsonSchema(one, depth + 1) : one));
    } else if (/^(min|max)(Length|Items|Properties)$/.test(key) && typeof value === 'string')
      result[key] = Number(value);
    else result[key] = value;
  }
  if (schema.nullable === true && typeof result.type === 'string') result.type = [result.type, 'null'];
  return result;
}
