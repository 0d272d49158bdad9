import { z } from 'zod';
import { PROBLEM_TYPE, problemSchema } from './problem.ts';
import type { Route } from './route.ts';

type Json = Record<string, unknown>;

/** The API's version; it rises when a route changes in a way that breaks callers. */
const VERSION = '1.0.0';

/** The OpenAPI 3.1 document of a list of routes; `prefix` is the path under which they are served. */
export function openApiOf(routes: readonly Route[], prefix: string): Json {
  const components: Json = {};
  const schemaOf = schemasInto(components);
  const problem = {
    description: 'An error.',
    content: { [PROBLEM_TYPE]: { schema: schemaOf(problemSchema, 'output') } },
  };
  const paths: Record<string, Json> = {};
  for (const route of routes) {
    const item: Json = paths[prefix + route.path] ?? {};
    item[route.method] = operationOf(route, schemaOf, problem);
    paths[prefix + route.path] = item;
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Sallyport admin API',
      version: VERSION,
      description: 'Everything here is bounded to the tenant of the key that is presented.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    security: [{ key: [] }],
    paths,
    components: { schemas: components, securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
  };
}

type SchemaOf = (schema: z.ZodType, io: 'input' | 'output') => Json;

function operationOf(route: Route, schemaOf: SchemaOf, problem: Json): Json {
  const parameters = [
    ...parametersOf(route.params, 'path', schemaOf),
    ...parametersOf(route.query, 'query', schemaOf),
    ...(route.idempotent === true ? [IDEMPOTENCY_KEY] : []),
  ];
  return {
    operationId: route.operationId,
    summary: route.summary,
    description: `For ${route.roles.join(', ')}.`,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.body === undefined
      ? {}
      : {
          requestBody: {
            required: !route.body.safeParse({}).success,
            content: { 'application/json': { schema: schemaOf(route.body, 'input') } },
          },
        }),
    responses: {
      [String(route.status)]: {
        description: route.summary,
        ...(route.responseHeaders === undefined ? {} : { headers: headersOf(route.responseHeaders) }),
        ...(route.status === 204
          ? {}
          : { content: { 'application/json': { schema: schemaOf(route.response, 'output') } } }),
      },
      default: problem,
    },
  };
}

function headersOf(headers: Readonly<Record<string, string>>): Json {
  return Object.fromEntries(
    Object.entries(headers).map(([name, description]) => [name, { description, schema: { type: 'string' } }]),
  );
}

const IDEMPOTENCY_KEY: Json = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'The same request again within 24 hours gives the same answer; another request with it is a conflict.',
  schema: { type: 'string', maxLength: 255 },
};

function parametersOf(schema: z.ZodType | undefined, where: 'path' | 'query', schemaOf: SchemaOf): Json[] {
  if (schema === undefined) return [];
  const { properties, required } = schemaOf(schema, 'input') as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(properties ?? {}).map(([name, { description, ...rest }]) => ({
    name,
    in: where,
    required: where === 'path' || (required ?? []).includes(name),
    ...(description === undefined ? {} : { description }),
    schema: rest,
  }));
}

/** Renders zod schemas; those with an id stand once under components and are referred to. */
function schemasInto(components: Json): SchemaOf {
  return (schema, io) => {
    const { $schema: _dialect, $defs, ...rendered } = z.toJSONSchema(schema, { io, target: 'draft-2020-12' }) as Json;
    for (const [id, definition] of Object.entries(($defs ?? {}) as Json)) components[id] = relocated(definition);
    const { id, ...rest } = relocated(rendered) as Json;
    if (typeof id !== 'string') return rest;
    components[id] = rest;
    return { $ref: `#/components/schemas/${id}` };
  };
}

function relocated(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(relocated);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) =>
      key === '$ref' && typeof item === 'string'
        ? [key, item.replace('#/$defs/', '#/components/schemas/')]
        : [key, relocated(item)],
    ),
  );
}
