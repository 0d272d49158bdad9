import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import { uuidv7 } from '@sallyport/chassis/uuid';
import { serverUrl } from '@sallyport/custom-resources/tool-server-transport';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import { hasBeyondDouble } from '@sallyport/turn';
import type { Server } from '../catalog/catalog.ts';
import type { Definition, JsonObject } from '../catalog/definition.ts';
import { callScope } from '../upstream/call-scope.ts';
import type { Connection, ToolAnswer } from '../upstream/connection.ts';
import type { ServerSend } from '../upstream/server-send.ts';
import type { Agents } from './agents.ts';
import { type AgentCard, MAX_CARD_BYTES, readCard } from './card.ts';
import { cardDigestOf, definitionsOf } from './definitions.ts';
import { type AgentExchange, agentExchange } from './exchange.ts';
import { defined, isAtRest, type Message, messageForm, type Reply } from './forms.ts';
import { answerOf, gathered } from './gather.ts';
import { loopCard } from './loop/loop-card.ts';
import { loopRpc } from './loop/loop-rpc.ts';
import type { Loops } from './loop/loops.ts';
import { type Expected, replyIds } from './reply-ids.ts';
import { CODES, type Operation } from './revisions.ts';
import { AgentRefusal, type AgentRpc, agentRpc } from './rpc.ts';

const CARD_PATH = '/.well-known/agent-card.json';
const INVALID_PARAMS = -32_602;

/** Opens a connection to an agent: its card says where it is and which revision it speaks. Throws GatewayError. */
export async function connectToAgent(
  server: Server,
  line: { readonly send: ServerSend; readonly maxResultBytes: number; readonly agents: Agents },
  signal: AbortSignal,
): Promise<Connection> {
  const { agents, send } = line;
  const ways = { agents, rpc: agentRpc(line), card: (ending: AbortSignal) => fetchCard(server, send, ending) };
  return await connectionTo(server, ways, signal);
}

/** Opens a connection to an agent that is the gateway's own turn loop. */
export async function connectToLoop(
  server: Server,
  line: { readonly agents: Agents; readonly loops: Loops | undefined },
  signal: AbortSignal,
): Promise<Connection> {
  const { agents, loops } = line;
  const { turnLoop } = server.spec;
  if (loops === undefined || turnLoop === undefined) {
    throw new GatewayError('unsupported', 'No agents are run here: the way to model-proxy is not configured.');
  }
  const own = loopCard(server.name, turnLoop);
  return await connectionTo(server, { agents, rpc: loopRpc(server, loops), card: async () => own }, signal);
}

interface Ways {
  readonly agents: Agents;
  readonly rpc: AgentRpc;
  readonly card: (ending: AbortSignal) => Promise<AgentCard>;
}

async function connectionTo(
  server: Server,
  { agents, rpc, card: current }: Ways,
  signal: AbortSignal,
): Promise<Connection> {
  const look = async (ending: AbortSignal) => {
    const card = await current(ending);
    agents.saw(server, card);
    return card;
  };
  let card = await look(signal);
  return {
    stateful: false,
    async list(ending) {
      card = await look(ending);
      return definitionsOf(card);
    },
    async call(definition, args, ending) {
      const pinned = cardDigestOf(definition);
      if (card.digest !== pinned) card = await look(ending);
      // What forms a message knows doubles alone: written anew, such a number would be another one.
      if (hasBeyondDouble(JSON.stringify(args))) {
        return refused(agentExchange.getStore(), INVALID_PARAMS, 'A number is too long to be kept as it is written.');
      }
      // Nothing goes where only a card says that nobody has reviewed.
      if (card.digest !== pinned)
        throw new GatewayError('conflict', 'The agent has another card than the one in force.');
      const exchange = agentExchange.getStore();
      const principal = callScope.getStore()?.principal as Principal;
      try {
        return await ask({ server, agents, rpc, card, principal, exchange }, definition, args, ending);
      } catch (error) {
        if (error instanceof AgentRefusal) return refused(exchange, error.code, error.message);
        throw asGatewayError(error);
      }
    },
    close: async () => undefined,
  };
}

async function fetchCard({ spec }: Server, send: ServerSend, signal: AbortSignal): Promise<AgentCard> {
  const url = serverUrl(spec);
  const at = new URL(spec.agent?.cardUrl ?? new URL(CARD_PATH, url));
  const headers = { accept: 'application/json', 'a2a-version': '1.0' };
  const answer = await send(at, { method: 'GET', headers, signals: [signal] });
  if (answer.status !== 200) {
    await answer.discard();
    throw new GatewayError('upstream_error', `The agent's card was answered with status ${answer.status}.`);
  }
  return readCard(await answer.text(MAX_CARD_BYTES), new URL(url).origin);
}

interface Line {
  readonly server: Server;
  readonly agents: Agents;
  readonly rpc: AgentRpc;
  readonly card: AgentCard;
  readonly principal: Principal;
  readonly exchange: AgentExchange | undefined;
}

async function ask(line: Line, { name }: Definition, args: JsonObject, signal: AbortSignal): Promise<ToolAnswer> {
  const { server, agents, card, principal, exchange } = line;
  const { ids } = agents;
  const of = { principal, serverUid: server.uid };
  const { taskId, contextId } = args as { taskId?: string; contextId?: string };
  const task = taskId === undefined ? undefined : await ids.task(of, taskId);
  if (taskId !== undefined && task === undefined) {
    return refused(exchange, CODES.taskNotFound, 'There is no such task.');
  }
  const inContext = contextId ?? task?.contextId;
  if (task !== undefined && inContext !== task.contextId) {
    return refused(exchange, INVALID_PARAMS, 'The task is of another context.');
  }
  const context = inContext === undefined ? undefined : await ids.context(of, inContext);
  const trajectory = exchange?.trajectory ?? '';
  const expected: Expected = { scope: of, context, task, named: inContext ?? exchange?.contextId, trajectory };
  const { historyLength } = args as { historyLength?: number };
  const known = { id: task?.agentId ?? '' };
  if (name === 'cancel_task') return await single(line, expected, 'cancel', known, signal);
  if (name === 'get_task') {
    const streams = exchange?.subscribes === true && card.streaming;
    if (streams) return await streamed(line, expected, 'subscribe', known, signal);
    return await single(line, expected, 'get', defined({ ...known, historyLength }), signal);
  }
  const references: string[] = [];
  for (const one of (args.referenceTaskIds as string[] | undefined) ?? []) {
    const other = await ids.task(of, one);
    if (other === undefined) return refused(exchange, CODES.taskNotFound, 'There is no such task.');
    references.push(other.agentId);
  }
  const message = readMessage(args, exchange?.messageId ?? uuidv7());
  if (message === undefined) {
    return refused(exchange, INVALID_PARAMS, 'Each part needs exactly one of text, data, url and raw.');
  }
  const own: Message = defined({
    ...message,
    contextId: context?.agentId,
    taskId: task?.agentId,
    referenceTaskIds: references.length > 0 ? references : undefined,
  });
  const { revision } = card;
  const { returnImmediately, acceptedOutputModes } = args as {
    returnImmediately?: boolean;
    acceptedOutputModes?: string[];
  };
  const wanted = revision.writeWanted(defined({ historyLength, returnImmediately, acceptedOutputModes }));
  const params = { message: revision.writeMessage(own), configuration: wanted };
  const streams = exchange?.event !== undefined && card.streaming;
  return await (streams ? streamed : single)(line, expected, streams ? 'stream' : 'send', params, signal);
}

function readMessage(args: JsonObject, messageId: string): Message | undefined {
  const { parts, metadata } = args;
  const read = messageForm.safeParse({ messageId, role: 'ROLE_USER', parts, metadata });
  return read.success ? read.data : undefined;
}

async function single(
  line: Line,
  expected: Expected,
  operation: Operation,
  params: object,
  signal: AbortSignal,
): Promise<ToolAnswer> {
  const { card, rpc, agents, exchange } = line;
  const result = await rpc.ask(card, operation, params, signal);
  const { revision } = card;
  const reply = operation === 'send' ? readReply(line, result) : readTask(revision.readTask(result));
  if (!('task' in reply) && !('message' in reply)) throw notA2a();
  const ours = await replyIds(agents.ids, expected).ours(reply);
  tell(exchange, ours);
  return answerOf(ours);
}

async function streamed(
  line: Line,
  expected: Expected,
  operation: Operation,
  params: object,
  signal: AbortSignal,
): Promise<ToolAnswer> {
  const { card, rpc, agents, exchange } = line;
  const own = replyIds(agents.ids, expected);
  const all = gathered();
  let atRest = false;
  for await (const result of rpc.listen(card, operation, params, signal)) {
    const event = await own.ours(readReply(line, result));
    all.add(event);
    tell(exchange, event);
    const soFar = all.reply();
    if (soFar === undefined) continue;
    await exchange?.arrived?.(event, () => answerOf(soFar));
    atRest = 'message' in soFar || ('task' in soFar && isAtRest(soFar.task.status.state));
  }
  const reply = all.reply();
  if (reply === undefined || !atRest) throw new GatewayError('upstream_error', 'The agent ended its answer early.');
  return answerOf(reply);
}

function readReply({ card }: Line, result: unknown): Reply {
  const read = card.revision.readReply(result);
  if (!read.success) throw notA2a();
  return read.data;
}

function readTask(read: ReturnType<AgentCard['revision']['readTask']>): Reply {
  if (!read.success) throw notA2a();
  return { task: read.data };
}

function tell(exchange: AgentExchange | undefined, reply: Reply): void {
  if (exchange === undefined) return;
  const { told } = exchange;
  if ('message' in reply) {
    if (reply.message.contextId !== undefined) told.contextId = reply.message.contextId;
    return;
  }
  if ('artifactUpdate' in reply) {
    told.taskId = reply.artifactUpdate.taskId;
    told.contextId = reply.artifactUpdate.contextId;
    return;
  }
  const one = 'task' in reply ? { taskId: reply.task.id, ...reply.task } : reply.statusUpdate;
  told.taskId = one.taskId;
  told.contextId = one.contextId;
  told.state = one.status.state;
}

function refused(exchange: AgentExchange | undefined, code: number, words: string): ToolAnswer {
  if (exchange !== undefined) exchange.told.fault = code;
  return { content: [{ type: 'text', text: words }], isError: true };
}

function notA2a(): GatewayError {
  return new GatewayError('upstream_invalid', 'The agent does not answer as A2A says.');
}
