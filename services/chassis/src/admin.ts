import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer } from './http/create-server.ts';
import type { Metrics } from './metrics.ts';
import type { Component } from './process.ts';
import type { Readiness } from './readiness.ts';

/** Where the admin port listens and what it tells. */
export interface AdminOptions {
  readonly host: string;
  readonly port: number;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  /** Answered at /buildinfo: service, version, revision. */
  readonly build: Readonly<Record<string, string>>;
}

/** The admin listener; `port()` is known after start. */
export interface AdminServer extends Component {
  port(): number;
}

/**
 * Plain HTTP for probes and scrapes, apart from all traffic since a kubelet has no client certificate:
 * /livez (the event loop turns), /readyz (503 with reasons), /metrics, /buildinfo.
 */
export function adminServer(options: AdminOptions): AdminServer {
  const server: Server = createServer(async (req, res) => {
    const json = (status: number, body: unknown) => {
      res.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
      res.end(`${JSON.stringify(body)}\n`);
    };
    try {
      if (req.method !== 'GET' && req.method !== 'HEAD') return json(405, { error: 'method not allowed' });
      switch ((req.url ?? '').split('?')[0]) {
        case '/livez':
          return json(200, { status: 'ok' });
        case '/readyz': {
          const failures = await options.readiness.failures();
          const ready = Object.keys(failures).length === 0;
          return json(ready ? 200 : 503, ready ? { status: 'ready' } : { status: 'not ready', failures });
        }
        case '/metrics': {
          const body = await options.metrics.registry.metrics();
          res.writeHead(200, { 'content-type': options.metrics.registry.contentType });
          res.end(body);
          return;
        }
        case '/buildinfo':
          return json(200, options.build);
        default:
          return json(404, { error: 'not found' });
      }
    } catch {
      if (!res.headersSent) json(500, { error: 'internal' });
      else res.destroy();
    }
  });
  return {
    name: 'admin',
    start: () =>
      new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen(options.port, options.host, () => {
          server.off('error', reject);
          resolve();
        });
      }),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
    port: () => (server.address() as AddressInfo).port,
  };
}
