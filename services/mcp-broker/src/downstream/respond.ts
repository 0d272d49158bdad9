import type { Gate } from '../invoke/gate.ts';
import { CODES, META } from '../protocol.ts';
import type { Exchange, Method } from './exchange.ts';
import { type Message, RpcFault, WrittenResult } from './message.ts';
import { callOne } from './methods/call-tool.ts';
import { complete } from './methods/complete.ts';
import { discover } from './methods/discover.ts';
import { getPrompt } from './methods/get-prompt.ts';
import { initialize } from './methods/initialize.ts';
import { listPrompts } from './methods/list-prompts.ts';
import { listResources, listTemplates } from './methods/list-resources.ts';
import { listTools } from './methods/list-tools.ts';
import { listen } from './methods/listen.ts';
import { readResource } from './methods/read-resource.ts';
import { setLevel } from './methods/set-level.ts';
import { subscribe, unsubscribe } from './methods/subscribe.ts';
import { infoOf } from './server-says.ts';

type Methods = Readonly<Record<string, Method>>;

const TOOLS: Methods = { 'tools/list': listTools, 'tools/call': callOne };
const OFFERINGS: Methods = {
  'resources/list': listResources,
  'resources/templates/list': listTemplates,
  'resources/read': readResource,
  'prompts/list': listPrompts,
  'prompts/get': getPrompt,
  'completion/complete': complete,
};
const SUBSCRIPTIONS: Methods = { 'resources/subscribe': subscribe, 'resources/unsubscribe': unsubscribe };
const HANDSHAKE: Methods = { initialize, ping: () => ({}), 'logging/setLevel': setLevel };
const DISCOVERY: Methods = { 'server/discover': discover, 'subscriptions/listen': listen };

/** The methods of an endpoint: a toolset is a list of tools, and what servers have besides is at `/mcp`. */
const METHODS: Readonly<Record<'legacy' | 'modern', Readonly<Record<'all' | 'toolset', Methods>>>> = {
  legacy: { all: { ...HANDSHAKE, ...TOOLS, ...OFFERINGS, ...SUBSCRIPTIONS }, toolset: { ...HANDSHAKE, ...TOOLS } },
  modern: { all: { ...DISCOVERY, ...TOOLS, ...OFFERINGS }, toolset: { ...DISCOVERY, ...TOOLS } },
};

/** The result of a request. Throws RpcFault, or GatewayError where a peer is away. */
export async function respond(gate: Gate, message: Message, exchange: Exchange): Promise<object> {
  const { revision, toolset } = exchange;
  const modern = revision.era === 'modern';
  const methods = METHODS[revision.era][toolset === undefined ? 'all' : 'toolset'];
  const method = Object.hasOwn(methods, message.method) ? methods[message.method] : undefined;
  if (!method) throw new RpcFault(CODES.methodNotFound, 'Method not found.', { status: modern ? 404 : 200 });
  const result = await method(gate, message, exchange);
  if (!modern) return result;
  if (result instanceof WrittenResult) {
    return result.and({ resultType: 'complete', _meta: { [META.serverInfo]: infoOf(toolset) } });
  }
  const meta = (result as { _meta?: object })._meta;
  return { resultType: 'complete', ...result, _meta: { ...meta, [META.serverInfo]: infoOf(toolset) } };
}

/** The name of a method for metrics: of those served, else `other`. */
export function methodLabel(method: string): string {
  return Object.hasOwn(METHODS.legacy.all, method) || Object.hasOwn(METHODS.modern.all, method) ? method : 'other';
}
