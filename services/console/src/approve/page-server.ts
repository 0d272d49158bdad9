import { withTimeout } from '@sallyport/chassis/deadline';
import type { GatewayError } from '@sallyport/chassis/errors';
import { clientGone } from '@sallyport/chassis/http/server';
import { PAGE_HEADERS } from '@sallyport/chassis/pages/page';
import type { Express, Request, Response } from 'express';
import type { Handler } from './door.ts';
import { noticePage } from './layout.ts';

/** Pages under one path of an app. */
export interface Pages {
  /** Whether a path is theirs. */
  covers(path: string): boolean;
  mount(app: Express): void;
  /** Writes a failure as a page. */
  renderError(error: GatewayError, req: Request, res: Response): void;
}

/** Serves handlers of pages: with the headers of pages, and no longer than a request may take, ms. */
export function servingPages(timeoutMs: number): (handler: Handler) => (req: Request, res: Response) => Promise<void> {
  return (handler) => (req, res) => {
    res.set(PAGE_HEADERS);
    return handler(req, res, { timeoutMs, signal: withTimeout(clientGone(res), timeoutMs) });
  };
}

const TITLES: Readonly<Record<string, string>> = {
  not_found: 'There is no such page',
  permission_denied: 'This is not allowed',
  unavailable: 'Not available now',
  audit_unavailable: 'Not available now',
  deadline_exceeded: 'Not available now',
};

/** Writes a failure as a page. */
export function renderPageError(error: GatewayError, _req: Request, res: Response): void {
  res.set(PAGE_HEADERS);
  if (error.retryAfterMs !== undefined) res.setHeader('retry-after', Math.ceil(error.retryAfterMs / 1000));
  sendPage(res, error.status, noticePage(TITLES[error.code] ?? 'This did not work', error.message));
}

/** Sends a page. */
export function sendPage(res: Response, status: number, markup: string): void {
  res.status(status).type('text/html').send(markup);
}

/** After a form the browser GETs: loading the page again sends nothing twice. */
export function seeOther(res: Response, path: string): void {
  res.redirect(303, path);
}
