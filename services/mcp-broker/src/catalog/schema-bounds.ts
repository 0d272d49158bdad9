import type { JsonObject } from './definition.ts';

const MAX_BYTES = 65_536;
const MAX_DEPTH = 24;
const MAX_PARTS = 2_000;
const REFERENCES = new Set(['$ref', '$dynamicRef', '$recursiveRef']);
const DATA = new Set(['enum', 'const', 'default', 'examples']);

/**
 * Why a schema, or another object of a definition, that came from a tool server is not used, or undefined. MCP 2026-07-28: external references are never
 * followed, depth and number of parts are bounded. References go to `#` or `#/…` only, and nothing inside changes the base
 * that they count from.
 */
export function schemaFault(schema: JsonObject): string | undefined {
  let parts = 0;
  const visit = (value: unknown, depth: number, isData: boolean): string | undefined => {
    if (typeof value !== 'object' || value === null) return undefined;
    if (depth > MAX_DEPTH) return `schema deeper than ${MAX_DEPTH}`;
    if (++parts > MAX_PARTS) return `schema of more than ${MAX_PARTS} parts`;
    for (const [key, child] of Object.entries(value)) {
      if (key === '__proto__') return 'schema with a member __proto__';
      if (!isData && !Array.isArray(value)) {
        if (REFERENCES.has(key) && typeof child === 'string' && !/^#(\/|$)/.test(child)) return 'external $ref';
        if (key === '$id' && typeof child === 'string' && depth > 1) return 'nested $id';
      }
      const fault = visit(child, depth + 1, isData || DATA.has(key));
      if (fault !== undefined) return fault;
    }
    return undefined;
  };
  // What is too deep to be visited is too deep to be written.
  const fault = visit(schema, 1, false);
  if (fault !== undefined) return fault;
  return JSON.stringify(schema).length > MAX_BYTES ? `schema larger than ${MAX_BYTES} bytes` : undefined;
}
