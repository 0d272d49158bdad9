import type { IncomingMessage, ServerResponse } from 'node:http';
import { GatewayError } from '@sallyport/chassis/errors';
import { readBody } from '@sallyport/chassis/http/body';
import { clientNames } from '@sallyport/chassis/http/client-certificates';
import { parseJson } from '@sallyport/chassis/http/json';
import { clientGone, createApp } from '@sallyport/chassis/http/server';
import { sseWriter } from '@sallyport/chassis/http/sse';
import type { Logger } from '@sallyport/chassis/log';
import type { Metrics } from '@sallyport/chassis/metrics';
import { hasBeyondDouble, parseExact } from '@sallyport/peers/exact-json';
import {
  ASKABLE_HEADER,
  type HostedPrincipal,
  PRINCIPAL_HEADER,
  readPrincipalHeader,
} from '@sallyport/peers/hosted-principal';
import { request as httpRequest } from 'undici';
import { type Backend, type Host, type HostedServer, isListing, processKey } from './host.ts';
import type { Hosts } from './hosts.ts';
import { isAnswer, isRequest, type Message, type RpcRequest, readMessage } from './stdio/message.ts';

/** The one service that calls. */
const CALLER = 'mcp-broker';
const MAX_BODY = 8 * 1024 * 1024;
const MAX_BEHIND = 1024 * 1024;
const MAX_LISTENERS = 64;
const KEEP_ALIVE_MS = 15_000;
const LONGEST_CALL_MS = 3_700_000;
const DROPPED = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'host',
  'content-length',
  'upgrade',
  'te',
  'trailer',
  PRINCIPAL_HEADER,
  ASKABLE_HEADER,
]);
/** What may be asked in nobody's name of a server with a process for each principal, besides lists. */
const FOR_NOBODY = new Set(['initialize', 'server/discover', 'ping']);
const MAX_REVOKED = 64;

/**
 * Streamable HTTP for the broker: `/servers/{tenant}/{uid}`. A server over standard input and output keeps no sessions here:
 * hands were shaken once, and each request is answered on its own. One over HTTP is passed on as it is.
 */
export function createFront(options: {
  readonly hosts: Hosts;
  readonly backend: Pick<Backend, 'address' | 'unreachable'>;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Whether callers show certificates; only tests do without. */
  readonly secure: boolean;
}): ReturnType<typeof createApp> {
  const { hosts, backend, log, metrics, secure } = options;
  const listening = new Map<string, number>();
  const app = createApp({
    log,
    metrics,
    renderError(error, _req, res) {
      res.status(error.status).json({ error: { code: error.code, message: error.message } });
    },
  });
  const onlyBroker = (req: IncomingMessage) => {
    if (secure && !clientNames(req.socket).includes(CALLER)) {
      throw new GatewayError('permission_denied', 'Only the broker calls hosted servers.');
    }
  };
  app.all('/servers/:tenant/:uid', async (req, res) => {
    onlyBroker(req);
    const declared = () => {
      const one = hosts.server(String(req.params.tenant), String(req.params.uid));
      if (one === undefined) throw new GatewayError('not_found', 'There is no such hosted server.');
      return one;
    };
    const { transport } = declared().spec;
    if (req.method !== 'POST' && req.method !== 'GET' && transport !== 'Http') {
      return void res.status(405).end();
    }
    const gone = AbortSignal.any([clientGone(res), AbortSignal.timeout(LONGEST_CALL_MS)]);
    const body = req.method === 'POST' ? await readBody(req, { limitBytes: MAX_BODY, signal: gone }) : undefined;
    const asked: Asked = { req, res, body, gone };
    // It may have changed or gone while the body came: nothing is started as it was before.
    const server = declared();
    const own =
      server.spec.isolation === 'PerPrincipal' ? enter(hosts, server, asked) : { server, leave: () => undefined };
    // Whatever becomes of it, its process is let go of; who only listens keeps none from being idle.
    if (req.method === 'GET' || res.closed) own.leave();
    else res.once('close', own.leave);
    if (server.spec.transport === 'Http') return await passOn(asked, own.server, backend);
    const host = hosts.host(own.server);
    if (body !== undefined) return await answer(asked, body, host);
    listen(res, host, listening);
  });
  app.delete('/principals/:tenant', async (req, res) => {
    onlyBroker(req);
    const { ids } = parseJson(await readBody(req, { limitBytes: MAX_BODY, signal: clientGone(res) })) as {
      ids?: unknown;
    };
    if (!Array.isArray(ids) || ids.length > MAX_REVOKED || ids.some((one) => typeof one !== 'string')) {
      throw new GatewayError('invalid_request', 'ids must name who was revoked.');
    }
    hosts.revoke(String(req.params.tenant), ids as string[]);
    res.status(204).end();
  });
  return app;
}

/** One request. */
interface Asked {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly body: Buffer | undefined;
  readonly gone: AbortSignal;
}

/** The process of the principal in whose name is asked; without one, that of nobody, which calls nothing. */
function enter(hosts: Hosts, server: HostedServer, { req, body }: Asked): ReturnType<Hosts['enter']> {
  const header = req.headers[PRINCIPAL_HEADER];
  const principal: HostedPrincipal | undefined = readPrincipalHeader(typeof header === 'string' ? header : undefined);
  const method = body === undefined ? undefined : methodOf(body);
  if (principal !== undefined) return hosts.enter(server, principal, method !== undefined && !isListing(method));
  if (header !== undefined) throw new GatewayError('invalid_request', 'The principal cannot be read.');
  if (method !== undefined && !isListing(method) && !FOR_NOBODY.has(method) && !method.startsWith('notifications/')) {
    throw new GatewayError('permission_denied', 'A server with a process for each principal is called in a name.');
  }
  return { server, leave: () => undefined };
}

function methodOf(body: Buffer): string {
  const message = readMessage(parseJson(body));
  return message !== undefined && 'method' in message ? message.method : '';
}

async function answer({ req, res, gone }: Asked, body: Buffer, host: Host): Promise<void> {
  const parsed = parseJson(body);
  const text = body.toString();
  // It is written anew for the process, and as doubles such numbers would be other ones.
  const message = readMessage(hasBeyondDouble(text) ? parseExact(text) : parsed);
  if (message === undefined) throw new GatewayError('invalid_request', 'This is no message of JSON-RPC.');
  if (isAnswer(message)) host.answer(message);
  // A cancelled call is one whose connection has ended.
  else if (isRequest(message)) return await answerRequest(message, { req, res, gone, host });
  res.writeHead(202).end();
}

async function answerRequest(
  request: RpcRequest,
  { req, res, gone, host }: Pick<Asked, 'req' | 'res' | 'gone'> & { readonly host: Host },
): Promise<void> {
  const sse = sseWriter(res, { keepAliveMs: KEEP_ALIVE_MS });
  let streaming = false;
  const onMessage = (message: Message) => {
    if (res.destroyed || res.writableEnded || res.writableLength > MAX_BEHIND) return;
    if (!streaming) sse.open();
    streaming = true;
    void sse.data(JSON.stringify(message));
  };
  // Who can ask the person of the call says so.
  const onAsk = req.headers[ASKABLE_HEADER] === undefined ? undefined : onMessage;
  try {
    const text = JSON.stringify(await host.request(request, gone, { onNotice: onMessage, onAsk }));
    if (streaming) return sse.end(`data: ${text}\n\n`);
    res.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
    res.end(text);
  } catch (error) {
    if (res.destroyed) return;
    throw error;
  }
}

function listen(res: ServerResponse, host: Host, listening: Map<string, number>): void {
  const key = processKey(host.server);
  const count = listening.get(key) ?? 0;
  if (count >= MAX_LISTENERS) throw new GatewayError('rate_limited', 'Too many listen to this server.');
  listening.set(key, count + 1);
  const sse = sseWriter(res, { keepAliveMs: KEEP_ALIVE_MS });
  sse.open();
  const stop = host.listen((notice) => {
    if (!res.destroyed && res.writableLength <= MAX_BEHIND) void sse.data(JSON.stringify(notice));
  });
  // Its process is replaced, or its principal's, or was started anew: who wants to hear of the next one listens again, and
  // subscribes to what it wants to hear of.
  const end = () => sse.end();
  const stopWaiting = host.onAnother(end);
  host.stopped.addEventListener('abort', end, { once: true });
  res.once('close', () => {
    stop();
    stopWaiting();
    host.stopped.removeEventListener('abort', end);
    const left = (listening.get(key) ?? 1) - 1;
    if (left > 0) listening.set(key, left);
    else listening.delete(key);
  });
}

async function passOn(
  { req, res, body, gone }: Asked,
  server: HostedServer,
  backend: Pick<Backend, 'address' | 'unreachable'>,
): Promise<void> {
  const url = await backend.address(server, gone);
  const headers = Object.fromEntries(Object.entries(req.headers).filter(([name]) => !DROPPED.has(name))) as Record<
    string,
    string
  >;
  const {
    statusCode,
    headers: given,
    body: stream,
  } = await httpRequest(url, {
    method: req.method as 'POST',
    headers,
    body: body ?? null,
    signal: gone,
    headersTimeout: LONGEST_CALL_MS,
    bodyTimeout: LONGEST_CALL_MS,
  }).catch((error: unknown) => {
    backend.unreachable(server);
    throw new GatewayError('upstream_error', 'The hosted server does not answer.', { cause: error });
  });
  res.writeHead(statusCode, Object.fromEntries(Object.entries(given).filter(([name]) => !DROPPED.has(name))));
  res.flushHeaders();
  stream.on('error', () => res.destroy());
  stream.pipe(res);
}
