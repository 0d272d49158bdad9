import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import type { ListenConfig, TlsConfig } from '../config.ts';
import { remainingMs } from '../deadline.ts';
import { asGatewayError, GatewayError } from '../errors.ts';
import type { Logger } from '../log.ts';
import { type Metrics, type Timing, timing } from '../metrics.ts';
import type { Component } from '../process.ts';
import { beginRoot } from '../tracing.ts';
import { uuidv7 } from '../uuid.ts';
import { mutualTlsServer } from './client-certificates.ts';
import { createServer } from './create-server.ts';

/** What an app is made with. */
export interface AppOptions {
  readonly log: Logger;
  readonly metrics?: Metrics;
  /** Writes a failure in the caller's dialect; called once, only while nothing has been sent. */
  readonly renderError: (error: GatewayError, req: Request, res: Response) => void;
}

/** An HTTP listener; `port()` is known after start. */
export interface HttpServer extends Component {
  port(): number;
  start(): Promise<void>;
  stop(deadlineMs: number): Promise<void>;
}

type Handle = (req: Request, res: Response, next?: NextFunction) => void;

/**
 * Answers a request without express around it: only what Node itself puts on request and response is there. It sends
 * `requestId` as the header `x-request-id` and sets no other before it sends the head, or leaves both to who renders what
 * it throws.
 */
export type PlainHandler = (req: IncomingMessage, res: ServerResponse, requestId: string) => Promise<void>;

/** The header that names a request. */
export const REQUEST_ID_HEADER = 'x-request-id';

const plainPosts = new WeakMap<Express, Map<string, PlainHandler>>();

/**
 * Serves POST of one path of an app of ours. Where the path is written exactly so, express is not asked: its router and
 * the prototypes that it changes on each request cost more than all else that this server does for one.
 */
export function postPlainly(app: Express, path: string, handler: PlainHandler): void {
  plainPosts.get(app)?.set(path, handler);
  app.post(path, (req, res) => handler(req, res, res.locals.requestId));
}

const REQUEST_ID = /^[\w.-]{1,64}$/;
const METHODS = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS']);

/**
 * Makes an express app with as little around each request as it takes: a request id (`res.locals.requestId`, header
 * `x-request-id`), trace context, one metric, and a last step that renders errors and unknown paths. Add routes to it.
 */
export function createApp(options: AppOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', 'simple');
  const observe = observer(options.metrics);
  const plain = new Map<string, PlainHandler>();
  plainPosts.set(app, plain);
  const byExpress = (app as unknown as { handle: Handle }).handle.bind(app);
  const handle: Handle = (req, res, next) => {
    const startedAt = performance.now();
    const given = req.headers[REQUEST_ID_HEADER];
    const requestId = typeof given === 'string' && REQUEST_ID.test(given) ? given : uuidv7();
    const handler = next === undefined && req.method === 'POST' ? plain.get(req.url) : undefined;
    const span = beginRoot(req.method === 'POST' ? 'HTTP POST' : `HTTP ${req.method}`, req.headers);
    res.on('close', () => {
      observe(req, res, handler === undefined ? undefined : req.url, (performance.now() - startedAt) / 1000);
      span?.end();
    });
    const route = () => {
      if (handler !== undefined) return plainly(handler, req, res, requestId);
      name(res, requestId);
      try {
        byExpress(req, res, next ?? ((error?: unknown) => finishFailed(error ?? notFound(), req, res, options)));
      } catch (error) {
        finishFailed(error, req, res, options);
      }
    };
    if (span === undefined) route();
    else span.run(route);
  };
  const plainly = (handler: PlainHandler, req: Request, res: Response, requestId: string): void => {
    handler(req, res, requestId).catch((error: unknown) => {
      dress(app, req, res);
      name(res, requestId);
      finishFailed(error, req, res, options);
    });
  };
  (app as unknown as { handle: Handle }).handle = handle;
  return app;
}

/** Tells a request's id to its handlers, and to the client. */
function name(res: Response, requestId: string): void {
  res.locals ??= Object.create(null);
  res.locals.requestId = requestId;
  if (!res.headersSent) res.setHeader(REQUEST_ID_HEADER, requestId);
}

/** Puts express around a request after all, for those who render its failure. */
function dress(app: Express, req: Request, res: Response): void {
  Object.setPrototypeOf(req, app.request);
  Object.setPrototypeOf(res, app.response);
  req.res = res;
  res.req = req;
}

function notFound(): GatewayError {
  return new GatewayError('not_found', 'There is nothing at this path.');
}

function finishFailed(caught: unknown, req: Request, res: Response, options: AppOptions): void {
  const error = httpError(caught);
  if (error.code === 'internal') {
    options.log.error('request failed', { requestId: res.locals.requestId, path: req.path, error: caught });
  }
  // After the head there is no way to say it: cutting the connection is what tells the client that this is no answer.
  if (res.headersSent || res.destroyed) return void res.destroy();
  if (!req.complete) linger(req);
  try {
    options.renderError(error, req, res);
  } catch (fault) {
    options.log.error('an error could not be rendered', { requestId: res.locals.requestId, error: fault });
    res.destroy();
  }
}

const LINGER_MS = 2_000;

/**
 * What a client still sends of a refused body is read and dropped for a moment: closing at once would reset the
 * connection, and the client would lose the very answer that says why (RFC 9112 §9.6).
 */
function linger(req: Request): void {
  const timer = setTimeout(() => req.socket.destroy(), LINGER_MS);
  timer.unref();
  req.resume();
  req.once('close', () => clearTimeout(timer));
  req.once('end', () => clearTimeout(timer));
}

/** Express's own errors (a malformed percent-escape in the path) carry a 4xx status. */
function httpError(caught: unknown): GatewayError {
  const status = (caught as { status?: unknown } | null)?.status;
  if (!(caught instanceof GatewayError) && typeof status === 'number' && status >= 400 && status < 500) {
    return new GatewayError('invalid_request', 'The request is malformed.', { cause: caught, status });
  }
  return asGatewayError(caught);
}

const SERVER_OPTIONS = {
  // Longer than the idle time of usual load balancers (60 s), so that the side that knows of requests closes first.
  keepAliveTimeout: 75_000,
  headersTimeout: 15_000,
  requestTimeout: 300_000,
  connectionsCheckingInterval: 5_000,
  maxHeaderSize: 32_768,
};

/**
 * Serves an app; on stop open requests may finish until the deadline, then their connections are cut. With `tls` it speaks
 * HTTPS to clients that show a certificate of its CA, and to no others.
 */
export function httpServer(options: {
  readonly listen: ListenConfig;
  readonly tls?: TlsConfig;
  readonly app: (req: IncomingMessage, res: ServerResponse) => void;
  readonly log: Logger;
}): HttpServer {
  const { tls, app, log } = options;
  const server =
    tls === undefined ? createServer(SERVER_OPTIONS, app) : mutualTlsServer({ tls, http: SERVER_OPTIONS, app, log });
  return {
    name: 'http server',
    start: () =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(options.listen.port, options.listen.host, () => {
          server.off('error', reject);
          const { port } = server.address() as AddressInfo;
          log.info(tls === undefined ? 'HTTP listens' : 'HTTPS listens', { host: options.listen.host, port });
          resolve();
        });
      }),
    async stop(deadlineMs) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      // A kept-alive connection counts as open until its idle time is over, so those that fall idle are closed at once.
      const sweep = setInterval(() => server.closeIdleConnections(), 50);
      const cut = setTimeout(() => server.closeAllConnections(), Math.min(remainingMs(deadlineMs), 2_147_483_647));
      server.closeIdleConnections();
      await closed;
      clearInterval(sweep);
      clearTimeout(cut);
    },
    port: () => (server.address() as AddressInfo).port,
  };
}

/** Fires when the client leaves before the answer was finished; hand it to what is done for this request. */
export function clientGone(res: ServerResponse): AbortSignal {
  const gone = new AbortController();
  res.once('close', () => {
    if (!res.writableFinished) gone.abort(new GatewayError('cancelled', 'The client is gone.'));
  });
  return gone.signal;
}

type Observe = (req: Request, res: Response, route: string | undefined, seconds: number) => void;

function observer(metrics: Metrics | undefined): Observe {
  if (metrics === undefined) return () => undefined;
  const histogram = metrics.histogram('http_seconds', 'Time from request to the end of its answer.', [
    'method',
    'route',
    'status',
  ]);
  const bound = new Map<string, Timing>();
  return (req, res, known, seconds) => {
    // The pattern of the route, never the path: paths are the client's and without bound.
    const pattern = known ?? req.route?.path;
    const route = typeof pattern === 'string' ? (known ?? req.baseUrl + pattern) : 'none';
    const method = METHODS.has(req.method) ? req.method : 'other';
    const key = `${method} ${res.statusCode} ${route}`;
    let found = bound.get(key);
    if (found === undefined) {
      found = timing(histogram, { method, route, status: res.statusCode });
      bound.set(key, found);
    }
    found.observe(seconds);
  };
}
