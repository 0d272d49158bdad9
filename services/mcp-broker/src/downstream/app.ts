import type { IncomingMessage, ServerResponse } from 'node:http';
import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import { readBody } from '@sallyport/chassis/http/body';
import { parseJson } from '@sallyport/chassis/http/json';
import { createApp, postPlainly, REQUEST_ID_HEADER } from '@sallyport/chassis/http/server';
import type { Metrics } from '@sallyport/chassis/metrics';
import { challengeOf } from '@sallyport/peers/ingress';
import { type OpenWorks, openWork } from '@sallyport/peers/open-work';
import { hasInexactNumber } from '@sallyport/turn';
import type { Express, Request, Response } from 'express';
import type { Toolset } from '../catalog/toolset.ts';
import { type Admitted, authorise, single } from '../invoke/admit.ts';
import type { Gate } from '../invoke/gate.ts';
import { readSession, type Session } from '../invoke/run-of-call.ts';
import { CODES, legacyRevision } from '../protocol.ts';
import { agreedRevision } from './agreement.ts';
import { TRAJECTORY_HEADER } from './exchange.ts';
import { type LateStream, lateStream } from './late-stream.ts';
import { errorBody, idIn, type Message, RpcFault, readMessage, resultBody } from './message.ts';
import { checkedOrigin, publicBase } from './origins.ts';
import { resourceMetadata } from './resource-metadata.ts';
import { methodLabel, respond } from './respond.ts';
import { searchesHere } from './searching.ts';

const MAX_BATCH = 32;
const PATH = '/mcp';
const TOOLSETS = `${PATH}/:toolset`;
const BOTH = [PATH, TOOLSETS];
const EXPOSED = `${TRAJECTORY_HEADER}, sallyport-turn, mcp-session-id, www-authenticate`;

/** One answer: nothing to say (202), or a JSON-RPC message. */
interface Answer {
  readonly status: number;
  readonly body?: object;
}

/**
 * The tool plane's HTTP front. Every request stands alone and is answered with one JSON body, on all revisions; only one
 * that has to wait for people becomes a stream. No session is kept (the session id of the older line only names a run).
 */
export function createBrokerApp(gate: Gate, metrics: Metrics): Express {
  const app = createApp({
    log: gate.log,
    metrics,
    renderError: (error, req, res) => renderError(gate, error, req, res),
  });
  const open = openWork(gate);
  postPlainly(app, PATH, (req, res, requestId) => post(gate, open, { req, res, requestId }));
  app.post(TOOLSETS, (req, res) =>
    post(gate, open, { req, res, requestId: res.locals.requestId, toolset: String(req.params.toolset) }),
  );
  app.options(BOTH, (req, res) => {
    allowOrigin(gate, req, res);
    res.setHeader('access-control-allow-methods', 'POST');
    res.setHeader('access-control-allow-headers', req.headers['access-control-request-headers'] ?? 'authorization');
    res.status(204).end();
  });
  app.all(BOTH, (_req, res) => {
    res.setHeader('allow', 'POST');
    res.status(405).json(errorBody(null, CODES.server, 'Only POST is served here.'));
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

async function post(gate: Gate, open: OpenWorks, { req, res, requestId, toolset: named }: Posted): Promise<void> {
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
    const body = parseJson(bytes, { maxDepth });
    // Parsed, such a number is another one, and an id another object.
    if (hasInexactNumber(bytes.toString())) {
      throw new GatewayError('invalid_request', 'A number in the JSON is too long to be kept as it is written.');
    }
    // Kept here until the head is written: each `setHeader` costs what writing it costs once more.
    const head: Record<string, string> = { [REQUEST_ID_HEADER]: requestId };
    const late = lateStream(req, res, body, head);
    const patient = !Array.isArray(body);
    const context = { gate, req, head, admitted, toolset, signal, waits: late.waits, patient };
    const answer = Array.isArray(body) ? await answerBatch(context, body) : await answerOne(context, body);
    if (gone || (answer.body !== undefined && late.end(answer.body))) return;
    send(res, answer, head);
  } finally {
    work.end();
  }
}

function send(res: ServerResponse, { status, body }: Answer, head: Record<string, string>): void {
  const text = body === undefined ? '' : JSON.stringify(body);
  if (text !== '') head['content-type'] = 'application/json';
  head['content-length'] = String(Buffer.byteLength(text));
  res.writeHead(status, head);
  // A string goes out in one write with the head; bytes would be a second.
  res.end(text);
}

interface Context {
  readonly gate: Gate;
  readonly req: IncomingMessage;
  /** Headers of the answer. */
  readonly head: Record<string, string>;
  readonly admitted: Admitted;
  readonly toolset: Toolset | undefined;
  readonly signal: AbortSignal;
  readonly waits: LateStream['waits'];
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
  const { gate, req, head, admitted, toolset, signal, waits, patient } = context;
  let method = 'other';
  try {
    const message = readMessage(body);
    if (message === 'response') return { status: 202 };
    method = methodLabel(message.method);
    const revision = agreedRevision(message, req.headers);
    if (message.id === undefined) {
      gate.metrics.requests('notification', 'ok').inc();
      return { status: 202 };
    }
    const session = revision.era === 'legacy' ? sessionOf(gate, message, req, admitted) : undefined;
    // Where a wait has opened a stream, its headers were told then.
    const answerHeader = (name: string, value: string) => {
      head[name] = value;
    };
    const base = () => baseOf(gate, req);
    const searching = searchesHere(req.url, toolset, admitted.access);
    const within = { signal, answerHeader, waits, patient, base, searching };
    const exchange = { revision, admitted, headers: req.headers, session, toolset, ...within };
    const result = await respond(gate, message, exchange);
    gate.metrics.requests(method, 'ok').inc();
    return { status: 200, body: resultBody(message.id, result) };
  } catch (caught) {
    const id = idIn(body);
    if (caught instanceof RpcFault) {
      gate.metrics.requests(method, String(caught.code)).inc();
      return { status: caught.status, body: errorBody(id, caught.code, caught.message, caught.data) };
    }
    const error = asGatewayError(signal.aborted ? (signal.reason ?? caught) : caught);
    gate.metrics.requests(method, error.code).inc();
    if (error.code === 'internal') gate.log.error('An MCP request failed', { method, error: caught });
    return { status: error.status, body: gatewayErrorBody(error, id) };
  }
}

function toolsetOf(gate: Gate, { principal, access }: Admitted, name: string): Toolset {
  const found = gate.toolsets.find(principal, access, name);
  // The same words for one that is not there and one that is not theirs.
  if (found === undefined) throw new GatewayError('not_found', 'There is no such server.');
  return found;
}

function sessionOf(gate: Gate, message: Message, req: IncomingMessage, admitted: Admitted): Session | undefined {
  const named = single(req.headers['mcp-session-id']);
  if (named === '' || message.method === 'initialize') return undefined;
  const run = readSession(gate.digest, admitted.principal, named);
  // 404 makes a client shake hands anew (2025-11-25, Session Management).
  if (run === undefined) throw new RpcFault(CODES.server, 'There is no such session.', { status: 404 });
  return run;
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
