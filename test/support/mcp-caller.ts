import { connect } from 'node:net';

/** Who asks, where, and in which revision of MCP. */
export interface McpCaller {
  readonly key: string;
  /** The endpoint, `http://host:port/mcp…`. */
  readonly url: string;
  readonly revision: string;
  /** Session id of the older line. */
  readonly session?: string;
}

/** An answer of JSON-RPC. */
export interface McpAnswer {
  readonly id?: unknown;
  readonly result?: {
    readonly content?: readonly { readonly text?: string }[];
    readonly isError?: boolean;
    readonly tools?: readonly { readonly name: string }[];
  };
  readonly error?: { readonly code: number; readonly message: string };
}

const CLIENT = { name: 'caller', version: '1.0.0' };
const MODERN = '2026-07-28';
const META = 'io.modelcontextprotocol/';

function written({ key, revision, session }: McpCaller, method: string, params: Record<string, unknown>) {
  const modern = revision === MODERN;
  const _meta = {
    [`${META}protocolVersion`]: revision,
    [`${META}clientInfo`]: CLIENT,
    [`${META}clientCapabilities`]: {},
  };
  const headers: Record<string, string> = {
    authorization: `Bearer ${key}`,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': revision,
    ...(session === undefined ? {} : { 'mcp-session-id': session }),
    ...(modern ? { 'mcp-method': method } : {}),
    ...(modern && typeof params.name === 'string' ? { 'mcp-name': params.name } : {}),
  };
  // Everybody's request has the same id: an answer that went to somebody else would be taken for theirs.
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: modern ? { ...params, _meta } : params });
  return { headers, body };
}

/** Asks one thing; rejects where there is no answer of JSON-RPC. */
export async function ask(
  caller: McpCaller,
  method: string,
  params: Record<string, unknown> = {},
  withinMs = 20_000,
): Promise<McpAnswer> {
  const { headers, body } = written(caller, method, params);
  const signal = AbortSignal.timeout(withinMs);
  const answer = await fetch(caller.url, { method: 'POST', headers, body, signal });
  const text = await answer.text();
  if (!(answer.headers.get('content-type') ?? '').includes('event-stream')) return JSON.parse(text) as McpAnswer;
  const last = text.split('\n').findLast((line) => line.startsWith('data: {'));
  return JSON.parse(last?.slice(6) ?? '') as McpAnswer;
}

/** The first text of a call's answer; of a refusal what it says, behind `error`. */
export async function callText(caller: McpCaller, name: string, args: object): Promise<string> {
  const { result, error } = await ask(caller, 'tools/call', { name, arguments: args });
  if (error !== undefined) return `error ${error.message}`;
  return `${result?.isError === true ? 'error ' : ''}${result?.content?.[0]?.text ?? ''}`;
}

/** Shakes hands in the older line; in the newer there is nothing to do. */
export async function opened(caller: McpCaller): Promise<McpCaller> {
  if (caller.revision === MODERN) return caller;
  const params = { protocolVersion: caller.revision, capabilities: {}, clientInfo: CLIENT };
  const { headers, body } = written(caller, 'initialize', params);
  const answer = await fetch(caller.url, { method: 'POST', headers, body });
  await answer.text();
  return { ...caller, session: answer.headers.get('mcp-session-id') ?? '' };
}

/** Asks as `ask` does, but writes one byte at a time, each in a packet of its own. */
export async function askByteByByte(
  caller: McpCaller,
  method: string,
  params: Record<string, unknown>,
): Promise<McpAnswer> {
  const { headers, body } = written(caller, method, params);
  const { hostname, port, pathname, host } = new URL(caller.url);
  const length = String(Buffer.byteLength(body));
  const lines = Object.entries({ ...headers, host, 'content-length': length, connection: 'close' });
  const head = [`POST ${pathname} HTTP/1.1`, ...lines.map(([name, value]) => `${name}: ${value}`), '', ''].join('\r\n');
  const bytes = Buffer.from(head + body);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  const read = (async () => {
    const chunks: Buffer[] = [];
    for await (const chunk of socket) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString('utf8');
  })();
  for (const byte of bytes) {
    socket.write(Buffer.of(byte));
    await new Promise((resolve) => setImmediate(resolve));
  }
  const text = await read;
  const json = /\{"jsonrpc".*\}/.exec(text)?.[0];
  if (json === undefined) throw new Error(`no answer in: ${text.slice(0, 300)}`);
  return JSON.parse(json) as McpAnswer;
}
