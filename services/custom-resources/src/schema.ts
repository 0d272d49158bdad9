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
  const schema = z.toJSONSchema(type, { target: 'openapi-3.0', io: 'input' }) as Schema;
  cache.set(type, schema);
  return schema;
}
