import { withTimeout } from '@sallyport/chassis/deadline';
import { GatewayError } from '@sallyport/chassis/errors';
import { readBody } from '@sallyport/chassis/http/body';
import { parseJson } from '@sallyport/chassis/http/json';
import { clientGone, createApp } from '@sallyport/chassis/http/server';
import type { Logger } from '@sallyport/chassis/log';
import type { Metrics } from '@sallyport/chassis/metrics';
import type { Client } from '@sallyport/chassis/rpc/client';
import { challengeOf, type Ingress } from '@sallyport/peers/ingress';
import type { AuthenticationService } from '@sallyport/proto/identity/v1/identity_pb';
import type { Express, Request, Response } from 'express';
import type { z } from 'zod';
import type { Pages } from './approve/page-server.ts';
import { callerOf } from './caller.ts';
import { openApiOf } from './openapi.ts';
import { PROBLEM_TYPE, problemOf } from './problem.ts';
import type { Route } from './route.ts';

/** Path under which the admin API is served. */
export const PREFIX = '/admin/v1';

const MAX_BODY_BYTES = 64 * 1024;
const MAX_DEPTH = 16;
const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;

/** What the HTTP front needs beside its routes. */
export interface AdminAppOptions {
  readonly routes: readonly Route[];
  /** Pages beside the API. */
  readonly pages: readonly Pages[];
  readonly ingress: Pick<Ingress, 'credentialOf'>;
  readonly identity: Pick<Client<typeof AuthenticationService>, 'authenticate'>;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** How long a request may take, ms. */
  readonly requestTimeoutMs: number;
}

/**
 * Makes the express app of the admin API, each route of which authenticates, checks role and input, then answers JSON,
 * and of the pages beside it.
 */
export function adminApp(options: AdminAppOptions): Express {
  const { routes, pages, log, metrics } = options;
  const app = createApp({
    log,
    metrics,
    renderError: (error, req, res) =>
      (pages.find((one) => one.covers(req.path)) ?? { renderError }).renderError(error, req, res),
  });
  for (const one of pages) one.mount(app);
  const document = openApiOf(routes, PREFIX);
  // The document says nothing of this installation, so reading it needs no key.
  app.get(`${PREFIX}/openapi.json`, (_req, res) => void res.json(document));
  for (const route of routes) {
    const path = PREFIX + route.path.replace(/\{(\w+)\}/g, ':$1');
    app[route.method](path, (req, res) => serve(route, req, res, options));
  }
  return app;
}

async function serve(route: Route, req: Request, res: Response, options: AdminAppOptions): Promise<void> {
  const timeoutMs = options.requestTimeoutMs;
  const signal = withTimeout(clientGone(res), timeoutMs);
  const patience = { timeoutMs, signal };
  res.setHeader('cache-control', 'no-store');

  const caller = await callerOf(options.ingress.credentialOf(req), options.identity, patience);
  if (!route.roles.includes(caller.role)) {
    throw new GatewayError('permission_denied', `This needs the role ${route.roles.join(' or ')}.`);
  }
  const responseHeaders = new Map<string, string>();
  const answer = await route.handle({
    caller,
    params: checked(route.params, req.params, ''),
    query: checked(route.query, { ...req.query }, '/query'),
    body: route.body === undefined ? undefined : checked(route.body, await bodyOf(req, signal), ''),
    idempotencyKey: route.idempotent === true ? idempotencyKeyOf(req) : '',
    responseHeaders,
    patience,
  });
  res.setHeaders(responseHeaders).status(route.status);
  if (route.status === 204) res.end();
  else res.json(answer);
}

async function bodyOf(req: Request, signal: AbortSignal): Promise<unknown> {
  const bytes = await readBody(req, { limitBytes: MAX_BODY_BYTES, signal });
  if (bytes.length === 0) return {};
  const type = (req.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/json' && type !== 'application/merge-patch+json') {
    throw new GatewayError('invalid_request', 'Send the body as application/json.', { status: 415 });
  }
  return parseJson(bytes, { maxDepth: MAX_DEPTH });
}

function idempotencyKeyOf(req: Request): string {
  const given = req.headers['idempotency-key'];
  if (given === undefined) return '';
  if (typeof given === 'string' && IDEMPOTENCY_KEY.test(given)) return given;
  throw new GatewayError('invalid_request', 'Idempotency-Key must be 1 to 255 visible ASCII characters.');
}

function checked<T>(schema: z.ZodType<T> | undefined, data: unknown, at: string): T | undefined {
  if (schema === undefined) return undefined;
  const result = schema.safeParse(data);
  if (result.success) return result.data;
  const faults = result.error.issues.map((issue) => ({
    path: `${at}${issue.path.map((step) => `/${String(step).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')}`,
    message: issue.message,
  }));
  const [first] = faults;
  throw new GatewayError('invalid_request', `${first?.path || 'The request'}: ${first?.message}`, {
    details: { faults },
  });
}

function renderError(error: GatewayError, req: Request, res: Response): void {
  if (error.code === 'unauthenticated') res.setHeader('www-authenticate', challengeOf(req));
  if (error.retryAfterMs !== undefined) res.setHeader('retry-after', Math.ceil(error.retryAfterMs / 1000));
  res
    .status(error.status)
    .type(PROBLEM_TYPE)
    .send(JSON.stringify(problemOf(error)));
}
