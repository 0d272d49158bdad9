import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { sleep } from '../deadline.ts';
import { urlGuard } from '../net/guard.ts';
import { type Outbound, outbound } from './fetch.ts';

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function upstream(handle: (req: IncomingMessage, res: ServerResponse) => unknown): Promise<string> {
  const server = createServer((req, res) => void handle(req, res));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function client(timeouts: Partial<{ connectMs: number; headersMs: number; bodyIdleMs: number }> = {}): Outbound {
  const made = outbound({
    guard: urlGuard({ allowPrivate: true, allowHttp: true }),
    timeouts: { connectMs: 1000, headersMs: 2000, bodyIdleMs: 2000, ...timeouts },
  });
  closers.push(() => made.stop());
  return made;
}

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 300 && !holds(); tries++) await sleep(10);
  expect(holds()).toBe(true);
}

describe('outbound', () => {
  it('calls, and gives status, headers and body', async () => {
    const url = await upstream(async (req, res) => {
      let body = '';
      for await (const chunk of req) body += chunk;
      res.writeHead(201, { 'x-method': req.method }).end(`${req.url} ${req.headers['x-a']} ${body}`);
    });
    const answer = await client().request(`${url}/p?q=1`, { method: 'POST', headers: { 'x-a': 'b' }, body: 'hi' });
    expect([answer.status, answer.headers['x-method'], await answer.text(100)]).toEqual([201, 'POST', '/p?q=1 b hi']);
  });

  it('uses connections again', async () => {
    const ports = new Set<number | undefined>();
    const url = await upstream((req, res) => {
      ports.add(req.socket.remotePort);
      res.end('ok');
    });
    const made = client();
    for (let i = 0; i < 20; i++) await (await made.request(url)).text(10);
    // A second one is opened when the first is not yet done with its last answer.
    expect(ports.size).toBeLessThanOrEqual(2);
  });

  it('streams what comes as it comes', async () => {
    const url = await upstream(async (_req, res) => {
      for (const part of ['a', 'b', 'c']) {
        res.write(part);
        await sleep(20);
      }
      res.end();
    });
    const parts: string[] = [];
    for await (const chunk of (await client().request(url)).body) parts.push(String(chunk));
    expect(parts).toEqual(['a', 'b', 'c']);
  });

  it('refuses an answer larger than asked for', async () => {
    const url = await upstream((_req, res) => void res.end('x'.repeat(1000)));
    const answer = await client().request(url);
    await expect(answer.text(999)).rejects.toMatchObject({ code: 'upstream_invalid' });
  });

  it.each<[string, (res: ServerResponse) => unknown]>([
    ['upstream_timeout', () => undefined],
    ['upstream_timeout', (res) => res.write('part')],
    ['upstream_error', (res) => res.destroy()],
    [
      'upstream_error',
      (res) => {
        res.write('part');
        setTimeout(() => res.destroy(), 30);
      },
    ],
  ])('says %s', async (code, handle) => {
    const url = await upstream((_req, res) => handle(res));
    const made = client({ headersMs: 300, bodyIdleMs: 300 });
    const whole = async () => (await made.request(url)).text(100);
    await expect(whole()).rejects.toMatchObject({ code });
  });

  it('says upstream_error where nobody listens', async () => {
    await expect(client().request('http://127.0.0.1:1/')).rejects.toMatchObject({
      code: 'upstream_error',
      details: { reason: 'ECONNREFUSED' },
    });
  });

  it('cancels upstream when its signal fires, before the head and within the body', async () => {
    let closed = 0;
    let come = () => {};
    const url = await upstream((req, res) => {
      res.on('close', () => closed++);
      if (req.url === '/body') res.write('part');
      else come();
    });
    const made = client();
    const before = new AbortController();
    come = () => before.abort();
    await expect(made.request(`${url}/head`, { signal: before.signal })).rejects.toMatchObject({ code: 'cancelled' });
    const within = new AbortController();
    const reading = (await made.request(`${url}/body`, { signal: within.signal })).text(100);
    within.abort();
    await expect(reading).rejects.toMatchObject({ code: 'cancelled' });
    await until(() => closed === 2);
  });

  it('does not follow a redirect unless told to, and keeps credentials from another origin', async () => {
    let seen: IncomingMessage['headers'] = {};
    const target = await upstream((req, res) => {
      seen = req.headers;
      res.end(`${req.method} arrived`);
    });
    const url = await upstream((_req, res) => void res.writeHead(302, { location: `${target}/x` }).end('moved'));
    const made = client();
    expect((await made.request(url)).status).toBe(302);
    const request = { method: 'POST', body: 'x', headers: { Authorization: 'Bearer s', 'x-plain': '1' }, redirects: 2 };
    expect(await (await made.request(url, request)).text(100)).toBe('GET arrived');
    expect(seen['x-plain']).toBe('1');
    expect(seen.authorization).toBeUndefined();
    expect(seen['content-length']).toBeUndefined();
  });

  it('[chassis:ssrf-redirect] checks where a redirect leads', async () => {
    const url = await upstream((_req, res) => void res.writeHead(307, { location: 'http://169.254.169.254/x' }).end());
    await expect(client().request(url, { redirects: 3 })).rejects.toMatchObject({ code: 'permission_denied' });
  });

  it('ends a circle of redirects with the last answer', async () => {
    const url = await upstream((req, res) => void res.writeHead(307, { location: `${req.url}x` }).end());
    expect((await client().request(`${url}/`, { redirects: 3 })).status).toBe(307);
  });

  it('[chassis:dns-pinned] refuses a name that leads inside, at the moment of the connection', async () => {
    const made = outbound({
      guard: urlGuard({ allowHttp: true, lookup: (_h, _o, done) => done(null, [{ address: '127.0.0.1', family: 4 }]) }),
      timeouts: { connectMs: 1000, headersMs: 1000, bodyIdleMs: 1000 },
    });
    closers.push(() => made.stop());
    await expect(made.request('http://rebound.example/')).rejects.toMatchObject({ code: 'permission_denied' });
  });
});

describe('the body of an answer', () => {
  it('holds a fast upstream back while nobody reads, and loses nothing', async () => {
    const part = Buffer.alloc(65_536, 'x');
    let sent = 0;
    const url = await upstream(async (_req, res) => {
      for (; sent < 400; sent++) if (!res.write(part)) await new Promise((resolve) => res.once('drain', resolve));
      res.end();
    });
    const answer = await client().request(url);
    await sleep(200);
    expect(sent).toBeLessThan(400);
    let size = 0;
    for await (const chunk of answer.body) size += chunk.length;
    expect(size).toBe(400 * part.length);
  });

  it('is cut off where its reader stops', async () => {
    let closed = false;
    const url = await upstream((_req, res) => {
      res.on('close', () => {
        closed = true;
      });
      res.write('part');
    });
    for await (const chunk of (await client().request(url)).body) {
      expect(String(chunk)).toBe('part');
      break;
    }
    await until(() => closed);
  });

  it('gives its connection back when it is discarded', async () => {
    const ports = new Set<number | undefined>();
    const url = await upstream((req, res) => {
      ports.add(req.socket.remotePort);
      res.end('x'.repeat(1_000));
    });
    const made = client();
    for (let i = 0; i < 5; i++) await (await made.request(url)).discard();
    expect(ports.size).toBeLessThanOrEqual(2);
  });
});
