import { asString, isObject } from '../../chat/json.ts';

/** Fields by which tools and items name what is stored at the provider, for the whole account. */
const naming: ReadonlySet<string> = new Set([
  'container_id',
  'file_id',
  'file_ids',
  'vector_store_ids',
  'comparison_response_id',
]);

/** Deeper no item of the API goes. */
const DEEPEST = 6;

/** The first name of something stored at the provider in a value, with its place; undefined where there is none. */
export function storedName(value: unknown, path: string, depth = 0): { field: string; id: string } | undefined {
  if (depth > DEEPEST || value === null || typeof value !== 'object') return undefined;
  for (const [key, child] of Object.entries(value)) {
    const field = Array.isArray(value) ? `${path}[${key}]` : `${path}.${key}`;
    const isName = naming.has(key) || (key === 'container' && typeof child === 'string');
    if (isName && child !== null && (!Array.isArray(child) || child.length > 0)) {
      return { field, id: asString(child) ?? '' };
    }
    const found = storedName(child, field, depth + 1);
    if (found) return found;
  }
  return undefined;
}

/** Whether an item names a call of a provider-run tool, or what came of one, by which more than its words may be reached. */
export function isProviderItem(item: unknown): boolean {
  if (!isObject(item) || typeof item.type !== 'string') return false;
  return !KNOWN.has(item.type) && !item.type.startsWith('mcp_');
}

const KNOWN: ReadonlySet<string> = new Set([
  'message',
  'function_call',
  'function_call_output',
  'custom_tool_call',
  'custom_tool_call_output',
  'reasoning',
  'item_reference',
]);
