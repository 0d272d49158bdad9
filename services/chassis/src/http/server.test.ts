import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { Express } from 'express';
import { sleep } from '../deadline.ts';
import { GatewayError } from '../errors.ts';
import { createLogger } from '../log.ts';
import { createMetrics } from '../metrics.ts';
import { readBody } from './body.ts';
import { clientGone, createApp, type HttpServer, httpServer, postPlainly } from './server.ts';

const lines: string[] = [];
const log = createLogger({ service: 'test', write: (line) => void lines.push(line) });
const metrics = createMetrics('test', { defaults: false });
const servers: HttpServer[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(Date.now() + 200);
});

async function serve(routes: (app: Express) => void) {
  const app = createApp({
    log,
    metrics,
    renderError: (error, _req, res) => void res.status(error.status).json({ code: error.code, message: error.message }),
  });
  routes(app);
  const server = httpServer({ listen: { host: '127.0.0.1', port: 0 }, app, log });
  await server.start();
  servers.push(server);
  return { server, url: `http://127.0.0.1:${server.port()}` };
}

describe('createApp', () => {
  it('answers with a request id, its own or the one it was given, and says little else', async () => {
    const { url } = await serve((app) => app.get('/x', (_req, res) => void res.json({ id: res.locals.requestId })));
    const own = await fetch(`${url}/x`);
    const given = await fetch(`${url}/x`, { headers: { 'x-request-id': 'abc.1' } });
    const bad = await fetch(`${url}/x`, { headers: { 'x-request-id': 'a b"' } });
    expect(await own.json()).toEqual({ id: own.headers.get('x-request-id') });
    expect(await given.json()).toEqual({ id: 'abc.1' });
    expect(bad.headers.get('x-request-id')).not.toBe('a b"');
    expect(own.headers.get('x-powered-by')).toBeNull();
  });

  it('serves a plain path itself, however it is written, and has its failures rendered as those of others', async () => {
    const { url } = await serve((app) =>
      postPlainly(app, '/plain', async (req, res, requestId) => {
        const body = (await readBody(req, { limitBytes: 100 })).toString();
        if (body === 'fail') throw new GatewayError('budget_exceeded', 'None left.');
        res.writeHead(200, { 'x-request-id': requestId }).end(body);
      }),
    );
    for (const path of ['/plain', '/plain?a=b', '/PLAIN/']) {
      const post = (body: string) =>
        fetch(`${url}${path}`, { method: 'POST', body, headers: { 'x-request-id': 'abc.2' } });
      const good = await post('hello');
      const failed = await post('fail');
      expect([await good.text(), good.headers.get('x-request-id')]).toEqual(['hello', 'abc.2']);
      expect([failed.status, failed.headers.get('x-request-id')]).toEqual([402, 'abc.2']);
      expect(await failed.json()).toMatchObject({ code: 'budget_exceeded' });
    }
    expect((await fetch(`${url}/plain`)).status).toBe(404);
    expect(await metrics.registry.metrics()).toContain('route="/plain",status="402"');
  });

  it.each([
    ['/nowhere', 404, 'not_found'],
    ['/known', 402, 'budget_exceeded'],
    ['/async', 500, 'internal'],
    ['/sync', 500, 'internal'],
    ['/%ff', 400, 'invalid_request'],
  ])('renders the failure of %s as %i %s, without the inside', async (path, status, code) => {
    const { url } = await serve((app) => {
      app.get('/known', () => {
        throw new GatewayError('budget_exceeded', 'None left.');
      });
      app.get('/async', async () => {
        await sleep(1);
        throw new Error('inside');
      });
      app.get('/sync', () => {
        throw new Error('inside');
      });
      app.get('/:name', (_req, res) => void res.status(404).json({ code: 'not_found' }));
    });
    const answer = await fetch(url + path);
    const text = await answer.text();
    expect(answer.status).toBe(status);
    expect(text).toContain(code);
    expect(text).not.toContain('inside');
  });

  it('cuts the connection when it fails after the head was sent', async () => {
    const { url } = await serve((app) =>
      app.get('/', async (_req, res) => {
        res.write('part');
        await sleep(20);
        throw new Error('late');
      }),
    );
    await expect(fetch(url).then((answer) => answer.text())).rejects.toThrow();
  });

  it('tells a handler that its client has left', async () => {
    const stop = new AbortController();
    const gone = new Promise<unknown>((resolve) => {
      void serve((app) =>
        app.get('/', (_req, res) => {
          clientGone(res).addEventListener('abort', () => resolve('gone'));
          stop.abort();
        }),
      ).then(({ url }) => fetch(url, { signal: stop.signal }).catch(() => undefined));
    });
    expect(await gone).toBe('gone');
  });

  it('counts by route pattern, never by path', async () => {
    const { url } = await serve((app) => app.get('/things/:id', (_req, res) => void res.json({})));
    await fetch(`${url}/another-path`);
    await fetch(`${url}/things/secret-path`);
    let text = '';
    // Counted once an answer has gone out, which its reader may know before.
    for (let tries = 0; tries < 300 && !text.includes('route="/things/:id"'); tries++) {
      text = await metrics.registry.metrics();
      await sleep(10);
    }
    expect(text).toContain('route="/things/:id"');
    expect(text).not.toContain('secret-path');
    expect(text).not.toContain('another-path');
  });
});

describe('readBody', () => {
  const echo = (limitBytes: number) =>
    serve((app) =>
      app.post('/', async (req, res) => void res.json({ size: (await readBody(req, { limitBytes })).length })),
    );
  const post = async (url: string, body: NonNullable<RequestInit['body']>, headers: Record<string, string> = {}) => {
    const answer = await fetch(url, { method: 'POST', body, headers, duplex: 'half' } as RequestInit);
    return [answer.status, await answer.json()];
  };

  it('reads plain, compressed, empty and chunked bodies', async () => {
    const { url } = await echo(1000);
    expect(await post(url, 'x'.repeat(500))).toEqual([200, { size: 500 }]);
    expect(await post(url, '')).toEqual([200, { size: 0 }]);
    const zipped = new Uint8Array(gzipSync(Buffer.alloc(900)));
    expect(await post(url, zipped, { 'content-encoding': 'gzip' })).toEqual([200, { size: 900 }]);
    expect(await post(url, new Blob(['a', 'b']).stream())).toEqual([200, { size: 2 }]);
  });

  it('[model:body-limit-413] stops at the limit, declared, chunked or after decompression', async () => {
    const { url } = await echo(1000);
    const tooLarge = [413, expect.objectContaining({ code: 'body_too_large' })];
    expect(await post(url, 'x'.repeat(1001))).toEqual(tooLarge);
    expect(await post(url, new Blob(['x'.repeat(1001)]).stream())).toEqual(tooLarge);
    const bomb = new Uint8Array(gzipSync(Buffer.alloc(50_000_000)));
    const before = process.memoryUsage().arrayBuffers;
    expect(await post(url, bomb.slice(0, 900), { 'content-encoding': 'gzip' })).toEqual(tooLarge);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20_000_000);
  });

  it.each([
    [{ 'content-type': 'application/json; charset=latin1' }, 415],
    [{ 'content-type': 'application/json; charset="UTF-8"' }, 200],
    [{ 'content-encoding': 'compress' }, 415],
    [{ 'content-encoding': 'gzip' }, 400],
  ])('answers %j with %i', async (headers, status) => {
    const { url } = await echo(1000);
    expect((await post(url, 'plain text', headers as unknown as Record<string, string>))[0]).toBe(status);
  });

  it('notices a client that leaves in the middle', async () => {
    const come = Promise.withResolvers<void>();
    const seen = new Promise<unknown>((resolve) => {
      void serve((app) =>
        app.post('/', async (req) => {
          come.resolve();
          resolve(await readBody(req, { limitBytes: 1000 }).catch((error) => error.code));
          throw new GatewayError('cancelled', 'gone');
        }),
      ).then(async ({ server }) => {
        const socket = connect(server.port(), '127.0.0.1');
        socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\npart');
        await come.promise;
        socket.destroy();
      });
    });
    expect(await seen).toBe('cancelled');
  });
});

describe('httpServer', () => {
  it('lets an open request finish, closes idle connections, and cuts the rest at the deadline', async () => {
    const come = { '/soon': Promise.withResolvers<void>(), '/never': Promise.withResolvers<void>() };
    const finish = Promise.withResolvers<void>();
    const { server, url } = await serve((app) => {
      app.get('/idle', (_req, res) => void res.json({}));
      app.get('/soon', async (_req, res) => {
        come['/soon'].resolve();
        await finish.promise;
        res.json({ done: true });
      });
      app.get('/never', (_req, res) => {
        res.write('open');
        come['/never'].resolve();
      });
    });
    await fetch(`${url}/idle`).then((answer) => answer.text());
    const soon = fetch(`${url}/soon`).then((answer) => answer.json());
    const never = fetch(`${url}/never`).then((answer) => answer.text());
    never.catch(() => undefined);
    await Promise.all([come['/soon'].promise, come['/never'].promise]);
    const startedAt = Date.now();
    const stopped = server.stop(Date.now() + 400);
    finish.resolve();
    expect(await soon).toEqual({ done: true });
    await stopped;
    expect(Date.now() - startedAt).toBeLessThan(1000);
    await expect(never).rejects.toThrow();
  });

  it('says when its port is taken', async () => {
    const { server } = await serve(() => undefined);
    const second = httpServer({ listen: { host: '127.0.0.1', port: server.port() }, app: () => undefined, log });
    await expect(second.start()).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});
