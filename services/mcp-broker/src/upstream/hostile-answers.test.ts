import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type FakeToolServer, startFakeToolServer } from '../../../../test/fakes/tool-server.ts';
import { startBroker, type TestBroker } from '../testing/broker.ts';

/** Answers a `tools/call` in place of the server; gets the id of the request. */
type Lie = (id: unknown, response: ServerResponse) => void;

const timeoutMs = 5_000;
let broker: TestBroker;
let honest: FakeToolServer;
/** The same on the older line, which is spoken to by the official client. */
let older: FakeToolServer;
/** Where a redirect leads; says what came there. */
let elsewhere: HttpServer;
const strays: string[] = [];
let liar: HttpServer;
let url: string;
let lie: Lie | undefined;
let calls = 0;

const echo = {
  name: 'echo',
  run: (args: Record<string, unknown>) => ({ content: [{ type: 'text' as const, text: JSON.stringify(args) }] }),
};

beforeAll(async () => {
  honest = await startFakeToolServer({ tools: [echo] });
  older = await startFakeToolServer({ tools: [echo], revisions: '2025-11-25' });
  elsewhere = createServer((request, response) => {
    strays.push(`${request.method} ${request.headers.authorization}`);
    response.end();
  });
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
  liar = createServer((request, response) => {
    between(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => liar.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(liar.address() as AddressInfo).port}/mcp`;
  broker = await startBroker({ request: { maxResultBytes: 50_000 } });
});
afterAll(async () => {
  await broker.close();
  liar.closeAllConnections();
  await new Promise((resolve) => liar.close(resolve));
  await Promise.all([honest.close(), older.close()]);
  elsewhere.closeAllConnections();
  await new Promise((resolve) => elsewhere.close(resolve));
});
afterEach(() => {
  lie = undefined;
  calls = 0;
});

/** Hands on what is asked, but for calls while there is a lie to tell. */
async function between(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks).toString();
  const message = body === '' ? {} : (JSON.parse(body) as { id?: unknown; method?: string });
  if (message.method === 'tools/call') {
    calls++;
    if (lie !== undefined) return lie(message.id, response);
  }
  const headers = Object.fromEntries(
    Object.entries(request.headers).filter(
      ([name]) => !/^(host|connection|content-length|transfer-encoding)$/.test(name),
    ),
  ) as Record<string, string>;
  const { method = 'GET' } = request;
  const answer = await fetch(request.url?.endsWith('?2025-11-25') ? older.url : honest.url, {
    method,
    headers,
    ...(body === '' ? {} : { body }),
  });
  const type = answer.headers.get('content-type');
  response.writeHead(answer.status, type === null ? {} : { 'content-type': type }).end(await answer.text());
}

const begin = (spec: object = {}) => broker.servers({ s: { remote: { url }, timeoutSeconds: 1, ...spec } });
const run = async () => {
  const { tools } = await broker.tools.listTools({ principal: broker.principal(), servers: ['s'] }, { timeoutMs });
  const request = { principal: broker.principal(), tool: tools[0]?.ref as never, argumentsJson: '{"a":1}' };
  return await broker.tools.execute(request, { timeoutMs }).then(
    ({ resultJson }) => resultJson,
    (error: { code: string }) => error.code,
  );
};
const result = (response: ServerResponse, id: unknown, of: object) =>
  response
    .writeHead(200, { 'content-type': 'application/json' })
    .end(JSON.stringify({ jsonrpc: '2.0', id, result: { resultType: 'complete', ...of } }));
const text = (said: string) => [{ type: 'text', text: said }];

const BOMB = gzipSync(JSON.stringify({ jsonrpc: '2.0', id: 1, result: { content: text('x'.repeat(20_000_000)) } }));

describe.each(['2026-07-28', '2025-11-25'])('a server of revision %s that lies about a result', (revision) => {
  const at = () => begin({ remote: { url: `${url}?${revision}` } });

  it.each<[string, Lie, string]>([
    [
      "claims another request's id",
      (id, response) => result(response, Number(id) + 1, { content: text('x') }),
      'upstream_invalid',
    ],
    [
      'gives what is binary',
      (_id, response) => response.writeHead(200, { 'content-type': 'application/json' }).end(Buffer.from([0xff, 0, 1])),
      'upstream_invalid',
    ],
    [
      'gives another type',
      (_id, response) => response.writeHead(200, { 'content-type': 'image/png' }).end('x'),
      'upstream_invalid',
    ],
    ['gives blocks that are none', (id, response) => result(response, id, { content: [1] }), 'upstream_invalid'],
    [
      'nests without end',
      (id, response) =>
        response
          .writeHead(200, { 'content-type': 'application/json' })
          .end(
            `{"jsonrpc":"2.0","id":${id},"result":{"content":[],"structuredContent":${'{"a":'.repeat(8_000)}1${'}'.repeat(8_002)}`,
          ),
      'upstream_invalid',
    ],
    [
      'nests without end in a stream',
      (id, response) =>
        response
          .writeHead(200, { 'content-type': 'text/event-stream' })
          .end(
            `data: {"jsonrpc":"2.0","id":${id},"result":{"content":[{"type":"text","text":"x","_meta":${'{"a":'.repeat(8_000)}1${'}'.repeat(8_000)}}]}}\n\n`,
          ),
      'upstream_invalid',
    ],
    [
      'gives a result and an error',
      (id, response) =>
        response
          .writeHead(200, { 'content-type': 'application/json' })
          .end(JSON.stringify({ jsonrpc: '2.0', id, result: { content: text('x') }, error: { code: 'x' } })),
      'upstream_invalid',
    ],
    [
      'packs what unpacks without end',
      (_id, response) =>
        response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(BOMB),
      'upstream_invalid',
    ],
    [
      'gives a huge result',
      (id, response) => result(response, id, { content: text('x'.repeat(60_000)) }),
      'upstream_invalid',
    ],
    [
      'redirects to a metadata address',
      (_id, response) => response.writeHead(307, { location: 'http://169.254.169.254/latest/meta-data/' }).end(),
      'upstream_invalid',
    ],
    [
      'redirects to somebody else',
      (_id, response) => {
        const { port } = elsewhere.address() as AddressInfo;
        response.writeHead(308, { location: `http://127.0.0.1:${port}/mcp` }).end();
      },
      'upstream_invalid',
    ],
    [
      'never ends',
      (_id, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        const timer = setInterval(
          () => response.write(`data: {"jsonrpc":"2.0","method":"x"}\n\n${':'.repeat(2_000)}\n`),
          5,
        );
        response.on('close', () => clearInterval(timer));
      },
      'upstream_invalid|upstream_timeout',
    ],
    [
      'drips',
      (_id, response) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        const timer = setInterval(() => response.write(' '), 20);
        response.on('close', () => clearInterval(timer));
      },
      'upstream_timeout',
    ],
  ])('[broker:hostile-result] ends in a clean error where it %s', async (_name, told, code) => {
    await at();
    lie = told;
    // The official client, by which the older line is spoken, tells some of them otherwise.
    expect(await run()).toMatch(
      revision === '2025-11-25' ? /^upstream_(invalid|error|timeout)$/ : new RegExp(`^(${code})$`),
    );
    lie = undefined;
    expect(strays).toEqual([]);
    expect(await run()).toContain('{\\"a\\":1}');
  });

  it.each<[string, object, boolean]>([
    [
      'says one thing in its text and another in its data',
      { content: text('{"a":2}'), structuredContent: { a: 1 } },
      true,
    ],
    ['says the same in both', { content: text('{ "a": 1 }'), structuredContent: { a: 1 } }, false],
    [
      'says its list as several texts',
      { content: [...text('{"a":1}'), ...text('{"a":2}')], structuredContent: { result: [{ a: 1 }, { a: 2 }] } },
      false,
    ],
    ['says it for people', { content: text('a is 1'), structuredContent: { a: 1 } }, false],
  ])('[broker:contradiction] is told of where a result %s', async (_name, told, isTold) => {
    await at();
    lie = (id, response) => result(response, id, told);
    expect((await run()).includes('contradicts')).toBe(isTold);
  });
});

it('[broker:hostile-result] an id is that of a request to the letter', async () => {
  await begin();
  lie = (id, response) => result(response, String(id), { content: text('x') });
  expect(await run()).toBe('upstream_invalid');
});

describe('a server that is down', () => {
  it('[broker:while-down] is answered for as declared, and its tools are listed or not', async () => {
    const away: Lie = (_id, response) => response.writeHead(503).end();
    const tool = { name: 'echo', class: 'Read', enabled: true };
    await begin({ tools: [{ ...tool, whileDown: { type: 'Canned', content: 'Come back tomorrow.' } }] });
    lie = away;
    expect(JSON.parse(await run())).toEqual({ content: text('Come back tomorrow.'), isError: false });

    await begin({ tools: [{ ...tool, whileDown: { type: 'Disabled' } }] });
    const listed = async () =>
      (await broker.tools.listTools({ principal: broker.principal(), servers: ['s'] }, { timeoutMs })).tools.length;
    expect(await listed()).toBe(1);
    const { tools } = await broker.tools.listTools({ principal: broker.principal(), servers: ['s'] }, { timeoutMs });
    for (let n = 0; n < 8; n++) {
      const principal = broker.principal({ id: `key:${n}`, user: `person-${n}` });
      const request = { principal, tool: tools[0]?.ref as never, argumentsJson: '{}' };
      await broker.tools.execute(request, { timeoutMs }).catch(() => undefined);
    }
    // It failed for five and went well for nobody: what is not offered then is not there.
    expect([calls, await listed()]).toEqual([6, 0]);
  });

  it('[tool:retry] is called again where that is declared, and a call of another tool is not', async () => {
    await begin({ tools: [{ name: 'echo', class: 'Read', enabled: true, retries: 1 }] });
    let first = true;
    lie = (id, response) => {
      if (!first) return result(response, id, { content: text('well') });
      first = false;
      response.writeHead(502).end();
    };
    expect(await run()).toContain('well');
    expect(calls).toBe(2);
    await begin();
    first = true;
    calls = 0;
    expect([await run(), calls]).toEqual(['upstream_error', 1]);
  });
});
