import { connectLink, type Lacking } from '@sallyport/peers/connecting';
import type { JsonObject } from '../catalog/definition.ts';
import { type Completed, type OfferedTool, plainly, type Toolset } from '../catalog/toolset.ts';
import { offeredTools } from '../catalog/toolsets.ts';
import { toolFilter } from '../catalog/visibility.ts';
import { type Admitted, beginTurn, type Headers, single } from '../invoke/admit.ts';
import type { Patience } from '../invoke/ask.ts';
import { callTool } from '../invoke/call-tool.ts';
import type { Gate } from '../invoke/gate.ts';
import type { KnownValue } from '../invoke/known-values.ts';
import { recordUnknownTool } from '../invoke/record.ts';
import { issueSession, type Session } from '../invoke/run-of-call.ts';
import { CODES, META, MODERN_VERSIONS, negotiated, type Revision } from '../protocol.ts';
import type { ToolAnswer } from '../upstream/connection.ts';
import {
  approvalLink,
  approvalPage,
  connectPage,
  connectResult,
  hasUrlMode,
  inputRequired,
  opensLinks,
  readReturn,
  urlElicitation,
  waitingResult,
} from './elicit.ts';
import { pageOf } from './list-tools.ts';
import { isObject, type Message, RpcFault } from './message.ts';

/** Header and member of `_meta` that name the run, in requests and answers. */
export const TRAJECTORY_HEADER = 'sallyport-trajectory';
export const TRAJECTORY_META = 'sallyport.dev/trajectory';

const SERVER_INFO = { name: 'sallyport', title: 'Sallyport', version: '0.1.0' };
const CAPABILITIES = { tools: {} };
/** How long a list may be kept by its one reader; a definition that is held must be gone soon. */
const LIST_TTL_MS = 10_000;

/** What a request is answered within. */
export interface Exchange {
  readonly revision: Revision;
  readonly admitted: Admitted;
  readonly headers: Headers;
  /** The session that the request names. */
  readonly session: Session | undefined;
  readonly signal: AbortSignal;
  /** Sets a header of the answer. */
  readonly answerHeader: (name: string, value: string) => void;
  /** Shows the client that its request waits. */
  readonly waits: (message: string) => Promise<void>;
  /** Whether the request may wait for people. */
  readonly patient: boolean;
  /** The virtual server that is spoken to; none at `/mcp`. */
  readonly toolset: Toolset | undefined;
  /** Where people reach the gateway, without a slash at the end. */
  readonly base: () => string;
}

type Method = (gate: Gate, message: Message, exchange: Exchange) => Promise<object> | object;

const LEGACY: Readonly<Record<string, Method>> = {
  initialize,
  ping: () => ({}),
  'tools/list': listTools,
  'tools/call': callOne,
};
const MODERN: Readonly<Record<string, Method>> = {
  'server/discover': discover,
  'tools/list': listTools,
  'tools/call': callOne,
};

/** The result of a request. Throws RpcFault, or GatewayError where a peer is away. */
export async function respond(gate: Gate, message: Message, exchange: Exchange): Promise<object> {
  const modern = exchange.revision.era === 'modern';
  const methods = modern ? MODERN : LEGACY;
  const method = Object.hasOwn(methods, message.method) ? methods[message.method] : undefined;
  if (!method) throw new RpcFault(CODES.methodNotFound, 'Method not found.', { status: modern ? 404 : 200 });
  const result = await method(gate, message, exchange);
  if (!modern) return result;
  const meta = (result as { _meta?: object })._meta;
  return { resultType: 'complete', ...result, _meta: { ...meta, [META.serverInfo]: infoOf(exchange.toolset) } };
}

/** The name of a method for metrics: of those served, else `other`. */
export function methodLabel(method: string): string {
  return Object.hasOwn(LEGACY, method) || Object.hasOwn(MODERN, method) ? method : 'other';
}

function initialize(gate: Gate, { params }: Message, { admitted, answerHeader, toolset }: Exchange) {
  const revision = negotiated(params.protocolVersion);
  // No session is kept: the id names the run of this conversation, which clients then name with each request.
  answerHeader('mcp-session-id', issueSession(gate.digest, admitted.principal, hasUrlMode(params.capabilities)));
  return {
    protocolVersion: revision.version,
    capabilities: CAPABILITIES,
    serverInfo: infoOf(toolset),
    ...instructionsOf(toolset),
  };
}

function discover(_gate: Gate, _message: Message, { toolset }: Exchange) {
  const kept = { ttlMs: LIST_TTL_MS, cacheScope: 'private' };
  return { supportedVersions: MODERN_VERSIONS, capabilities: CAPABILITIES, ...instructionsOf(toolset), ...kept };
}

function infoOf(toolset: Toolset | undefined) {
  return toolset === undefined ? SERVER_INFO : { ...SERVER_INFO, title: toolset.spec.title ?? toolset.name };
}

function instructionsOf(toolset: Toolset | undefined) {
  return toolset?.spec.instructions === undefined ? {} : { instructions: toolset.spec.instructions };
}

async function listTools(gate: Gate, { params }: Message, { admitted, revision, signal, toolset }: Exchange) {
  await gate.listFor(admitted.principal, admitted.access, signal);
  const tools = offeredTools(gate.catalog, admitted.principal, admitted.access, toolset);
  const page = pageOf(tools, params.cursor, gate.config.request.pageSize, revision);
  return revision.era === 'modern' ? { ...page, ttlMs: LIST_TTL_MS, cacheScope: 'private' } : page;
}

async function callOne(gate: Gate, message: Message, exchange: Exchange) {
  const { admitted, headers, answerHeader, revision, session } = exchange;
  const { name, arguments: given = {} } = message.params;
  if (typeof name !== 'string' || name === '') throw new RpcFault(CODES.invalidParams, 'name must be a text.');
  if (!isObject(given)) throw new RpcFault(CODES.invalidParams, 'arguments must be an object.');
  const named = claimedRun(message, headers);
  const { principal } = admitted;
  const offered = await toolOf(gate, exchange, name);
  const completed = offered?.complete(given as JsonObject);
  const turn = beginTurn(admitted, headers, exchange.signal, setBy(exchange.toolset, completed));
  answerHeader('sallyport-turn', turn.id);
  if (offered === undefined || completed === undefined) {
    recordUnknownTool(gate, turn, name);
    // The same words for a tool that is not there and one that is not theirs (DESIGN section 8).
    throw new RpcFault(CODES.invalidParams, `Unknown tool: ${name.slice(0, 128)}`);
  }
  if ('fault' in completed) throw new RpcFault(CODES.invalidParams, completed.fault);
  const { args } = completed;
  const { tool } = offered;
  const request = { principal, method: message.method, name, args };
  const back = readReturn(gate, message, request);
  const links = canOpenLinks(message, exchange);
  const { wait, elicitAfter } = gate.config.approvals;
  const patience: Patience = {
    // Who can show the page is not kept waiting before its user knows of it; who declined does not wait at all.
    waitMs: !exchange.patient || back?.consents === false ? 0 : links && !back ? Math.min(elicitAfter, wait) : wait,
    waits() {
      answerHeader(TRAJECTORY_HEADER, turn.trajectory);
      return exchange.waits('This call waits for an approval.');
    },
  };
  const claim = { trajectory: named || (back?.state.trajectory ?? ''), session: session?.run ?? '' };
  const called = await callTool(gate, turn, claim, tool, args, patience);
  answerHeader(TRAJECTORY_HEADER, turn.trajectory);
  const _meta = { [TRAJECTORY_META]: turn.trajectory };
  const { shown, pending, lacking } = called;
  if (pending === undefined && lacking === undefined) return { ...fitted(shown.result, revision), _meta };
  const base = exchange.base();
  const page = pending
    ? approvalPage(approvalLink(base, pending), pending)
    : connectPage(connectLink(base, lacking as Lacking), lacking as Lacking);
  if (links && !back) {
    if (revision.links === 'error') throw urlElicitation(page);
    const state = { approvalId: pending?.id ?? '', trajectory: turn.trajectory };
    return { ...inputRequired(page, gate.states.seal(request, state)), _meta };
  }
  const { result, meta } = pending
    ? waitingResult(called, page.link, pending, back?.consents === false)
    : connectResult(page.link, lacking as Lacking);
  return { ...result, _meta: { ..._meta, ...meta } };
}

/** A tool that is there for this principal at this endpoint; undefined where there is none. */
async function toolOf(gate: Gate, exchange: Exchange, name: string): Promise<OfferedTool | undefined> {
  const { catalog, listFor } = gate;
  const { admitted, toolset, signal } = exchange;
  const { principal, access } = admitted;
  const find = (): OfferedTool | undefined => {
    if (toolset !== undefined)
      return offeredTools(catalog, principal, access, toolset).find((one) => one.name === name);
    const tool = catalog.byExposedName(principal.tenant, name);
    return tool && toolFilter(principal, access)(tool) && catalog.offers(principal, tool) ? plainly(tool) : undefined;
  };
  const found = find();
  if (found !== undefined) return found;
  // It may be one that its server offers to this person, and nobody has asked here yet.
  await listFor(principal, access, signal);
  return find();
}

/** What the administrator wrote into a toolset, as values of known origin. */
function setBy(toolset: Toolset | undefined, completed: Completed | undefined): KnownValue[] {
  if (toolset === undefined || completed === undefined || 'fault' in completed) return [];
  return completed.set.map(({ name, value }) => ({ tool: `toolset/${toolset.name}`, path: `/${name}`, value }));
}

function canOpenLinks(message: Message, { revision, session, patient }: Exchange): boolean {
  if (!patient) return false;
  if (revision.links === 'result') return opensLinks(message);
  return revision.links === 'error' && session?.opensLinks === true;
}

function claimedRun(message: Message, headers: Headers): string {
  const inHeader = single(headers[TRAJECTORY_HEADER]);
  const inMeta = message.meta[TRAJECTORY_META] ?? '';
  if (typeof inMeta !== 'string') throw new RpcFault(CODES.invalidParams, `_meta ${TRAJECTORY_META} must be a text.`);
  if (inHeader !== '' && inMeta !== '' && inHeader !== inMeta) {
    throw new RpcFault(CODES.invalidParams, `${TRAJECTORY_HEADER} and _meta name different runs.`);
  }
  return (inHeader || inMeta).slice(0, 64);
}

/** A result without what the client's revision does not know. */
function fitted(answer: ToolAnswer, revision: Revision): object {
  const { content, structuredContent, isError } = answer;
  if (revision.structured)
    return { content, ...(structuredContent === undefined ? {} : { structuredContent }), isError };
  return {
    content: content.map((block) =>
      block.type === 'resource_link' ? { type: 'text', text: JSON.stringify(block) } : block,
    ),
    isError,
  };
}
