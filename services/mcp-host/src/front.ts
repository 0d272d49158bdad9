import type { IncomingMessage, ServerResponse } from 'node:http';
import { GatewayError } from '@sallyport/chassis/errors';
import { readBody } from '@sallyport/chassis/http/body';
import { clientNames } from '@sallyport/chassis/http/client-certificates';
import { parseJson } from '@sallyport/chassis/http/json';
import { clientGone, createApp } from '@sallyport/chassis/http/server';
import { sseWriter } from '@sallyport/chassis/http/sse';
import type { Logger } from '@sallyport/chassis/log';
import type { Metrics } from '@sallyport/chassis/metrics';
import { request as httpRequest } from 'undici';
import type { Backend, Host, HostedServer } from './host.ts';
import type { Hosts } from './hosts.ts';
import { isAnswer, isRequest, type RpcNotice, type RpcRequest, readMessage } from './stdio/message.ts';

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
]);

/**
 * Streamable HTTP for the broker: `/servers/{tenant}/{uid}`. A server over standard input and output keeps no sessions here:
 * hands were shaken once, and each request is answered on its own. One over HTTP is passed on as it is.
 */
export function createFront(options: {
  readonly hosts: Hosts;
  readonly backend: Pick<Backend, 'address'>;
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
  app.all('/servers/:tenant/:uid', async (req, res) => {
    if (secure && !clientNames(req.socket).includes(CALLER)) {
      throw new GatewayError('permission_denied', 'Only the broker calls hosted servers.');
    }
    const server = hosts.server(String(req.params.tenant), String(req.params.uid));
    if (server === undefined) throw new GatewayError('not_found', 'There is no such hosted server.');
    if (server.spec.transport === 'Http') return await passOn(req, res, server, backend);
    const host = hosts.host(server);
    if (req.method === 'POST') return await answer(req, res, host);
    if (req.method === 'GET') return listen(res, host, listening);
    res.status(405).end();
  });
  return app;
}

async function answer(req: IncomingMessage, res: ServerResponse, host: Host): Promise<void> {
  const gone = AbortSignal.any([clientGone(res), AbortSignal.timeout(LONGEST_CALL_MS)]);
  const message = readMessage(parseJson(await readBody(req, { limitBytes: MAX_BODY, signal: gone })));
  if (message === undefined) throw new GatewayError('invalid_request', 'This is no message of JSON-RPC.');
  // Nothing was asked of the caller; a cancelled call is one whose connection has ended.
  if (isAnswer(message) || !isRequest(message)) return void res.writeHead(202).end();
  await answerRequest(message, res, host, gone);
}

async function answerRequest(request: RpcRequest, res: ServerResponse, host: Host, gone: AbortSignal): Promise<void> {
  const sse = sseWriter(res, { keepAliveMs: KEEP_ALIVE_MS });
  let streaming = false;
  const onNotice = (notice: RpcNotice) => {
    if (res.destroyed || res.writableEnded || res.writableLength > MAX_BEHIND) return;
    if (!streaming) sse.open();
    streaming = true;
    void sse.data(JSON.stringify(notice));
  };
  try {
    const text = JSON.stringify(await host.request(request, gone, onNotice));
    if (streaming) return sse.end(`data: ${text}\n\n`);
    res.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
    res.end(text);
  } catch (error) {
    if (res.destroyed) return;
    throw error;
  }
}

function listen(res: ServerResponse, host: Host, listening: Map<string, number>): void {
  const { uid } = host.server;
  const count = listening.get(uid) ?? 0;
  if (count >= MAX_LISTENERS) throw new GatewayError('rate_limited', 'Too many listen to this server.');
  listening.set(uid, count + 1);
  const sse = sseWriter(res, { keepAliveMs: KEEP_ALIVE_MS });
  sse.open();
  const stop = host.listen((notice) => {
    if (!res.destroyed && res.writableLength <= MAX_BEHIND) void sse.data(JSON.stringify(notice));
  });
  res.once('close', () => {
    stop();
    listening.set(uid, (listening.get(uid) ?? 1) - 1);
  });
}

async function passOn(
  req: IncomingMessage,
  res: ServerResponse,
  server: HostedServer,
  backend: Pick<Backend, 'address'>,
): Promise<void> {
  const gone = clientGone(res);
  const url = await backend.address(server, AbortSignal.any([gone, AbortSignal.timeout(LONGEST_CALL_MS)]));
  const body = req.method === 'POST' ? await readBody(req, { limitBytes: MAX_BODY, signal: gone }) : null;
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
    body,
    signal: gone,
    headersTimeout: LONGEST_CALL_MS,
    bodyTimeout: LONGEST_CALL_MS,
  }).catch((error: unknown) => {
    throw new GatewayError('upstream_error', 'The hosted server does not answer.', { cause: error });
  });
  res.writeHead(statusCode, Object.fromEntries(Object.entries(given).filter(([name]) => !DROPPED.has(name))));
  res.flushHeaders();
  stream.on('error', () => res.destroy());
  stream.pipe(res);
}
