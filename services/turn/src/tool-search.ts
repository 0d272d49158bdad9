import type { JsonValue } from './canonical-json.ts';
import { isJsonObject } from './exact-number.ts';

/** Names of the gateway's own tools, where tools are searched. A tool of a server has another: `<server>__<tool>`. */
export const SEARCH_TOOLS = 'search_tools';
/** Calls a tool that was found. */
export const CALL_TOOL = 'call_tool';

/** Most tools that one search gives. */
const MAX_FOUND = 50;
const FOUND_UNSAID = 10;
/** Longest query. */
const MAX_QUERY = 512;

/** What a search takes, as JSON Schema. */
export const SEARCH_INPUT = {
  type: 'object',
  properties: {
    query: {
      type: 'string',
      minLength: 1,
      maxLength: MAX_QUERY,
      description: 'What the tool should do, in a few words, or its name.',
    },
    limit: { type: 'integer', minimum: 1, maximum: MAX_FOUND, default: FOUND_UNSAID },
  },
  required: ['query'],
  additionalProperties: false,
};

/** What a call of a tool that was found takes, as JSON Schema; `search` is the name of the search. */
export function callInput(search: string) {
  return {
    type: 'object',
    properties: {
      name: { type: 'string', minLength: 1, maxLength: 128, description: `Name of the tool, as ${search} gave it.` },
      arguments: { type: 'object', description: 'Its arguments, by the inputSchema that came with it.' },
    },
    required: ['name'],
    additionalProperties: false,
  };
}

type Members = { [name: string]: JsonValue };

/** What is sought; what is wrong with it, where it cannot be read. */
export function readSearch({
  query,
  limit = FOUND_UNSAID,
  ...others
}: Members): { readonly query: string; readonly limit: number } | { readonly fault: string } {
  const fits = typeof limit === 'number' && Number.isInteger(limit) && limit >= 1 && limit <= MAX_FOUND;
  const isQuery = typeof query === 'string' && query.trim() !== '' && query.length <= MAX_QUERY;
  if (isQuery && fits && Object.keys(others).length === 0) return { query, limit };
  const fault = `${SEARCH_TOOLS} takes query, a text of at most ${MAX_QUERY} characters, and limit, 1 to ${MAX_FOUND}.`;
  return { fault };
}

/**
 * What a call is really of, before anything is decided, limited or recorded of it: the tool that `call_tool` names. Who looks
 * for it looks among the tools of servers alone, so that one call never stands in another.
 */
export function readWrapped({
  name,
  arguments: args = {},
  ...others
}: Members): { readonly name: string; readonly args: Members } | { readonly fault: string } {
  if (typeof name === 'string' && name !== '' && isJsonObject(args) && Object.keys(others).length === 0)
    return { name, args };
  return { fault: `${CALL_TOOL} takes name, a text, and arguments, an object, and nothing else.` };
}
