import { uuidv7 } from '@sallyport/chassis/uuid';
import { connectLink } from '@sallyport/peers/connecting';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import type { BrokerTool } from '../catalog/catalog.ts';
import type { JsonObject } from '../catalog/definition.ts';
import { approvalLink } from '../downstream/elicit.ts';
import { TRAJECTORY_HEADER } from '../downstream/exchange.ts';
import { RpcFault, type Message as RpcMessage } from '../downstream/message.ts';
import { type Admitted, beginTurn, type Headers, single } from '../invoke/admit.ts';
import { type Called, callTool } from '../invoke/call-tool.ts';
import { CODES as RPC } from '../protocol.ts';
import type { AgentTask, IdScope } from './agent-ids.ts';
import { type AgentExchange, agentExchange, type Told } from './exchange.ts';
import type { AgentGate, FoundAgent } from './find-agent.ts';
import { defined, type Reply } from './forms.ts';
import { CODES, type Operation, type Revision } from './revisions.ts';
import { servedCard } from './served-card.ts';
import { labelled, maskedReply } from './shown-reply.ts';

/** Name of this front in AccessPolicy.endpoints, in the scope of keys, and in records. */
export const ENDPOINT = 'a2a';

const CONTEXT = /^[\w.:@-]{1,128}$/;

/** What a request is answered within. */
export interface AgentRequest {
  readonly revision: Revision;
  readonly operation: Operation;
  readonly admitted: Admitted;
  readonly agent: FoundAgent;
  readonly headers: Headers;
  readonly signal: AbortSignal;
  /** Tells who the client is now. */
  readonly askAgain: () => Promise<Principal>;
  /** URL of the agent at this gateway. */
  readonly url: string;
  readonly answerHeader: (name: string, value: string) => void;
  /** Shows the client that its request waits. */
  readonly waits: (message: string) => Promise<void>;
  /** Sends an event to the client. */
  readonly emit: (result: object) => Promise<void>;
}

/** The result of a request; of one that streams, what is to be sent last, or nothing. Throws RpcFault and GatewayError. */
export async function respond(
  gate: AgentGate,
  message: RpcMessage,
  request: AgentRequest,
): Promise<object | undefined> {
  const { operation, revision, agent, url } = request;
  switch (operation) {
    case 'card':
      return servedCard(agent.card, revision, url);
    case 'push':
      throw new RpcFault(CODES.pushNotSupported, 'Push notifications are not supported.');
    case 'list':
      throw new RpcFault(CODES.unsupported, 'Tasks are not listed here; ask for each by its id.');
    case 'send':
    case 'stream':
      return await send(gate, message, request);
    default:
      return await aboutTask(gate, message, request);
  }
}

async function send(gate: AgentGate, { params }: RpcMessage, request: AgentRequest): Promise<object | undefined> {
  const { revision, operation } = request;
  const read = revision.readMessage(params.message);
  if (!read.success) throw invalid('params.message is not a message', read.error.issues[0]?.path);
  const wanted = revision.readWanted(params.configuration);
  if (!wanted.success) throw invalid('params.configuration is not a configuration', wanted.error.issues[0]?.path);
  const { push, historyLength, returnImmediately, acceptedOutputModes } = wanted.data;
  if (push) throw new RpcFault(CODES.pushNotSupported, 'Push notifications are not supported.');
  const { role, parts, metadata, taskId, contextId, referenceTaskIds, messageId } = read.data;
  if (role !== 'ROLE_USER' || parts.length === 0) throw invalid('A message of a client has its role, and parts', []);
  if (contextId !== undefined && !CONTEXT.test(contextId)) throw invalid('contextId is no id', ['contextId']);
  const task = taskId === undefined ? undefined : await taskOf(gate, request, taskId);
  const wants = operation === 'stream' ? {} : { returnImmediately };
  const args = defined({
    parts,
    contextId,
    taskId,
    referenceTaskIds,
    metadata,
    historyLength,
    acceptedOutputModes,
    ...wants,
  }) as unknown as JsonObject;
  return await call(gate, request, 'send_message', plain(args), { task, contextId, messageId });
}

async function aboutTask(gate: AgentGate, { params }: RpcMessage, request: AgentRequest): Promise<object | undefined> {
  const { operation } = request;
  const { id, historyLength } = params;
  if (typeof id !== 'string' || id === '') throw invalid('params.id must be the id of a task', ['id']);
  const length = Number.isSafeInteger(historyLength) ? (historyLength as number) : undefined;
  const task = await taskOf(gate, request, id);
  const name = operation === 'cancel' ? 'cancel_task' : 'get_task';
  const args: JsonObject = operation === 'get' && length !== undefined ? { historyLength: length } : {};
  return await call(gate, request, name, { taskId: id, ...args }, { task, contextId: undefined, messageId: '' });
}

interface About {
  readonly task: AgentTask | undefined;
  readonly contextId: string | undefined;
  /** As the client wrote it; ''. */
  readonly messageId: string;
}

async function call(
  gate: AgentGate,
  request: AgentRequest,
  name: string,
  args: JsonObject,
  about: About,
): Promise<object | undefined> {
  const { admitted, agent, headers, signal, operation, answerHeader, revision, emit } = request;
  const tool = agent.tools.get(name);
  // Which of an agent's doors are theirs is no secret to who may use some of it.
  if (tool === undefined) throw new RpcFault(CODES.unsupported, 'This operation is not yours to use.');
  const claim = await claimOf(gate, request, about);
  const turn = { ...beginTurn(admitted, headers, signal), endpoint: ENDPOINT };
  answerHeader('sallyport-turn', turn.id);
  let sent = 0;
  const told: Told = {};
  const streams = operation === 'stream' || operation === 'subscribe';
  const event: NonNullable<AgentExchange['event']> = async (one, label) => {
    answerHeader(TRAJECTORY_HEADER, turn.trajectory);
    sent++;
    await emit(revision.writeReply(labelled(one, label)));
  };
  const exchange: AgentExchange = {
    messageId: sentId(gate, admitted, about.messageId),
    trajectory: claim.trajectory || claim.session,
    // A conversation that begins its run has the run's name.
    contextId: claim.trajectory === '' ? claim.session : undefined,
    subscribes: operation === 'subscribe',
    told,
    askAgain: request.askAgain,
    ...(streams ? { event } : {}),
  };
  const patience = {
    waitMs: gate.config.approvals.wait,
    waits() {
      answerHeader(TRAJECTORY_HEADER, turn.trajectory);
      return request.waits('This message waits for an approval.');
    },
  };
  const called = await agentExchange.run(exchange, () => callTool(gate, turn, claim, tool, args, patience));
  answerHeader(TRAJECTORY_HEADER, turn.trajectory);
  signal.throwIfAborted();
  const reply = replyOf(called, told);
  if (reply === undefined) throw refusalOf(request, called, { tool, told, trajectory: turn.trajectory });
  // All that was allowed event by event is there already; the whole of it again would be told twice.
  if (streams && sent > 0 && told.untold !== true && called.shown.structuredJson !== '') return undefined;
  const shown = labelled(reply, called.label);
  if (streams || operation === 'send') return revision.writeReply(shown);
  if (!('task' in shown)) throw new RpcFault(CODES.invalidAgent, 'The agent did not answer with a task.');
  return revision.writeTask(shown.task);
}

/** The run that a request is part of: the one it names, that of its conversation, else one of its own. */
async function claimOf(gate: AgentGate, request: AgentRequest, { task, contextId }: About) {
  const named = single(request.headers[TRAJECTORY_HEADER]).slice(0, 64);
  const id = task?.contextId ?? contextId;
  const context = id === undefined ? undefined : await gate.agents.ids.context(scopeOf(request), id);
  return { trajectory: named, session: context?.trajectory || uuidv7() };
}

async function taskOf(gate: AgentGate, request: AgentRequest, id: string): Promise<AgentTask> {
  const task = id.length > 128 ? undefined : await gate.agents.ids.task(scopeOf(request), id);
  if (task === undefined) throw new RpcFault(CODES.taskNotFound, 'There is no such task.');
  return task;
}

function scopeOf({ admitted, agent }: AgentRequest): IdScope {
  return { principal: admitted.principal, serverUid: agent.server.uid };
}

/** An id of ours for a message, the same for what its client sends again under its own: the agent may tell repeats by it. */
function sentId(gate: AgentGate, { principal }: Admitted, messageId: string): string {
  if (messageId === '') return uuidv7();
  const { tenant, id, user } = principal;
  return gate.digest('a2a-message', JSON.stringify([tenant, id, user, messageId])).slice(0, 43);
}

/** What may be shown of a reply; undefined where there is none: the call was refused, or the agent refused it. */
function replyOf({ shown }: Called, told: Told): Reply | undefined {
  if (told.fault !== undefined) return undefined;
  if (shown.structuredJson !== '') return shown.result.structuredContent as unknown as Reply;
  return shown.unread === undefined ? undefined : maskedReply(shown, told);
}

interface Refused {
  readonly tool: BrokerTool;
  readonly told: Told;
  readonly trajectory: string;
}

function refusalOf(
  { url: at }: AgentRequest,
  { shown, pending, lacking }: Called,
  { tool, told, trajectory }: Refused,
): RpcFault {
  const base = at.replace(/\/a2a\/[^/]*$/, '');
  const { fault } = told;
  if (fault !== undefined) {
    const known = fault <= -32_001 && fault >= -32_009;
    const code = known || fault === RPC.invalidParams ? fault : RPC.server;
    return new RpcFault(code, shown.text || 'The agent refused the request.', {
      data: [info('AGENT_REFUSED', { tool: tool.exposedName })],
    });
  }
  if (pending !== undefined) {
    const url = approvalLink(base, pending);
    const expiresAt = new Date(pending.expiresAtMs || Date.now()).toISOString();
    const facts = { id: pending.id, url, expiresAt, trajectory };
    // An approval is bound to its run, and a message that names none has one of its own.
    const next = `Once it is given, send exactly the same again with the header ${TRAJECTORY_HEADER}: ${trajectory} .`;
    const text = `${shown.text} The approval ${pending.id} can be given at ${url} . ${next}`;
    return new RpcFault(RPC.server, text, { data: [info('APPROVAL_PENDING', facts)] });
  }
  if (lacking !== undefined) {
    const url = connectLink(base, lacking);
    return new RpcFault(RPC.server, `${shown.text} It can be connected at ${url} .`, {
      data: [info('NOT_CONNECTED', { url })],
    });
  }
  return new RpcFault(RPC.server, shown.text, { data: [info('REFUSED', {})] });
}

/** As A2A 1.0 tells more of an error (google.rpc.ErrorInfo). */
function info(reason: string, metadata: Readonly<Record<string, string>>): object {
  return { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason, domain: 'sallyport.dev', metadata };
}

function invalid(what: string, path: readonly PropertyKey[] | undefined): RpcFault {
  const at = (path ?? [])
    .map(String)
    .join('.')
    .replace(/[^\w.]/g, '?')
    .slice(0, 64);
  return new RpcFault(RPC.invalidParams, `${what}${at === '' ? '' : ` (at ${at})`}.`);
}

function plain(args: JsonObject): JsonObject {
  return JSON.parse(JSON.stringify(args)) as JsonObject;
}
