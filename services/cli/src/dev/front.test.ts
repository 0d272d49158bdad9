import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type Front, startFront } from './front.ts';
import { type Route, routeOf } from './routes.ts';

const routes: Route[] = [
  { path: '/anthropic/v1', service: 'model-proxy' },
  { path: '/v1', service: 'model-proxy' },
  { path: '/mcp', service: 'mcp-broker' },
];
const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0)) await close();
});

async function upstream(handler: Parameters<typeof createServer>[1]): Promise<number> {
  const server: Server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push(() => new Promise((resolve) => server.close(resolve).closeAllConnections()));
  return (server.address() as AddressInfo).port;
}

async function front(ports: readonly number[], failures: Record<string, string> = {}): Promise<Front> {
  const started = await startFront({ port: 0, routes, upstreams: () => ports, failures: async () => failures });
  open.push(() => started.stop());
  return started;
}

describe('routeOf', () => {
  it.each([
    ['/v1/chat/completions', 'model-proxy'],
    ['/v1', 'model-proxy'],
    ['/v1?x=1', 'model-proxy'],
    ['/mcp/default', 'mcp-broker'],
    ['/v10', undefined],
    ['/', undefined],
    ['/anthropic', undefined],
  ])('sends %s to %s', (target, service) => {
    expect(routeOf(routes, target)?.service).toBe(service);
  });
});

describe('the front', () => {
  it('passes method, path, body and own headers on, and says who forwarded', async () => {
    const port = await upstream((req, res) => {
      let body = '';
      req.on('data', (chunk) => {
        body += chunk;
      });
      req.on('end', () => res.end(JSON.stringify({ method: req.method, url: req.url, body, headers: req.headers })));
    });
    const { port: at } = await front([port]);
    const response = await fetch(`http://127.0.0.1:${at}/v1/chat?a=1`, {
      method: 'POST',
      body: 'hello',
      headers: { 'x-forwarded-for': '10.0.0.1', 'x-own': 'kept' },
    });
    const seen = (await response.json()) as {
      method: string;
      url: string;
      body: string;
      headers: Record<string, string>;
    };
    expect(seen).toMatchObject({ method: 'POST', url: '/v1/chat?a=1', body: 'hello' });
    expect(seen.headers).toMatchObject({ 'x-own': 'kept', 'x-forwarded-for': '127.0.0.1', host: `127.0.0.1:${at}` });
  });

  it('hands a stream on as it comes', async () => {
    let finish = () => undefined as unknown;
    const port = await upstream((_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' });
      res.write('data: 1\n\n');
      finish = () => res.end('data: 2\n\n');
    });
    const { port: at } = await front([port]);
    const response = await fetch(`http://127.0.0.1:${at}/v1/stream`);
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    expect(Buffer.from((await reader.read()).value as Uint8Array).toString()).toBe('data: 1\n\n');
    finish();
    expect(Buffer.from((await reader.read()).value as Uint8Array).toString()).toBe('data: 2\n\n');
  });

  it('cancels upstream when the client goes away', async () => {
    const gone = Promise.withResolvers<void>();
    const port = await upstream((_req, res) => {
      res.write('x');
      res.on('close', () => gone.resolve());
    });
    const { port: at } = await front([port]);
    const call = request({ port: at, host: '127.0.0.1', path: '/v1/stream' });
    call.on('error', () => undefined);
    call.on('response', () => call.destroy());
    call.end();
    await gone.promise;
  });

  it('answers 503 where no process of the service lives, 502 where it does not answer, 404 elsewhere', async () => {
    const none = await front([]);
    expect((await fetch(`http://127.0.0.1:${none.port}/v1/models`)).status).toBe(503);
    expect((await fetch(`http://127.0.0.1:${none.port}/else`)).status).toBe(404);
    const refused = await front([9]);
    expect((await fetch(`http://127.0.0.1:${refused.port}/v1/models`)).status).toBe(502);
  });

  it('is ready when all services are, and says which are not', async () => {
    const ready = await front([]);
    expect((await fetch(`http://127.0.0.1:${ready.port}/readyz`)).status).toBe(200);
    const waiting = await front([], { policy: 'no snapshot' });
    const response = await fetch(`http://127.0.0.1:${waiting.port}/readyz`);
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({ status: 'not ready', failures: { policy: 'no snapshot' } });
  });
});
