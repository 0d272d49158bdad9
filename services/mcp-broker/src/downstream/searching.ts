import type { Access } from '@sallyport/peers/access';
import type { JsonObject } from '../catalog/definition.ts';
import type { Toolset } from '../catalog/toolset.ts';
import { CODES, type Revision } from '../protocol.ts';
import { isObject, RpcFault } from './message.ts';

/** Names of the gateway's own tools, where tools are searched. A tool of a server has another: `<server>__<tool>`. */
export const SEARCH_TOOLS = 'search_tools';
/** Calls a tool that was found. */
export const CALL_TOOL = 'call_tool';

/** Most tools that one search gives. */
export const MAX_FOUND = 50;
export const FOUND_UNSAID = 10;
/** Longest query. */
export const MAX_QUERY = 512;

/**
 * Whether an endpoint lists two tools to search and call with, instead of all. The URL says so (`?tools=search`, `?tools=all`):
 * any client can be given one, while few can send headers or members of their own. Unsaid, a toolset's own `mode` counts, and
 * at `/mcp` the AccessPolicies of who asks: a list may follow who asks, never the conversation (MCP 2026-07-28).
 */
export function searchesHere(url: string | undefined, toolset: Toolset | undefined, access: Access): boolean {
  const query = url?.indexOf('?') ?? -1;
  const said = query < 0 ? null : new URLSearchParams(url?.slice(query)).get('tools');
  if (said === 'search') return true;
  if (said === 'all') return false;
  return toolset === undefined ? access.searchesTools : toolset.spec.mode === 'Search';
}

const SEARCH_INPUT = {
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

const SEARCH_OUTPUT = {
  type: 'object',
  properties: {
    tools: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          name: { type: 'string' },
          description: { type: 'string' },
          inputSchema: { type: 'object' },
          tokens: { type: 'integer' },
        },
        required: ['name', 'inputSchema', 'tokens'],
      },
    },
    searched: { type: 'integer' },
    tokens: { type: 'integer' },
    tokensOfAll: { type: 'integer' },
  },
  required: ['tools', 'searched', 'tokens', 'tokensOfAll'],
};

const CALL_INPUT = {
  type: 'object',
  properties: {
    name: {
      type: 'string',
      minLength: 1,
      maxLength: 128,
      description: `Name of the tool, as ${SEARCH_TOOLS} gave it.`,
    },
    arguments: { type: 'object', description: 'Its arguments, by the inputSchema that came with it.' },
  },
  required: ['name'],
  additionalProperties: false,
};

/** The gateway's own two tools, as clients of a revision see them. */
export function ownTools({ structured }: Revision): object[] {
  return [
    {
      name: CALL_TOOL,
      description: `Calls a tool that ${SEARCH_TOOLS} found.`,
      inputSchema: CALL_INPUT,
      annotations: { readOnlyHint: false },
    },
    {
      name: SEARCH_TOOLS,
      description: `Finds tools by what they do, and gives their names, descriptions and input schemas. Call one with ${CALL_TOOL}.`,
      inputSchema: SEARCH_INPUT,
      ...(structured ? { outputSchema: SEARCH_OUTPUT } : {}),
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
  ];
}

/** Something to be called. */
export interface Named {
  readonly name: string;
  readonly given: JsonObject;
}

/**
 * What a call is really of, before anything is decided, limited or recorded of it: the tool that `call_tool` names. It is
 * looked for among the tools of servers alone, so one call never stands in another. Throws RpcFault.
 */
export function unwrapped({ name, given }: Named): Named {
  if (name !== CALL_TOOL) return { name, given };
  const { name: target, arguments: args = {}, ...others } = given;
  if (typeof target !== 'string' || target === '' || !isObject(args) || Object.keys(others).length > 0) {
    const message = `${CALL_TOOL} takes name, a text, and arguments, an object, and nothing else.`;
    throw new RpcFault(CODES.invalidParams, message);
  }
  return { name: target, given: args as JsonObject };
}

/** What is sought. Throws RpcFault where it cannot be read. */
export function searchOf({ query, limit = FOUND_UNSAID, ...others }: JsonObject): { query: string; limit: number } {
  const fits = typeof limit === 'number' && Number.isInteger(limit) && limit >= 1 && limit <= MAX_FOUND;
  const isQuery = typeof query === 'string' && query.trim() !== '' && query.length <= MAX_QUERY;
  if (!isQuery || !fits || Object.keys(others).length > 0) {
    const message = `${SEARCH_TOOLS} takes query, a text of at most ${MAX_QUERY} characters, and limit, 1 to ${MAX_FOUND}.`;
    throw new RpcFault(CODES.invalidParams, message);
  }
  return { query, limit };
}
