import type { OutgoingHttpHeaders } from 'node:http';
import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import { readBody } from '@sallyport/chassis/http/body';
import { parseJson } from '@sallyport/chassis/http/json';
import { sseWriter } from '@sallyport/chassis/http/sse';
import { challengeOf } from '@sallyport/peers/ingress';
import { type OpenWork, openWork } from '@sallyport/peers/open-work';
import { hasBeyondDouble } from '@sallyport/turn';
import type { Express, Request, Response } from 'express';
import { TRAJECTORY_HEADER } from '../downstream/exchange.ts';
import { errorBody, idIn, RpcFault, readMessage, resultBody } from '../downstream/message.ts';
import { checkedOrigin, publicBase } from '../downstream/origins.ts';
import { resourceMetadata } from '../downstream/resource-metadata.ts';
import { authorise, single } from '../invoke/admit.ts';
import { CODES as RPC } from '../protocol.ts';
import { type AgentGate, findAgent } from './find-agent.ts';
import { ENDPOINT, respond } from './respond.ts';
import { CODES, type Operation, REVISIONS, type Revision, revisionOf } from './revisions.ts';
import { servedCard } from './served-card.ts';

const PATH = '/a2a';
const AGENT = `${PATH}/:agent`;
const CARD = `${AGENT}/.well-known/agent-card.json`;
const METADATA = '/.well-known/oauth-protected-resource/a2a';
const EXPOSED = `${TRAJECTORY_HEADER}, sallyport-turn, www-authenticate`;
const KEEP_ALIVE_MS = 8_000;

/** Serves agents at `/a2a/<name>`: their cards, and JSON-RPC of revisions 0.3 and 1.0. What goes on is calls of their tools. */
export function serveAgents(app: Express, gate: AgentGate): void {
  const open = openWork(gate);
  const serve = (answer: (served: Served) => Promise<void>) => async (req: Request, res: Response) => {
    const work = open.begin();
    res.once('close', () => {
      if (!res.writableFinished) work.leave();
    });
    try {
      allowOrigin(gate, req, res);
      await answer({ gate, req, res, work, agent: String(req.params.agent) });
    } catch (caught) {
      if (!res.headersSent && !res.destroyed) failed(gate, req, res, caught);
      else res.destroy();
    } finally {
      work.end();
    }
  };
  app.get(CARD, serve(card));
  app.post(AGENT, serve(post));
  app.options([AGENT, CARD], (req, res) => {
    allowOrigin(gate, req, res);
    res.setHeader('access-control-allow-methods', 'GET, POST');
    res.setHeader('access-control-allow-headers', req.headers['access-control-request-headers'] ?? 'authorization');
    res.status(204).end();
  });
  app.all([AGENT, CARD], (_req, res) => {
    res.setHeader('allow', 'GET, POST');
    res.status(405).json(errorBody(null, RPC.server, 'Messages are sent by POST; the card is read by GET.'));
  });
  for (const path of [METADATA, `${METADATA}/:agent`]) {
    app.get(path, (req, res) => {
      res.setHeader('access-control-allow-origin', '*');
      res.json(resourceMetadata(gate.config, `${baseOf(gate, req)}${PATH}`));
    });
  }
}

interface Served {
  readonly gate: AgentGate;
  readonly req: Request;
  readonly res: Response;
  readonly work: OpenWork;
  readonly agent: string;
}

async function card({ gate, req, res, work, agent }: Served): Promise<void> {
  const admitted = await authorise(gate, gate.ingress.credentialOf(req), work, ENDPOINT);
  const found = await findAgent(gate, admitted, agent, work.signal);
  res.setHeader('vary', 'a2a-version, authorization');
  res.setHeader('cache-control', 'private, no-cache');
  // A client that names no revision speaks the older one (A2A 1.0, §3.6.2).
  const revision = revisionOf(versionOf(req)) ?? OLDEST;
  res.json(servedCard(found.card, revision, urlOf(gate, req, agent)));
}

const OLDEST = REVISIONS.at(-1) as Revision;

async function post({ gate, req, res, work, agent }: Served): Promise<void> {
  const { signal } = work;
  // The key first: who has none learns nothing of how bodies are read.
  const credential = gate.ingress.credentialOf(req);
  const admitted = await authorise(gate, credential, work, ENDPOINT);
  const found = await findAgent(gate, admitted, agent, signal);
  if (!/^application\/(a2a\+)?json\s*(;|$)/i.test(req.headers['content-type'] ?? '')) {
    throw new RpcFault(CODES.contentType, 'Content-Type must be application/json.', { status: 415 });
  }
  const { maxBytes, maxDepth } = gate.config.request;
  const bytes = await readBody(req, { limitBytes: maxBytes, signal });
  const body = parseJson(bytes, { maxDepth });
  if (hasBeyondDouble(bytes.toString())) {
    throw new GatewayError('invalid_request', 'A number in the JSON is too long to be kept as it is written.');
  }
  const id = idIn(body);
  let method = 'other';
  let stream: ReturnType<typeof sseWriter> | undefined;
  const head: OutgoingHttpHeaders = {};
  const opened = () => {
    if (stream === undefined) {
      stream = sseWriter(res, { keepAliveMs: KEEP_ALIVE_MS });
      stream.open(head, { flush: false });
    }
    return stream;
  };
  const end = (answer: object | undefined, status = 200) => {
    if (stream === undefined && answer !== undefined) {
      for (const [name, value] of Object.entries(head)) res.setHeader(name, value as string);
      res.status(status).json(answer);
    } else (stream ?? opened()).end(answer === undefined ? '' : `data: ${JSON.stringify(answer)}\n\n`);
  };
  try {
    const message = readMessage(body);
    if (message === 'response' || message.id === undefined)
      throw new RpcFault(RPC.invalidRequest, 'A request has an id.');
    const { id: asked } = message;
    const { revision, operation } = agreed(req, message.method);
    method = operation;
    const streams = operation === 'stream' || operation === 'subscribe';
    const result = await respond(gate, message, {
      revision,
      operation,
      admitted,
      agent: found,
      headers: req.headers,
      signal,
      askAgain: async () => await gate.principals.authenticate(credential, ENDPOINT),
      url: urlOf(gate, req, agent),
      answerHeader(name, value) {
        head[name] = value;
      },
      waits: async (words) => {
        if (streams) await opened().comment(words);
      },
      emit: (event) => opened().data(JSON.stringify(resultBody(asked, event))),
    });
    gate.metrics.requests(`a2a/${method}`, 'ok').inc();
    if (streams && result !== undefined) await opened().data(JSON.stringify(resultBody(asked, result)));
    end(streams ? undefined : resultBody(asked, result ?? {}));
  } catch (caught) {
    const fault = faultOf(signal.aborted ? (signal.reason ?? caught) : caught);
    gate.metrics.requests(`a2a/${method}`, String(fault.code)).inc();
    if (fault.code === RPC.internal) gate.log.error('An A2A request failed', { method, error: caught });
    end(errorBody(id, fault.code, fault.message, fault.data), fault.status);
  }
}

/** The revision that is spoken and what is asked for. Throws RpcFault. */
function agreed(req: Request, method: string): { revision: Revision; operation: Operation } {
  const version = versionOf(req);
  const named = version === '' ? undefined : revisionOf(version);
  if (version !== '' && named === undefined) {
    const supported = REVISIONS.map((one) => one.version).join(', ');
    throw new RpcFault(CODES.versionNotSupported, `This version of A2A is not supported. Supported: ${supported}.`);
  }
  // Who names no revision is known by the names of its methods, which both revisions have of their own.
  const spoken = named === undefined ? REVISIONS : [named];
  for (const revision of spoken) {
    const operation = Object.hasOwn(revision.methods, method) ? revision.methods[method] : undefined;
    if (operation !== undefined) return { revision, operation };
  }
  throw new RpcFault(RPC.methodNotFound, 'Method not found.');
}

function versionOf(req: Request): string {
  return single(req.headers['a2a-version']).trim();
}

function faultOf(caught: unknown): RpcFault {
  if (caught instanceof RpcFault) return caught;
  const error = asGatewayError(caught);
  const { code, status, details } = error;
  const data = { code, ...details };
  if (code === 'internal') return new RpcFault(RPC.internal, error.message, { status, data });
  const asked = ['invalid_request', 'duplicate_key', 'body_too_deep', 'body_too_large'].includes(code);
  const parse = asked && /JSON|UTF-8/.test(error.message);
  return new RpcFault(parse ? RPC.parse : asked ? RPC.invalidRequest : RPC.server, error.message, { status, data });
}

function failed(gate: AgentGate, req: Request, res: Response, caught: unknown): void {
  const fault = faultOf(caught);
  const error = caught instanceof RpcFault ? undefined : asGatewayError(caught);
  if (error?.code === 'internal') gate.log.error('An A2A request failed', { error: caught });
  if (error?.retryAfterMs !== undefined) {
    res.setHeader('retry-after', String(Math.max(1, Math.ceil(error.retryAfterMs / 1000))));
  }
  if (error?.code === 'unauthenticated') {
    res.setHeader('www-authenticate', challengeOf(req, `${baseOf(gate, req)}${METADATA}`));
  }
  res.status(fault.status).json(errorBody(null, fault.code, fault.message, fault.data));
}

function allowOrigin(gate: AgentGate, req: Request, res: Response): void {
  const origin = checkedOrigin(gate.config, req.headers);
  if (origin === undefined) return;
  res.setHeader('access-control-allow-origin', origin);
  res.setHeader('access-control-expose-headers', EXPOSED);
  res.setHeader('vary', 'origin');
}

function baseOf(gate: AgentGate, req: Request): string {
  return publicBase(gate.config, gate.ingress.reachedAt(req));
}

function urlOf(gate: AgentGate, req: Request, agent: string): string {
  return `${baseOf(gate, req)}${PATH}/${encodeURIComponent(agent)}`;
}
