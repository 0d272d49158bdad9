import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { RequestHandlerExtra } from '@modelcontextprotocol/sdk/shared/protocol.js';
import {
  CallToolRequestSchema,
  type CallToolResult,
  CompleteRequestSchema,
  CreateMessageResultSchema,
  ElicitResultSchema,
  GetPromptRequestSchema,
  type GetPromptResult,
  isInitializeRequest,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  ListRootsResultSchema,
  ListToolsRequestSchema,
  McpError,
  ReadResourceRequestSchema,
  type ServerNotification,
  type ServerRequest,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { completed, contentsAt, resources, templates } from './contents.ts';
import { type Lists, listed, listedPrompt } from './lists.ts';
import type { ClientRequest, FixtureCall, Needed } from './tools.ts';

const INVALID_PARAMS = -32602;
const NOT_FOUND = -32002;
const MAX_ROUNDS = 8;
const RESULTS = {
  'elicitation/create': ElicitResultSchema,
  'sampling/createMessage': CreateMessageResultSchema,
  'roots/list': ListRootsResultSchema,
};

type Extra = RequestHandlerExtra<ServerRequest, ServerNotification>;

/** The fixture on the revisions with a handshake, by the official server of that line, a session a client. */
export function olderLine(lists: Lists) {
  const sessions = new Map<string, StreamableHTTPServerTransport>();
  return {
    async handle(req: IncomingMessage, res: ServerResponse, body: unknown): Promise<void> {
      const id = req.headers['mcp-session-id'];
      const held = typeof id === 'string' ? sessions.get(id) : undefined;
      const transport = held ?? (id === undefined && isInitializeRequest(body) ? await open() : undefined);
      if (transport !== undefined) return transport.handleRequest(req, res, body);
      res.writeHead(id === undefined ? 400 : 404, { 'content-type': 'application/json' });
      res.end('{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"There is no such session."}}');
    },
    /** Forgets all sessions, as a restart does. */
    async close(): Promise<void> {
      for (const transport of [...sessions.values()]) await transport.close();
    },
  };

  async function open(): Promise<StreamableHTTPServerTransport> {
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void sessions.set(id, transport),
    });
    const server = build(lists);
    const unwatch = lists.watch((list) => {
      const told = list === 'tools' ? server.sendToolListChanged() : server.sendPromptListChanged();
      told.catch(() => undefined);
    });
    transport.onclose = () => {
      unwatch();
      sessions.delete(transport.sessionId ?? '');
    };
    await server.connect(transport as Parameters<Server['connect']>[0]);
    return transport;
  }
}

function build(lists: Lists): Server {
  const capabilities = {
    tools: { listChanged: true },
    prompts: { listChanged: true },
    resources: { listChanged: true, subscribe: true },
    completions: {},
    logging: {},
  };
  const server = new Server({ name: 'conformance-fixture', version: '1.0.0' }, { capabilities });
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: lists.tools().map(listed) }));
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, extra) => {
    const tool = lists.tools().find(({ name }) => name === params.name);
    if (tool === undefined) throw new McpError(INVALID_PARAMS, `Unknown tool: ${params.name}`);
    const call = callOf(params.arguments ?? {}, server, extra, lists);
    return (await inRounds(extra, async (answers, state) => tool.run({ ...call, answers, state }))) as CallToolResult;
  });
  server.setRequestHandler(ListResourcesRequestSchema, () => ({ resources: [...resources] }));
  server.setRequestHandler(ListResourceTemplatesRequestSchema, () => ({ resourceTemplates: [...templates] }));
  server.setRequestHandler(ReadResourceRequestSchema, ({ params: { uri } }) => {
    const contents = contentsAt(uri);
    if (contents === undefined) throw new McpError(NOT_FOUND, 'Resource not found', { uri });
    return { contents: [contents as { uri: string; text: string }] };
  });
  server.setRequestHandler(SubscribeRequestSchema, () => ({}));
  server.setRequestHandler(UnsubscribeRequestSchema, () => ({}));
  server.setRequestHandler(ListPromptsRequestSchema, () => ({
    prompts: lists.prompts().map(listedPrompt),
  }));
  server.setRequestHandler(GetPromptRequestSchema, async ({ params }, extra) => {
    const prompt = lists.prompts().find(({ name }) => name === params.name);
    if (prompt === undefined) throw new McpError(INVALID_PARAMS, `Unknown prompt: ${params.name}`);
    return (await inRounds(extra, async (answers) => {
      const messages = prompt.messages(params.arguments ?? {}, answers);
      return 'needs' in messages ? messages : { description: prompt.description, messages };
    })) as GetPromptResult;
  });
  server.setRequestHandler(CompleteRequestSchema, ({ params }) => ({
    completion: { values: completed(params.argument.value), hasMore: false },
  }));
  return server;
}

/** Asks the client for what is needed, over the stream of its request, until there is a result. */
async function inRounds<T extends object>(
  extra: Extra,
  once: (answers: FixtureCall['answers'], state: string | undefined) => Promise<T | Needed>,
): Promise<T> {
  let answers: Record<string, unknown> | undefined;
  let state: string | undefined;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const answer = await once(answers, state);
    if (!('needs' in answer)) return answer;
    const given = Object.entries(answer.needs).map(async ([key, asked]) => [key, await ask(extra, asked)] as const);
    answers = Object.fromEntries(await Promise.all(given));
    state = answer.state;
  }
  throw new McpError(INVALID_PARAMS, 'Too many rounds.');
}

const ask = (extra: Extra, { method, params }: ClientRequest) =>
  extra.sendRequest({ method, params } as unknown as ServerRequest, RESULTS[method]);

function callOf(args: Record<string, unknown>, server: Server, extra: Extra, lists: Lists): FixtureCall {
  const progressToken = extra._meta?.progressToken;
  return {
    args,
    answers: undefined,
    state: undefined,
    client: (server.getClientCapabilities() ?? {}) as Record<string, unknown>,
    async progress(progress, total) {
      if (progressToken === undefined) return;
      await extra.sendNotification({ method: 'notifications/progress', params: { progressToken, progress, total } });
    },
    log: (data) => extra.sendNotification({ method: 'notifications/message', params: { level: 'info', data } }),
    lacks(capability) {
      throw new McpError(INVALID_PARAMS, `The client does not have the capability ${capability}.`);
    },
    toggle: lists.toggle,
  };
}
