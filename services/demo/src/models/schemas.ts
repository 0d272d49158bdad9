import type { JsonSchema } from './conversation.ts';
import { isRecord } from './results.ts';

/** The kinds of value a schema may ask for, after `$ref`, unions and null are taken away. */
export type Shape =
  | { kind: 'enum'; options: readonly unknown[] }
  | { kind: 'object'; properties: Readonly<Record<string, JsonSchema>>; required: readonly string[] }
  | { kind: 'array'; items: JsonSchema; min: number; max: number }
  | { kind: 'number'; integer: boolean; min: number; max: number }
  | { kind: 'string'; format: string | undefined; min: number; max: number }
  | { kind: 'boolean' }
  | { kind: 'null' };

/** A shape and whether null is allowed in its place. */
export interface ReadSchema {
  readonly shape: Shape;
  readonly nullable: boolean;
}

/** Reads the part of JSON Schema that structured output uses. Unknown shapes are strings; local `$ref`s are followed up to 32 deep. */
export function readSchema(schema: JsonSchema, root: JsonSchema, depth = 0): ReadSchema {
  const target = resolve(schema, root);
  if (target !== undefined && depth < 32) return readSchema(target, root, depth + 1);
  const branches = [schema.anyOf, schema.oneOf].find(Array.isArray)?.filter(isRecord) ?? [];
  const branch = branches.find((candidate) => candidate.type !== 'null');
  if (branch !== undefined && depth < 32) {
    const read = readSchema(branch, root, depth + 1);
    return { ...read, nullable: read.nullable || branches.some((candidate) => candidate.type === 'null') };
  }
  const types = [schema.type].flat();
  const nullable = types.includes('null') && types.length > 1;
  return {
    shape: shapeOf(schema, types.find((type) => type !== 'null') ?? (types.includes('null') ? 'null' : undefined)),
    nullable,
  };
}

function shapeOf(schema: JsonSchema, type: unknown): Shape {
  if ('const' in schema) return { kind: 'enum', options: [schema.const] };
  const options = schema.enum;
  if (Array.isArray(options) && options.length > 0)
    return { kind: 'enum', options: options.filter((option) => option !== null) };
  if (type === 'null') return { kind: 'null' };
  if (type === 'boolean') return { kind: 'boolean' };
  if (type === 'integer' || type === 'number') {
    const min = numberOr(schema.minimum, numberOr(schema.exclusiveMinimum, -Infinity));
    return { kind: 'number', integer: type === 'integer', min, max: numberOr(schema.maximum, Infinity) };
  }
  if (type === 'array') {
    const items = isRecord(schema.items) ? schema.items : { type: 'string' };
    return {
      kind: 'array',
      items,
      min: numberOr(schema.minItems, 0),
      max: Math.min(50, numberOr(schema.maxItems, 50)),
    };
  }
  if (type === 'object' || isRecord(schema.properties)) {
    const properties = isRecord(schema.properties) ? schema.properties : {};
    const known = Object.entries(properties).filter((entry): entry is [string, JsonSchema] => isRecord(entry[1]));
    const required = Array.isArray(schema.required) ? schema.required.filter((name) => typeof name === 'string') : [];
    return { kind: 'object', properties: Object.fromEntries(known), required };
  }
  const format = typeof schema.format === 'string' ? schema.format : undefined;
  return { kind: 'string', format, min: numberOr(schema.minLength, 0), max: numberOr(schema.maxLength, 2000) };
}

function resolve(schema: JsonSchema, root: JsonSchema): JsonSchema | undefined {
  const ref = schema.$ref;
  if (typeof ref !== 'string' || !ref.startsWith('#')) return undefined;
  let at: unknown = root;
  for (const step of ref.split('/').slice(1))
    at = isRecord(at) ? at[step.replace(/~1/g, '/').replace(/~0/g, '~')] : undefined;
  return isRecord(at) ? at : undefined;
}

function numberOr(value: unknown, fallback: number): number {
  return typeof value === 'number' ? value : fallback;
}
