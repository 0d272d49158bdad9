import type { Definition, JsonObject } from '../catalog/definition.ts';

const SHOWN: JsonObject = {
  type: 'object',
  description:
    'As shown by the gateway: a value that an outsider could write stands as {"$handle": …}, to be passed on as it is.',
};
const written = new WeakMap<Definition, { input: JsonObject; output: JsonObject | undefined }>();

/** The input schema for clients: without `x-mcp-header`, since the gate itself tells the server by headers. */
export function clientInputSchema(definition: Definition): JsonObject {
  return schemasOf(definition).input;
}

/**
 * The output schema for clients: what the tool gives, or what the gate shows of it. Clients check structured content
 * against it (2025-06-18 and later: a server MUST give what fits), and in a masked result handles stand where the tool's
 * own schema wants texts. Undefined where that cannot be said: a tool without output schema may give any object.
 */
export function clientOutputSchema(definition: Definition): JsonObject | undefined {
  return schemasOf(definition).output;
}

function schemasOf(definition: Definition) {
  let held = written.get(definition);
  if (!held) {
    const { inputSchema, outputSchema } = definition;
    held = { input: withoutMirrors(inputSchema), output: outputSchema && withReading(outputSchema) };
    written.set(definition, held);
  }
  return held;
}

function withReading(schema: JsonObject): JsonObject | undefined {
  // Moved one level down, a reference to `#` or into `properties` would point elsewhere.
  const refers = JSON.stringify(schema).match(/"\$(?:ref|dynamicRef|recursiveRef)":"#[^"]*"/g) ?? [];
  if (refers.some((one) => !/"#\/(\$defs|definitions)\//.test(one))) return undefined;
  const { $defs, definitions, $schema, ...own } = schema;
  return {
    ...($schema === undefined ? {} : { $schema }),
    ...($defs === undefined ? {} : { $defs }),
    ...(definitions === undefined ? {} : { definitions }),
    type: 'object',
    anyOf: [own, SHOWN],
  };
}

function withoutMirrors(schema: JsonObject): JsonObject {
  if (!JSON.stringify(schema).includes('"x-mcp-header"')) return schema;
  const copy = structuredClone(schema);
  const strip = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    if (!Array.isArray(value)) {
      const object = value as JsonObject;
      if (typeof object['x-mcp-header'] === 'string') delete object['x-mcp-header'];
    }
    for (const child of Object.values(value)) strip(child);
  };
  strip(copy);
  return copy;
}
