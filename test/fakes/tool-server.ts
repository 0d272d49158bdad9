import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node';
import {
  type CallToolResult,
  createMcpHandler,
  type ElicitResult,
  isInitializeRequest,
  legacyStatelessFallback,
  Server,
  type Tool,
} from '@modelcontextprotocol/server';
import { type ListenOptions, listen, type RecordedRequest, recordRequest } from './listening.ts';

export { findSecret, type RecordedRequest } from './listening.ts';

/** What a tool gets besides its arguments. */
export interface FakeToolContext {
  /** Fires when the caller cancels or leaves. */
  readonly signal: AbortSignal;
  /** Tells the caller how far it is; nothing where it does not want to know. */
  readonly progress: (progress: number, total: number, message: string) => Promise<void>;
  /** Logs to the caller. */
  readonly log: (level: 'debug' | 'info' | 'error', data: string) => Promise<void>;
  /** Asks the user of a caller of the older line by a form, on the stream of the call or on the one beside all calls. */
  readonly ask: (message: string, where: 'call' | 'beside') => Promise<ElicitResult>;
  /** Has a caller of the older line ask a model; gives what that said. */
  readonly sample: (text: string, where: 'call' | 'beside') => Promise<string>;
  /** Logs on the stream beside all calls. */
  readonly logBeside: (data: string) => Promise<void>;
}

/** A tool under a test's control. What `run` returns is sent as it is, whether or not it fits `outputSchema`. */
export interface FakeTool {
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly inputSchema?: Tool['inputSchema'];
  readonly outputSchema?: Tool['outputSchema'];
  readonly annotations?: Tool['annotations'];
  readonly run: (args: Record<string, unknown>, context: FakeToolContext) => CallToolResult | Promise<CallToolResult>;
}

/** An answer that is not of MCP. */
export interface FakeAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: object;
}

/** How a fake tool server listens and what it speaks. */
export interface FakeToolServerOptions extends ListenOptions {
  readonly tools?: readonly FakeTool[];
  /** Demanded as bearer; absent: none. */
  readonly key?: string;
  /** Answers requests in place of the server where it gives an answer. */
  readonly before?: (request: RecordedRequest) => FakeAnswer | undefined;
  /** Whether a tool is listed for who asks; default: all are, for everybody. */
  readonly offers?: (tool: string, request: RecordedRequest) => boolean;
  /** Which revisions it serves; default both. `2025-11-25` stands for all of the older line. */
  readonly revisions?: 'both' | '2025-11-25' | '2026-07-28';
  /** Gives session ids to the older line and demands them; stateless otherwise. Only with `revisions: '2025-11-25'`. */
  readonly sessions?: boolean;
  /** What it has besides tools. */
  readonly more?: (server: Server) => void;
  /** Tools to a page of `tools/list`; all on one when absent. */
  readonly pageSize?: number;
}

/** A way to answer wrongly before MCP is even reached. */
export type ToolServerFault = 'hang' | 'garbage' | 'status-500' | 'cut';

/** An MCP server over Streamable HTTP under a test's control. */
export interface FakeToolServer {
  /** The MCP endpoint. */
  readonly url: string;
  /** Every HTTP request, with headers and body, in order of arrival. */
  readonly requests: RecordedRequest[];
  /** Every tool call that reached a tool. */
  readonly calls: { readonly name: string; readonly arguments: Record<string, unknown> }[];
  /** Adds a tool or changes its definition in place (drift), and tells listening clients. */
  setTool(tool: FakeTool): void;
  removeTool(name: string): void;
  /** Tells whoever listens for it that a resource has changed; sessions of the older line are all told. */
  updated(uri: string): Promise<void>;
  /** Makes every request fail until called with undefined. */
  setFault(fault: ToolServerFault | undefined): void;
  /** Forgets all sessions, as a restart does. */
  dropSessions(): Promise<void>;
  close(): Promise<void>;
}

/** Starts a tool server at `/mcp`. */
export async function startFakeToolServer(options: FakeToolServerOptions = {}): Promise<FakeToolServer> {
  const tools = new Map((options.tools ?? []).map((tool) => [tool.name, tool]));
  const requests: RecordedRequest[] = [];
  const calls: { name: string; arguments: Record<string, unknown> }[] = [];
  const sessions = new Map<string, NodeStreamableHTTPServerTransport>();
  const inSessions = new Map<string, Server>();
  let fault: ToolServerFault | undefined;

  const asking = new AsyncLocalStorage<RecordedRequest>();
  const offered = (tool: string) => {
    const request = asking.getStore();
    return request === undefined || options.offers?.(tool, request) !== false;
  };
  const build = () => {
    const server = buildServer(tools, calls, options.pageSize, offered);
    options.more?.(server);
    return server;
  };
  const modern = createMcpHandler(build, { legacy: options.revisions === '2026-07-28' ? 'reject' : 'stateless' });
  const handler = toNodeHandler(
    options.revisions === '2025-11-25' ? { fetch: legacyStatelessFallback(build) } : modern,
  );

  const listening = await listen(async (req, res) => {
    const recorded = await recordRequest(req);
    requests.push(recorded);
    res.once('close', () => {
      recorded.aborted = !res.writableFinished;
    });
    if (fault !== undefined) {
      if (fault === 'hang') return;
      if (fault === 'cut') return void res.destroy();
      res
        .writeHead(fault === 'garbage' ? 200 : 500, { 'content-type': 'text/html' })
        .end('<h1>Not what you asked for</h1>');
      return;
    }
    const answer = options.before?.(recorded);
    if (answer !== undefined) {
      res.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers });
      return void res.end(JSON.stringify(answer.body));
    }
    if (options.key !== undefined && recorded.headers.authorization !== `Bearer ${options.key}`) {
      res.writeHead(401, { 'content-type': 'application/json', 'www-authenticate': 'Bearer realm="fake"' });
      res.end('{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"unauthenticated"}}');
      return;
    }
    if (options.sessions !== true)
      return void (await asking.run(recorded, () => handler(req as Parameters<typeof handler>[0], res, recorded.json)));
    const id = recorded.headers['mcp-session-id'];
    const transport =
      id === undefined && isInitializeRequest(recorded.json) ? await openSession() : sessions.get(id ?? '');
    if (transport === undefined) {
      res.writeHead(id === undefined ? 400 : 404, { 'content-type': 'application/json' });
      res.end('{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"no such session"}}');
      return;
    }
    await asking.run(recorded, () => transport.handleRequest(req, res, recorded.json));
  }, options);

  async function openSession(): Promise<NodeStreamableHTTPServerTransport> {
    const id = randomUUID();
    const transport = new NodeStreamableHTTPServerTransport({ sessionIdGenerator: () => id });
    sessions.set(id, transport);
    const server = build();
    inSessions.set(id, server);
    await server.connect(transport);
    transport.onclose = () => {
      sessions.delete(id);
      inSessions.delete(id);
    };
    return transport;
  }

  const toolsChanged = () => {
    modern.notify.toolsChanged();
    for (const server of inSessions.values()) void server.sendToolListChanged().catch(() => undefined);
  };
  const dropSessions = async () => {
    for (const transport of [...sessions.values()]) await transport.close();
    sessions.clear();
  };
  return {
    url: `${listening.url}/mcp`,
    requests,
    calls,
    setTool: (tool) => {
      tools.set(tool.name, tool);
      toolsChanged();
    },
    removeTool: (name) => {
      tools.delete(name);
      toolsChanged();
    },
    async updated(uri) {
      modern.notify.resourceUpdated(uri);
      for (const server of inSessions.values()) await server.sendResourceUpdated({ uri }).catch(() => undefined);
    },
    setFault: (next) => {
      fault = next;
    },
    dropSessions,
    close: async () => {
      await dropSessions();
      await modern.close();
      await listening.close();
    },
  };
}

function buildServer(
  tools: ReadonlyMap<string, FakeTool>,
  calls: FakeToolServer['calls'],
  pageSize: number | undefined,
  offered: (tool: string) => boolean,
): Server {
  const server = new Server(
    { name: 'fake-tools', version: '1.0.0' },
    { capabilities: { tools: { listChanged: true } } },
  );
  server.setRequestHandler('tools/list', ({ params }) => {
    const listed = [...tools.values()].filter(({ name }) => offered(name));
    const all = listed.map(({ run: _, ...definition }): Tool => ({ inputSchema: { type: 'object' }, ...definition }));
    if (pageSize === undefined) return { tools: all };
    const from = Number(params?.cursor ?? 0);
    const next = from + pageSize;
    return { tools: all.slice(from, next), ...(next < all.length ? { nextCursor: String(next) } : {}) };
  });
  server.setRequestHandler('tools/call', async ({ params }, context) => {
    const tool = tools.get(params.name);
    if (tool === undefined) return { content: [{ type: 'text', text: `Unknown tool: ${params.name}` }], isError: true };
    calls.push({ name: params.name, arguments: params.arguments ?? {} });
    const { signal, notify } = context.mcpReq;
    const token = context.mcpReq._meta?.progressToken;
    const progress: FakeToolContext['progress'] = async (done, total, message) => {
      if (token === undefined) return;
      const told = { progressToken: token, progress: done, total, message };
      await notify({ method: 'notifications/progress', params: told });
    };
    const log: FakeToolContext['log'] = (level, data) =>
      notify({ method: 'notifications/message', params: { level, data } });
    const ask: FakeToolContext['ask'] = (message, where) => {
      const form = {
        message,
        requestedSchema: { type: 'object' as const, properties: { name: { type: 'string' as const } } },
      };
      return where === 'call' ? context.mcpReq.elicitInput(form) : server.elicitInput(form);
    };
    const sample: FakeToolContext['sample'] = async (text, where) => {
      const request = {
        messages: [{ role: 'user' as const, content: { type: 'text' as const, text } }],
        maxTokens: 4_000,
      };
      const asked = where === 'call' ? context.mcpReq.requestSampling(request) : server.createMessage(request);
      const { content } = await asked;
      return JSON.stringify(content);
    };
    const logBeside: FakeToolContext['logBeside'] = (data) => server.sendLoggingMessage({ level: 'info', data });
    return tool.run(params.arguments ?? {}, { signal, progress, log, ask, sample, logBeside });
  });
  return server;
}
