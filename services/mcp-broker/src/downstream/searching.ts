import type { Access } from '@sallyport/peers/access';
import { CALL_TOOL, callInput, readSearch, readWrapped, SEARCH_INPUT, SEARCH_TOOLS } from '@sallyport/turn';
import type { JsonObject } from '../catalog/definition.ts';
import type { Toolset } from '../catalog/toolset.ts';
import { CODES, type Revision } from '../protocol.ts';
import { RpcFault } from './message.ts';

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

/** The gateway's own two tools, as clients of a revision see them. */
export function ownTools({ structured }: Revision): object[] {
  return [
    {
      name: CALL_TOOL,
      description: `Calls a tool that ${SEARCH_TOOLS} found.`,
      inputSchema: callInput(SEARCH_TOOLS),
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

/** What a call is really of, where it is one of a tool that was found. Throws RpcFault where it cannot be read. */
export function unwrapped({ name, given }: Named): Named {
  if (name !== CALL_TOOL) return { name, given };
  const read = readWrapped(given);
  if ('fault' in read) throw new RpcFault(CODES.invalidParams, read.fault);
  return { name: read.name, given: read.args };
}

/** What is sought. Throws RpcFault where it cannot be read. */
export function searchOf(given: JsonObject): { readonly query: string; readonly limit: number } {
  const read = readSearch(given);
  if ('fault' in read) throw new RpcFault(CODES.invalidParams, read.fault);
  return read;
}
