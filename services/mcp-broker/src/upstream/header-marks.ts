import { UnusableTool } from '../catalog/unusable-tool.ts';

const MARK = 'x-mcp-header';
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/;
const TYPES = ['string', 'integer', 'boolean'];
const MAX_DEPTH = 32;

/**
 * A tool as a server of revision 2026-07-28 listed it, or why it is none: one whose arguments are marked to be repeated in headers
 * (`x-mcp-header`) in a way that cannot be followed is left out, and the others of its server are not (SEP-2243).
 */
export function usableByMarks(tool: unknown): unknown {
  if (!isObject(tool) || typeof tool.name !== 'string') return tool;
  const fault = faultIn(tool.inputSchema, new Set(), 0);
  return fault === undefined ? tool : new UnusableTool(tool.name, fault);
}

function faultIn(schema: unknown, seen: Set<string>, depth: number): string | undefined {
  if (!isObject(schema) || !isObject(schema.properties) || depth > MAX_DEPTH) return undefined;
  for (const property of Object.values(schema.properties)) {
    if (!isObject(property)) continue;
    if (Object.hasOwn(property, MARK)) {
      const mark = property[MARK];
      if (typeof mark !== 'string' || !TOKEN.test(mark)) return `${MARK} is no name of a header`;
      if (!TYPES.includes(String(property.type))) return `${MARK} is for texts, integers and booleans only`;
      if (seen.has(mark.toLowerCase())) return `${MARK} names one header twice`;
      seen.add(mark.toLowerCase());
    }
    const inner = faultIn(property, seen, depth + 1);
    if (inner !== undefined) return inner;
  }
  return undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
