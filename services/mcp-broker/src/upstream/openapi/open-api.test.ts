import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startBroker, type TestBroker, untilTrue } from '../../testing/broker.ts';
import { compileApart } from './compile-apart.ts';

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}
type Answer = (request: Seen, response: ServerResponse) => void;

const timeoutMs = 5_000;
let broker: TestBroker;
let api: HttpServer;
let base: string;
let seen: Seen[];
let answer: Answer;
let document: object;

const userSchema = {
  type: 'object',
  required: ['id'],
  properties: { id: { type: 'string' }, name: { type: 'string' } },
};
const json = (schema: object) => ({ 'application/json': { schema } });
const userPaths = {
  '/users/{id}': {
    parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }],
    get: { operationId: 'getUser', responses: { '200': { description: 'well', content: json(userSchema) } } },
    put: {
      operationId: 'putUser',
      requestBody: { required: true, content: json(userSchema) },
      responses: { '200': { description: 'well' } },
    },
  },
};

// The first thread takes a while to begin on a busy machine.
beforeAll(async () => {
  const text = '{"openapi":"3.1.0","paths":{}}';
  await compileApart({ text, picked: {}, reserved: [] }, new AbortController().signal);
}, 60_000);
beforeEach(async () => {
  seen = [];
  document = { openapi: '3.1.0', info: { title: 'users', version: '1' }, paths: userPaths };
  answer = (_request, response) => sendJson(response, 200, { id: '1', name: 'Ann' });
  api = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      const one = { method: request.method ?? '', url: request.url ?? '', headers: request.headers, body };
      seen.push(one);
      if (one.url === '/openapi.json') sendJson(response, 200, document);
      else answer(one, response);
    });
  });
  await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
  broker = await startBroker({ request: { maxResultBytes: 50_000 } });
});
afterEach(async () => {
  await broker.close();
  api.closeAllConnections();
  await new Promise((resolve) => api.close(resolve));
});

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}
const declare = (openApi: object = {}, spec: object = {}) =>
  broker.servers({ s: { openApi: { url: `${base}/v1`, documentUrl: `${base}/openapi.json`, ...openApi }, ...spec } });
const begin = async (openApi: object = {}, spec: object = {}) => {
  await declare(openApi, spec);
  await listedAs((count) => count > 0);
};
/** Reading a document may take longer than its first listing on a busy machine. */
const listedAs = async (well: (count: number) => boolean) => {
  for (const end = Date.now() + 15_000; Date.now() < end && !well((await list()).length); ) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};
const list = async () =>
  (await broker.tools.listTools({ principal: broker.principal(), servers: ['s'] }, { timeoutMs })).tools;
const run = async (name: string, args: object) => {
  const tool = (await list()).find((one) => one.ref?.name === name);
  const request = { principal: broker.principal(), tool: tool?.ref as never, argumentsJson: JSON.stringify(args) };
  const { resultJson, isError } = await broker.tools.execute(request, { timeoutMs });
  return { ...(JSON.parse(resultJson) as { content: { text: string }[]; structuredContent?: unknown }), isError };
};
const calls = () => seen.filter(({ url }) => url.startsWith('/v1'));
const condition = (type: string) => broker.observations.get('s')?.conditions.find((one) => one.type === type);

describe('an API behind the broker', () => {
  it('[openapi:called] is listed as tools and called by their arguments', async () => {
    await begin();
    expect((await list()).map(({ exposedName }) => exposedName)).toEqual(['s__getUser', 's__putUser']);
    expect(await run('getUser', { id: 'a b' })).toEqual({
      content: [{ type: 'text', text: '{"id":"1","name":"Ann"}' }],
      structuredContent: { id: '1', name: 'Ann' },
      isError: false,
    });
    await run('putUser', { id: '7', body: { id: '7' } });
    expect(calls()).toMatchObject([
      { method: 'GET', url: '/v1/users/a%20b', body: '' },
      { method: 'PUT', url: '/v1/users/7', body: '{"id":"7"}', headers: { 'content-type': 'application/json' } },
    ]);
    await untilTrue(() => condition('Reachable')?.status === 'True');
  });

  it('[openapi:credential] has its credential as a header or as a parameter, and nobody else has it', async () => {
    const secretRef = { name: 'a', key: 'b' };
    await begin({}, { credentials: { secretRef, header: 'authorization', scheme: 'Basic' } });
    await run('getUser', { id: '1' });
    expect(calls().at(-1)?.headers.authorization).toBe('Basic upstream-secret-canary-0123456789');
    const elsewhere = createServer((request, response) => {
      seen.push({ method: '', url: 'elsewhere', headers: request.headers, body: request.url ?? '' });
      sendJson(response, 200, document);
    });
    await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
    const documentUrl = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/o.json`;
    await begin({ documentUrl }, { credentials: { secretRef, header: 'authorization', scheme: '', parameter: 'key' } });
    await run('getUser', { id: '2' });
    expect(calls().at(-1)).toMatchObject({ url: '/v1/users/2?key=upstream-secret-canary-0123456789' });
    expect(calls().at(-1)?.headers).not.toHaveProperty('authorization');
    expect(JSON.stringify(seen.filter(({ url }) => url === 'elsewhere'))).not.toContain('canary');
    await new Promise((resolve) => elsewhere.close(resolve));
  });

  it('[openapi:errors] tells what the API refuses as an error result with its words, bounded', async () => {
    await begin();
    answer = (_request, response) => sendJson(response, 404, { error: 'no such user' });
    expect(await run('putUser', { id: '1', body: { id: '1' } })).toMatchObject({
      isError: true,
      content: [{ text: 'The API refused the call with status 404.' }, { text: '{"error":"no such user"}' }],
      structuredContent: { status: 404, body: { error: 'no such user' } },
    });
    answer = (_request, response) => sendJson(response, 403, { error: 'not yours' });
    expect((await run('getUser', { id: '1' })).content[1]?.text).toBe('{"error":"not yours"}');
    answer = (_request, response) => {
      response.writeHead(500, { 'content-type': 'text/html' });
      const more = () => {
        if (response.destroyed) return;
        response.write('x'.repeat(10_000));
        setTimeout(more, 1).unref();
      };
      more();
    };
    const { content } = await run('getUser', { id: '1' });
    expect(content[1]?.text).toHaveLength(65_536);
  });

  it.each<[string, Answer, string]>([
    ['is away', (_one, response) => response.writeHead(503).end(), 'upstream_error'],
    [
      'redirects to a metadata address',
      (_one, response) => response.writeHead(302, { location: 'http://169.254.169.254/latest/' }).end(),
      'upstream_invalid',
    ],
    ['says JSON and gives none', (_one, response) => sendJson(response, 200, undefined), 'none'],
    [
      'gives broken JSON',
      (_one, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"a":'),
      'upstream_invalid',
    ],
    [
      'compresses',
      (_one, response) =>
        response.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end('x'),
      'upstream_invalid',
    ],
    ['gives too much', (_one, response) => sendJson(response, 200, { id: 'x'.repeat(60_000) }), 'upstream_invalid'],
    ['hangs', () => undefined, 'upstream_timeout'],
    [
      'drips',
      (_one, response) => {
        response.writeHead(200, { 'content-type': 'application/json' });
        const timer = setInterval(() => response.write(' '), 20);
        response.on('close', () => clearInterval(timer));
      },
      'upstream_timeout',
    ],
    ['refuses the credential', (_one, response) => response.writeHead(401).end(), 'upstream_credentials'],
  ])('[openapi:lying-api] survives an API that %s', async (_name, bad, code) => {
    await begin({}, { timeoutSeconds: 1 });
    answer = bad;
    const refused = await run('getUser', { id: '1' }).then(
      ({ isError }) => (isError ? 'none' : 'ok'),
      (error: { code: string }) => error.code,
    );
    expect(refused).toBe(code);
    answer = (_request, response) => sendJson(response, 200, { id: '2' });
    expect((await run('getUser', { id: '1' })).structuredContent).toEqual({ id: '2' });
  });

  it('[openapi:result-schema] holds answers to their schema, and bytes to what they are', async () => {
    await begin();
    answer = (_request, response) => sendJson(response, 200, { name: 'Ann' });
    expect(await run('getUser', { id: '1' })).toMatchObject({
      isError: true,
      content: [{ text: expect.stringContaining('does not fit its output schema') }],
    });
    answer = (_request, response) => response.writeHead(200, { 'content-type': 'image/png' }).end(Buffer.from([1, 2]));
    const image = { content: [{ type: 'image', data: 'AQI=', mimeType: 'image/png' }], isError: false };
    expect(await run('putUser', { id: '1', body: { id: '1' } })).toEqual(image);
    answer = (_request, response) => response.writeHead(200, { 'content-type': 'application/pdf' }).end('%PDF');
    expect((await run('putUser', { id: '1', body: { id: '1' } })).content).toMatchObject([
      {
        type: 'resource',
        resource: { mimeType: 'application/pdf', uri: expect.stringContaining('/v1/users/1'), blob: 'JVBERg==' },
      },
    ]);
    answer = (_request, response) => response.writeHead(204).end();
    expect((await run('putUser', { id: '1', body: { id: '1' } })).isError).toBe(false);
  });

  it('[openapi:path-stays] makes no request that leads to another path', async () => {
    await begin();
    for (const id of ['..', '../admin', 'a\nb']) {
      expect((await run('getUser', { id })).content[0]?.text).toContain('[invalid_arguments]');
    }
    expect(calls()).toEqual([]);
  });

  it('[openapi:drift] holds a tool whose request has changed, and calls neither the old nor the new one', async () => {
    await begin();
    const [tool] = await list();
    document = { ...document, paths: { '/admin/{id}': userPaths['/users/{id}'] } };
    await broker.relist();
    await listedAs((count) => count === 0);
    expect(await list()).toEqual([]);
    const stale = { principal: broker.principal(), tool: tool?.ref as never, argumentsJson: '{"id":"1"}' };
    await expect(broker.tools.execute(stale, { timeoutMs })).rejects.toMatchObject({ code: 'not_found' });
    expect(calls()).toEqual([]);
  });

  it('[openapi:status] says why a document or an operation is not used, and whether the API itself is there', async () => {
    const bad = { post: { operationId: 'bad', requestBody: { required: true, content: { 'text/xx-unknown+y': {} } } } };
    const inline = (paths: object) => ({
      documentUrl: undefined,
      document: JSON.stringify({ openapi: '3.1.0', info: {}, paths }),
    });
    await declare(
      inline({
        '/a': { get: {}, put: { requestBody: { required: true, content: { 'application/x': {} } } } },
        '/b': bad,
      }),
    );
    await untilTrue(() => condition('Reachable')?.status === 'True');
    expect(condition('Reachable')?.message).toContain('put_a (its body is of type application/x)');
    expect(calls()).toMatchObject([{ method: 'HEAD', url: '/v1' }]);
    await declare({ documentUrl: undefined, document: '{}' });
    await untilTrue(() => condition('Reachable')?.status === 'False');
    expect(condition('Reachable')?.message).toContain('does not say that it is OpenAPI');
    await declare({ ...inline({}), url: 'http://127.0.0.1:9' });
    await untilTrue(() => condition('Reachable')?.reason === 'UpstreamError');
  });
});
