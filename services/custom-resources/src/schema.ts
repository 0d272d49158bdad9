import { z } from 'zod';

/** The part of a structural OpenAPI schema that our resources use. */
export type Schema = {
  type?: string;
  description?: string;
  default?: unknown;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema;
  items?: Schema;
  required?: string[];
  [keyword: string]: unknown;
};

const cache = new WeakMap<z.ZodType, Schema>();

/**
 * The OpenAPI 3.0 schema of a zod schema as input (defaulted fields are optional). Keywords that a structural schema
 * refuses do not come out of the constructs that resources use; `schema.test.ts` holds that.
 */
export function openApiSchema(type: z.ZodType): Schema {
  const held = cache.get(type);
  if (held !== undefined) return held;
  const schema = withWholeDefaults(z.toJSONSchema(type, { target: 'openapi-3.0', io: 'input' }) as Schema);
  cache.set(type, schema);
  return schema;
}

// The API server checks CEL rules on a default before it fills in the defaults inside of it, so `{}` must be spelled out.
function withWholeDefaults(schema: Schema): Schema {
  if (schema.items !== undefined) return { ...schema, items: withWholeDefaults(schema.items) };
  if (schema.properties === undefined) return schema;
  const properties = Object.fromEntries(
    Object.entries(schema.properties).map(([name, property]) => [name, withWholeDefaults(property)]),
  );
  const inner = Object.entries(properties).flatMap(([name, property]) =>
    property.default === undefined ? [] : [[name, property.default] as const],
  );
  const whole =
    schema.default === undefined ? {} : { default: { ...Object.fromEntries(inner), ...(schema.default as object) } };
  return { ...schema, ...whole, properties };
}
