import type { GatewayError } from '@sallyport/chassis/errors';
import { createApp } from '@sallyport/chassis/http/server';
import type { Logger } from '@sallyport/chassis/log';
import type { Metrics } from '@sallyport/chassis/metrics';
import type { Express, Request, Response } from 'express';

/** What answers under some paths of identity's listener, with errors in its own dialect. */
export interface Front {
  /** Whether a path is its own. */
  covers(path: string): boolean;
  mount(app: Express): void;
  /** Writes a failure; nothing has been sent yet. */
  renderError(error: GatewayError, req: Request, res: Response): void;
}

/** Identity's listener: the OAuth server, its metadata, and SCIM. Paths of no front are a plain 404. */
export function identityApp(options: {
  readonly fronts: readonly Front[];
  readonly log: Logger;
  readonly metrics: Metrics;
}): Express {
  const { fronts, log, metrics } = options;
  const app = createApp({
    log,
    metrics,
    renderError(error, req, res) {
      const front = fronts.find((one) => one.covers(req.path));
      if (front !== undefined) return front.renderError(error, req, res);
      res.status(error.status).json({ error: { code: error.code, message: error.message } });
    },
  });
  for (const front of fronts) front.mount(app);
  return app;
}
