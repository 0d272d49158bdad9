import {
  Agent,
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type ServerResponse,
} from 'node:http';
import { pipeline } from 'node:stream';
import { type Route, routeOf } from './routes.ts';

/** Where the front listens and what is behind it. */
export interface FrontOptions {
  readonly port: number;
  readonly routes: readonly Route[];
  /** Loopback HTTP ports of the processes of a service that live now. */
  readonly upstreams: (service: string) => readonly number[];
  /** Reasons why the suite is not ready, by process; empty when it is. */
  readonly failures: () => Promise<Record<string, string>>;
}

/** A listening front. */
export interface Front {
  readonly port: number;
  stop(): Promise<void>;
}

// RFC 9110 §7.6.1: these are about one connection. Forwarded headers are ours to say: nobody stands before us.
const DROPPED = new Set([
  'connection',
  'expect',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-real-ip',
]);

/**
 * Listens on loopback and hands each request to the service that the table names, bytes as they come in both
 * directions. It stands in for an Ingress: no retries, no buffering, no rules. `/readyz` tells of the whole suite.
 */
export function startFront(options: FrontOptions): Promise<Front> {
  const agent = new Agent({ keepAlive: true, maxFreeSockets: 64 });
  let turn = 0;
  const server = createServer((req, res) => {
    const path = (req.url ?? '/').split('?', 1)[0];
    if (path === '/readyz' || path === '/livez') return void answerHealth(path, options, res);
    const route = routeOf(options.routes, req.url ?? '/');
    if (route === undefined) return refuse(res, 404, 'not_found', 'Nothing answers at this path.');
    const ports = options.upstreams(route.service);
    const port = ports[turn++ % Math.max(1, ports.length)];
    if (port === undefined) return refuse(res, 503, 'unavailable', `${route.service} is not running.`);
    forward(req, res, { agent, port });
  });
  // The services have their own limits on how long a request may take.
  server.requestTimeout = 0;
  server.keepAliveTimeout = 65_000;
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'EADDRINUSE' ? new Error(`Port ${options.port} is taken; choose another PORT.`) : error),
    );
    server.listen(options.port, '127.0.0.1', () =>
      resolve({
        port: (server.address() as { port: number }).port,
        stop: () =>
          new Promise((done) => {
            server.close(() => done());
            server.closeAllConnections();
            agent.destroy();
          }),
      }),
    );
  });
}

function forward(req: IncomingMessage, res: ServerResponse, { agent, port }: { agent: Agent; port: number }): void {
  const headers = passedOn(req.headers);
  headers['x-forwarded-for'] = req.socket.remoteAddress ?? '127.0.0.1';
  headers['x-forwarded-proto'] = 'http';
  // Each hop frames its own body (RFC 9112 §6.1): chunked stays chunked, a length stays a length.
  if (req.headers['transfer-encoding'] !== undefined) headers['transfer-encoding'] = 'chunked';
  if (req.headers.host !== undefined) headers['x-forwarded-host'] = req.headers.host;
  const upstream = request({
    agent,
    host: '127.0.0.1',
    port,
    method: req.method,
    path: req.url,
    headers,
    setDefaultHeaders: false,
  });
  upstream.on('response', (response) => {
    res.writeHead(response.statusCode ?? 502, response.statusMessage, passedOn(response.headers));
    // The head of a stream must not wait for its first event.
    res.flushHeaders();
    pipeline(response, res, () => undefined);
  });
  upstream.on('error', () => {
    if (res.headersSent) res.destroy();
    else refuse(res, 502, 'upstream_error', 'The service behind this path did not answer.');
  });
  // Client gone: upstream is cancelled, so that the service settles and records at once.
  res.on('close', () => {
    if (!res.writableFinished) upstream.destroy();
  });
  pipeline(req, upstream, () => undefined);
}

function passedOn(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  const named = new Set(
    String(headers.connection ?? '')
      .toLowerCase()
      .split(/\s*,\s*/),
  );
  return Object.fromEntries(
    Object.entries(headers).filter(
      (entry): entry is [string, string | string[]] =>
        entry[1] !== undefined && !DROPPED.has(entry[0]) && !named.has(entry[0]),
    ),
  );
}

async function answerHealth(path: string, options: FrontOptions, res: ServerResponse): Promise<void> {
  const failures = path === '/livez' ? {} : await options.failures().catch((error) => ({ front: String(error) }));
  const ready = Object.keys(failures).length === 0;
  res.writeHead(ready ? 200 : 503, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  res.end(`${JSON.stringify(ready ? { status: 'ready' } : { status: 'not ready', failures })}\n`);
}

function refuse(res: ServerResponse, status: number, code: string, message: string): void {
  if (res.headersSent) return void res.destroy();
  res.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
  res.end(`${JSON.stringify({ error: { code, message } })}\n`);
}
