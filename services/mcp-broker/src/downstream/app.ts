import type { IncomingMessage, ServerResponse } from 'node:http';
import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import { readBody } from '@sallyport/chassis/http/body';
import { parseJson } from '@sallyport/chassis/http/json';
import { createApp, postPlainly, REQUEST_ID_HEADER } from '@sallyport/chassis/http/server';
import type { Metrics } from '@sallyport/chassis/metrics';
import { challengeOf } from '@sallyport/peers/ingress';
import { type OpenWork, type OpenWorks, openWork } from '@sallyport/peers/open-work';
import { hasBeyondDouble, parseExact } from '@sallyport/turn';
import type { Express, Request, Response } from 'express';
import type { JsonObject } from '../catalog/definition.ts';
import type { Toolset } from '../catalog/toolset.ts';
import { type Admitted, authorise, single } from '../invoke/admit.ts';
import type { Gate } from '../invoke/gate.ts';
import { CODES, legacyRevision, META } from '../protocol.ts';
import { LOG_LEVELS, type LogLevel } from '../upstream/caller.ts';
import { agreedRevision } from './agreement.ts';
import { type AskingClients, askingClients } from './asking-clients.ts';
import { type ChangeStreams, changeStreams } from './change-streams.ts';
import { TRAJECTORY_HEADER } from './exchange.ts';
import { type LateStream, lateStream } from './late-stream.ts';
import { endSession, serveStream } from './legacy-stream.ts';
import { errorBody, idIn, type Message, messageText, RpcFault, readMessage, resultBody } from './message.ts';
import { checkedOrigin, publicBase } from './origins.ts';
import { resourceMetadata } from './resource-metadata.ts';
import { type ResourceNoticesOf, resourceNotices } from './resource-notices.ts';
import { methodLabel, respond } from './respond.ts';
import { searchesHere } from './searching.ts';
import { type SessionSubscriptions, sessionSubscriptions } from './session-subscriptions.ts';
import { refuseTwice, type Sessions, sessionsOf } from './sessions.ts';
import { requestsUnderWay, type UnderWay } from './under-way.ts';

const MAX_BATCH = 32;
const PATH = '/mcp';
const TOOLSETS = `${PATH}/:toolset`;
const BOTH = [PATH, TOOLSETS];
const CANCELLED = 'notifications/cancelled';
const EXPOSED = `${TRAJECTORY_HEADER}, sallyport-turn, mcp-session-id, www-authenticate`;

/** One answer: nothing to say (202), or a JSON-RPC message. */
interface Answer {
  readonly status: number;
  readonly body?: object;
}

/**
 * The tool plane's HTTP front. Every request stands alone and is answered with one JSON body, on all revisions; one that has
 * to wait for people, tells of its progress or listens for changes becomes a stream. No session is kept (the session id of
 * the older line only names a run).
 */
export function createBrokerApp(gate: Gate, metrics: Metrics): Express {
  const app = createApp({
    log: gate.log,
    metrics,
    renderError: (error, req, res) => renderError(gate, error, req, res),
  });
  const open = openWork(gate);
  const sessions = sessionsOf(gate);
  const streams = changeStreams(gate);
  const notices = resourceNotices(gate);
  const subscriptions = sessionSubscriptions(gate);
  gate.ending.push(streams.stop, subscriptions.stop);
  const told = { streams, notices, subscriptions };
  const front = { gate, open, sessions, ...told, underWay: requestsUnderWay(), asking: askingClients() };
  postPlainly(app, PATH, (req, res, requestId) => post(front, { req, res, requestId }));
  app.post(TOOLSETS, (req, res) =>
    post(front, { req, res, requestId: res.locals.requestId, toolset: String(req.params.toolset) }),
  );
  const serveLegacy = (serve: typeof serveStream) => (req: Request, res: Response) => {
    allowOrigin(gate, req, res);
    const named = req.params.toolset;
    const toolset = (admitted: Admitted) =>
      named === undefined ? undefined : toolsetOf(gate, admitted, String(named));
    return serve({ gate, open, sessions, ...told, toolsetOf: toolset }, req, res);
  };
  app.get(BOTH, serveLegacy(serveStream));
  app.delete(BOTH, serveLegacy(endSession));
  app.options(BOTH, (req, res) => {
    allowOrigin(gate, req, res);
    res.setHeader('access-control-allow-methods', 'GET, POST, DELETE');
    res.setHeader('access-control-allow-headers', req.headers['access-control-request-headers'] ?? 'authorization');
    res.status(204).end();
  });
  app.all(BOTH, (_req, res) => {
    res.setHeader('allow', 'GET, POST, DELETE');
    res.status(405).json(errorBody(null, CODES.server, 'This method is not served here.'));
  });
  for (const path of ['/.well-known/oauth-protected-resource', `/.well-known/oauth-protected-resource${PATH}`]) {
    app.get(path, (req, res) => {
      res.setHeader('access-control-allow-origin', '*');
      res.json(resourceMetadata(gate.config, `${baseOf(gate, req)}${PATH}`));
    });
  }
  return app;
}

interface Posted {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly requestId: string;
  /** Name of the toolset in the path; none at `/mcp`. */
  readonly toolset?: string;
}

interface Front {
  readonly gate: Gate;
  readonly open: OpenWorks;
  readonly sessions: Sessions;
  readonly streams: ChangeStreams;
  readonly notices: ResourceNoticesOf;
  readonly subscriptions: SessionSubscriptions;
  readonly underWay: UnderWay;
  readonly asking: AskingClients;
}

async function post(front: Front, { req, res, requestId, toolset: named }: Posted): Promise<void> {
  const { gate, open } = front;
  refuseTwice(req);
  allowOrigin(gate, req, res);
  if (!/^application\/json\s*(;|$)/i.test(req.headers['content-type'] ?? '')) {
    throw new GatewayError('unsupported', 'Content-Type must be application/json.', { status: 415 });
  }
  const work = open.begin();
  const { signal } = work;
  let gone = false;
  res.once('close', () => {
    if (res.writableFinished) return;
    gone = true;
    work.leave();
  });
  try {
    // The key first: who has none learns nothing of how bodies are read.
    const admitted = await authorise(gate, gate.ingress.credentialOf(req), work);
    const toolset = named === undefined ? undefined : toolsetOf(gate, admitted, named);
    const { maxBytes, maxDepth } = gate.config.request;
    const bytes = await readBody(req, { limitBytes: maxBytes, signal });
    signal.throwIfAborted();
    const parsed = parseJson(bytes, { maxDepth });
    const text = bytes.toString();
    // As a double such a number is another one, and an id another object.
    const body = hasBeyondDouble(text) ? parseExact(text) : parsed;
    // Kept here until the head is written: each `setHeader` costs what writing it costs once more.
    const head: Record<string, string> = { [REQUEST_ID_HEADER]: requestId };
    const late = lateStream(req, res, body, head);
    const patient = !Array.isArray(body);
    const context = { front, req, head, admitted, toolset, work, late, patient };
    const answer = Array.isArray(body) ? await answerBatch(context, body) : await answerOne(context, body);
    if (gone || late.end(answer.body)) return;
    send(res, answer, head);
  } finally {
    work.end();
  }
}

function send(res: ServerResponse, { status, body }: Answer, head: Record<string, string>): void {
  const text = body === undefined ? '' : messageText(body);
  if (text !== '') head['content-type'] = 'application/json';
  const length = Buffer.byteLength(text);
  head['content-length'] = String(length);
  res.writeHead(status, head);
  // A string goes out in one write with the head; bytes would be a second. One of ASCII is copied, not encoded.
  res.end(text, length === text.length ? 'latin1' : 'utf8');
}

interface Context {
  readonly front: Front;
  readonly req: IncomingMessage;
  /** Headers of the answer. */
  readonly head: Record<string, string>;
  readonly admitted: Admitted;
  readonly toolset: Toolset | undefined;
  readonly work: OpenWork;
  readonly late: LateStream;
  /** Whether calls may wait for people: not those of a batch, which wait for each other. */
  readonly patient: boolean;
}

async function answerBatch(context: Context, body: readonly unknown[]): Promise<Answer> {
  const revision = legacyRevision(single(context.req.headers['mcp-protocol-version']));
  if (!revision?.batches || body.length === 0 || body.length > MAX_BATCH) {
    return { status: 400, body: errorBody(null, CODES.invalidRequest, 'The body must be one JSON-RPC message.') };
  }
  const answers: object[] = [];
  // One after the other: a call may read what the one before it changed.
  for (const one of body) {
    const answer = await answerOne(context, one);
    if (answer.body !== undefined) answers.push(answer.body);
  }
  return answers.length === 0 ? { status: 202 } : { status: 200, body: answers };
}

async function answerOne(context: Context, body: unknown): Promise<Answer> {
  const { front, req, head, admitted, toolset, work, late, patient } = context;
  const { gate, sessions, streams, notices, subscriptions, underWay } = front;
  const { signal } = work;
  let method = 'other';
  let cancelled = false;
  let ended: (() => void) | undefined;
  try {
    const message = readMessage(body);
    if (message === 'response') {
      const of = sessions.read(admitted.principal, req);
      if (of !== undefined) front.asking.answer(admitted.principal, of.run, body);
      return { status: 202 };
    }
    method = methodLabel(message.method);
    const revision = agreedRevision(message, req.headers);
    if (message.id === undefined) {
      gate.metrics.requests('notification', 'ok').inc();
      if (message.method === CANCELLED && revision.era === 'legacy') {
        const of = sessions.read(admitted.principal, req);
        underWay.cancel(admitted.principal, of?.run ?? '', message.params.requestId);
      }
      return { status: 202 };
    }
    const isNamed = revision.era === 'legacy' && message.method !== 'initialize';
    const session = isNamed ? sessions.read(admitted.principal, req) : undefined;
    // On 2026-07-28 closing the stream is what cancels; of a batch nothing can be cancelled by itself.
    if (isNamed && patient) {
      ended = underWay.begin(admitted.principal, session?.run ?? '', message.id, () => {
        cancelled = true;
        work.leave();
      });
    }
    // Where a wait has opened a stream, its headers were told then.
    const answerHeader = (name: string, value: string) => {
      head[name] = value;
    };
    const base = () => baseOf(gate, req);
    const { waits, progress, notify } = late;
    const elicit = (params: JsonObject) => {
      const send = (id: string) => late.request(id, 'elicitation/create', params);
      return front.asking.ask(admitted.principal, session?.run ?? '', send, signal);
    };
    const logLevel = session === undefined ? wantedLevel(message) : sessions.levelOf(session);
    const keepLevel = (level: LogLevel) => session && sessions.keepLevel(session, level);
    const asking = { elicit, logLevel, keepLevel, notices, subscriptions };
    const searching = searchesHere(req.url, toolset, admitted.access);
    const within = { signal, answerHeader, waits, progress, notify, ...asking, streams, patient, base, searching };
    const exchange = { revision, admitted, headers: req.headers, session, toolset, ...within };
    const result = await respond(gate, message, exchange);
    gate.metrics.requests(method, 'ok').inc();
    return { status: 200, body: resultBody(message.id, result) };
  } catch (caught) {
    // Who has cancelled a request gets no answer to it (MCP, Cancellation).
    if (cancelled) {
      gate.metrics.requests(method, 'cancelled').inc();
      return { status: 202 };
    }
    const id = idIn(body);
    if (caught instanceof RpcFault) {
      gate.metrics.requests(method, String(caught.code)).inc();
      return { status: caught.status, body: errorBody(id, caught.code, caught.message, caught.data) };
    }
    const error = asGatewayError(signal.aborted ? (signal.reason ?? caught) : caught);
    gate.metrics.requests(method, error.code).inc();
    if (error.code === 'internal') gate.log.error('An MCP request failed', { method, error: caught });
    return { status: error.status, body: gatewayErrorBody(error, id) };
  } finally {
    ended?.();
  }
}

/** On 2026-07-28 each request says what its client wants to be told of logs. */
function wantedLevel({ meta }: Message): LogLevel | undefined {
  return LOG_LEVELS.find((one) => one === meta[META.logLevel]);
}

function toolsetOf(gate: Gate, { principal, access }: Admitted, name: string): Toolset {
  const found = gate.toolsets.find(principal, access, name);
  // The same words for one that is not there and one that is not theirs.
  if (found === undefined) throw new GatewayError('not_found', 'There is no such server.');
  return found;
}

function allowOrigin(gate: Gate, req: IncomingMessage, res: ServerResponse): void {
  const origin = checkedOrigin(gate.config, req.headers);
  if (origin === undefined) return;
  res.setHeader('access-control-allow-origin', origin);
  res.setHeader('access-control-expose-headers', EXPOSED);
  res.setHeader('vary', 'origin');
}

function baseOf(gate: Gate, req: IncomingMessage): string {
  return publicBase(gate.config, gate.ingress.reachedAt(req));
}

function renderError(gate: Gate, error: GatewayError, req: Request, res: Response): void {
  const { retryAfterMs } = error;
  if (retryAfterMs !== undefined) res.setHeader('retry-after', String(Math.max(1, Math.ceil(retryAfterMs / 1000))));
  if (error.code === 'unauthenticated') {
    const metadata = `${baseOf(gate, req)}/.well-known/oauth-protected-resource${PATH}`;
    res.setHeader('www-authenticate', challengeOf(req, metadata));
  }
  res.status(error.status).json(gatewayErrorBody(error, null));
}

function gatewayErrorBody(error: GatewayError, id: string | number | null): object {
  return errorBody(id, rpcCode(error), error.message, { code: error.code, ...error.details });
}

function rpcCode({ code, message }: GatewayError): number {
  if (code === 'invalid_request' && /JSON|UTF-8/.test(message)) return CODES.parse;
  if (['invalid_request', 'duplicate_key', 'body_too_deep', 'body_too_large'].includes(code))
    return CODES.invalidRequest;
  return code === 'internal' ? CODES.internal : CODES.server;
}
