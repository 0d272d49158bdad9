// A mock tool server for the benchmark: MCP over HTTP without state, revisions 2025-11-25 and 2026-07-28, one tool,
// or, where the path or query says `tools=N`, N of them; with `slow=N` it answers after N milliseconds.
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';

const INFO = { name: 'mock-tools', version: '1.0.0' };
const TOOL = {
  name: 'find',
  description: 'Finds a mail.',
  inputSchema: {
    type: 'object',
    properties: { query: { type: 'string', maxLength: 200 }, limit: { type: 'integer', minimum: 1 } },
    required: ['query'],
  },
};
const TEXT = 'One mail was found: the meeting on Thursday is moved to room 4, bring the numbers of last month.';
let calls = 0;
// Each result is another one, as in life: what is known of one says nothing of the next.
const result = () => ({ content: [{ type: 'text', text: `${TEXT} (${++calls})` }], isError: false });
const CAPABILITIES = { tools: {} };

interface Message {
  readonly id?: string | number;
  readonly method: string;
}

function toolsOf(url: string): object[] {
  const many = Number(/[/?&]tools=(\d+)/.exec(url)?.[1] ?? 0);
  return many === 0 ? [TOOL] : Array.from({ length: many }, (_, index) => ({ ...TOOL, name: `tool-${index}` }));
}

function resultOf(method: string, modern: boolean, url: string): object | undefined {
  switch (method) {
    case 'server/discover':
      return modern
        ? { supportedVersions: ['2026-07-28'], capabilities: CAPABILITIES, ttlMs: 60_000, cacheScope: 'public' }
        : undefined;
    case 'initialize':
      return { protocolVersion: '2025-11-25', capabilities: CAPABILITIES, serverInfo: INFO };
    case 'tools/list':
      return { tools: toolsOf(url), ...(modern ? { ttlMs: 60_000, cacheScope: 'public' } : {}) };
    case 'tools/call':
      return result();
    default:
      return undefined;
  }
}

/** Answers one MCP request, given its body. */
export function answerMcp(url: string, headers: IncomingHttpHeaders, body: string, response: ServerResponse): void {
  const { id, method } = JSON.parse(body) as Message;
  if (id === undefined) return void response.writeHead(202).end();
  const modern = headers['mcp-protocol-version'] === '2026-07-28';
  const result = resultOf(method, modern, url);
  const complete = modern
    ? { ...result, resultType: 'complete', _meta: { 'io.modelcontextprotocol/serverInfo': INFO } }
    : result;
  const answer =
    result === undefined
      ? { jsonrpc: '2.0', id, error: { code: -32601, message: 'Method not found' } }
      : { jsonrpc: '2.0', id, result: complete };
  const text = JSON.stringify(answer);
  const send = () => {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
    response.end(text);
  };
  const slow = /[/?&]slow=(\d+)/.exec(url)?.[1];
  if (slow === undefined) send();
  else setTimeout(send, Number(slow));
}
