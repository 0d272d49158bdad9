import type { JsonValue } from '@sallyport/turn';
import type { JsonObject } from '../../catalog/definition.ts';
import { DocumentFault } from './plan.ts';
import { followed, isNode, type Node, pointedAt } from './read-document.ts';

/** Writes schemas of a document as one schema of a tool: what is referred to is moved to `$defs`, once. */
export interface SchemaWriter {
  write(schema: unknown): JsonValue;
  /** All that was referred to so far, by name. */
  defs(): JsonObject;
}

const MAX_PARTS = 4_000;
const MAX_DEPTH = 40;
const ONE = new Set([
  ...['items', 'additionalProperties', 'not', 'if', 'then', 'else', 'contains', 'propertyNames'],
  ...['unevaluatedProperties', 'unevaluatedItems'],
]);
const SEVERAL = new Set(['allOf', 'anyOf', 'oneOf', 'prefixItems']);
const NAMED = new Set(['properties', 'patternProperties', 'dependentSchemas']);
const PLAIN = new Set([
  ...['type', 'enum', 'const', 'default', 'title', 'description', 'format', 'deprecated'],
  ...['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf', 'minLength', 'maxLength', 'pattern'],
  ...['minItems', 'maxItems', 'uniqueItems', 'minContains', 'maxContains', 'minProperties', 'maxProperties'],
  ...['required', 'dependentRequired', 'contentEncoding', 'contentMediaType'],
]);

/**
 * Makes a writer. `leaveOut` says which members of objects belong to the other direction: `readOnly` ones are never sent,
 * `writeOnly` ones never come. What JSON Schema does not know (examples, xml, extensions) is left behind. References stay
 * references, so that neither a circle nor a fan of them grows into anything.
 */
export function schemaWriter(document: Node, leaveOut: 'readOnly' | 'writeOnly'): SchemaWriter {
  const names = new Map<string, string>();
  const defs: JsonObject = {};
  const open: string[] = [];
  let parts = 0;

  const nameOf = (reference: string): string => {
    const held = names.get(reference);
    if (held !== undefined) return held;
    const last = reference.slice(reference.lastIndexOf('/') + 1);
    const base = last.replace(/[^A-Za-z0-9_.-]+/g, '_').slice(0, 64) || '_';
    const taken = new Set(names.values());
    let name = base;
    for (let n = 2; taken.has(name); n++) name = `${base}_${n}`;
    names.set(reference, name);
    open.push(reference);
    return name;
  };

  const write = (schema: unknown, depth: number): JsonValue => {
    if (typeof schema === 'boolean') return schema;
    if (!isNode(schema)) throw new DocumentFault('a schema is no schema');
    if (depth > MAX_DEPTH) throw new DocumentFault(`a schema is deeper than ${MAX_DEPTH}`);
    if (++parts > MAX_PARTS) throw new DocumentFault(`its schemas have more than ${MAX_PARTS} parts`);
    const out: JsonObject = {};
    if (typeof schema.$ref === 'string') {
      pointedAt(document, schema.$ref);
      out.$ref = `#/$defs/${nameOf(schema.$ref)}`;
    } else if (schema.$dynamicRef !== undefined) throw new DocumentFault('$dynamicRef is not followed');
    for (const [key, value] of Object.entries(schema)) {
      if (PLAIN.has(key)) out[key] = value as JsonValue;
      else if (ONE.has(key)) out[key] = write(value, depth + 1);
      else if (SEVERAL.has(key) && Array.isArray(value)) out[key] = value.map((one) => write(one, depth + 1));
      else if (NAMED.has(key) && isNode(value)) out[key] = members(value, depth, key === 'properties');
    }
    const gone = Object.keys(isNode(schema.properties) ? schema.properties : {}).filter(
      (name) => !Object.hasOwn(out.properties as object, name),
    );
    if (Array.isArray(out.required)) out.required = out.required.filter((name) => !gone.includes(String(name)));
    // What 3.0 called `format: binary` has no type since; in arguments and results it is base64.
    if (out.type === undefined && out.contentMediaType === 'application/octet-stream') {
      return { ...out, type: 'string', contentEncoding: 'base64' };
    }
    return out;
  };

  const members = (named: Node, depth: number, areProperties: boolean): JsonObject => {
    const kept = Object.entries(named).filter(([, one]) => !areProperties || !isNode(one) || !belongs(one));
    return Object.fromEntries(kept.map(([name, one]) => [name, write(one, depth + 1)]));
  };
  const belongs = (schema: Node): boolean => {
    if (schema[leaveOut] === true) return true;
    const target = typeof schema.$ref === 'string' ? followed(document, schema) : undefined;
    return isNode(target) && target[leaveOut] === true;
  };

  return {
    write: (schema) => write(schema, 1),
    defs() {
      for (let reference = open.shift(); reference !== undefined; reference = open.shift()) {
        defs[nameOf(reference)] = write(pointedAt(document, reference), 1);
      }
      return defs;
    },
  };
}
