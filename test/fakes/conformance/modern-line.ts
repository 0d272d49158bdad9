import { toNodeHandler } from '@modelcontextprotocol/node';
import {
  type CallToolResult,
  CLIENT_CAPABILITIES_META_KEY,
  createMcpHandler,
  createRequestStateCodec,
  type GetPromptResult,
  type InputRequiredResult,
  inputRequired,
  MissingRequiredClientCapabilityError,
  ProtocolError,
  Server,
  type ServerContext,
} from '@modelcontextprotocol/server';
import { completed, contentsAt, resources, templates } from './contents.ts';
import { type Lists, listed, listedPrompt } from './lists.ts';
import type { FixtureCall, Needed } from './tools.ts';

const INVALID_PARAMS = -32602;

/** The fixture on revision 2026-07-28, by the official server of that line. */
export function modernLine(lists: Lists) {
  const states = createRequestStateCodec<string>({ key: 'the fixture seals with these 32 letters' });
  const handler = createMcpHandler(() => build(lists, states), { legacy: 'reject', keepAliveMs: 0 });
  const unwatch = lists.watch((list) => {
    if (list === 'tools') handler.notify.toolsChanged();
    else handler.notify.promptsChanged();
  });
  return {
    handle: toNodeHandler(handler),
    async close() {
      unwatch();
      await handler.close();
    },
  };
}

type States = ReturnType<typeof createRequestStateCodec<string>>;

function build(lists: Lists, states: States): Server {
  const capabilities = {
    tools: { listChanged: true },
    prompts: { listChanged: true },
    resources: { listChanged: true },
    completions: {},
    logging: {},
  };
  const server = new Server(
    { name: 'conformance-fixture', version: '1.0.0' },
    { capabilities, requestState: { verify: (state, context) => states.verify(state, context) } },
  );
  server.setRequestHandler('tools/list', () => ({ tools: lists.tools().map(listed) }));
  server.setRequestHandler('tools/call', async ({ params }, context): Promise<CallToolResult | InputRequiredResult> => {
    const tool = lists.tools().find(({ name }) => name === params.name);
    if (tool === undefined) throw new ProtocolError(INVALID_PARAMS, `Unknown tool: ${params.name}`);
    const answer = await tool.run(callOf(params.arguments ?? {}, context, lists));
    return 'needs' in answer ? await asked(answer, states) : (answer as CallToolResult);
  });
  server.setRequestHandler('resources/list', () => ({ resources: [...resources] }));
  server.setRequestHandler('resources/templates/list', () => ({ resourceTemplates: [...templates] }));
  server.setRequestHandler('resources/read', ({ params }) => {
    const contents = contentsAt(params.uri);
    if (contents === undefined) throw new ProtocolError(INVALID_PARAMS, 'Resource not found', { uri: params.uri });
    return { contents: [contents as { uri: string; text: string }] };
  });
  server.setRequestHandler('prompts/list', () => ({
    prompts: lists.prompts().map(listedPrompt),
  }));
  server.setRequestHandler(
    'prompts/get',
    async ({ params }, context): Promise<GetPromptResult | InputRequiredResult> => {
      const prompt = lists.prompts().find(({ name }) => name === params.name);
      if (prompt === undefined) throw new ProtocolError(INVALID_PARAMS, `Unknown prompt: ${params.name}`);
      const messages = prompt.messages(params.arguments ?? {}, context.mcpReq.inputResponses);
      return 'needs' in messages
        ? await asked(messages, states)
        : ({ description: prompt.description, messages } as GetPromptResult);
    },
  );
  server.setRequestHandler('completion/complete', ({ params }) => ({
    completion: { values: completed(params.argument.value), hasMore: false },
  }));
  return server;
}

async function asked({ needs, state }: Needed, states: States): Promise<InputRequiredResult> {
  return inputRequired({
    inputRequests: needs as Parameters<typeof inputRequired>[0]['inputRequests'] & object,
    ...(state === undefined ? {} : { requestState: await states.mint(state) }),
  });
}

function callOf(args: Record<string, unknown>, context: ServerContext, lists: Lists): FixtureCall {
  const { mcpReq } = context;
  const client =
    (mcpReq.envelope as Record<string, Record<string, unknown>> | undefined)?.[CLIENT_CAPABILITIES_META_KEY] ?? {};
  const token = mcpReq._meta?.progressToken;
  return {
    args,
    answers: mcpReq.inputResponses,
    state: mcpReq.requestState<string>(),
    client,
    async progress(progress, total) {
      if (token === undefined) return;
      const params = { progressToken: token, progress, total };
      await mcpReq.notify({ method: 'notifications/progress', params });
    },
    log: (text) => mcpReq.log('info', text),
    lacks(capability) {
      throw new MissingRequiredClientCapabilityError({ requiredCapabilities: { [capability]: {} } });
    },
    toggle: lists.toggle,
  };
}
