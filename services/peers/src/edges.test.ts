import { readFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TlsConfig } from '@sallyport/chassis/config';
import { asGatewayError } from '@sallyport/chassis/errors';
import { type HttpServer, httpServer } from '@sallyport/chassis/http/server';
import { createLogger } from '@sallyport/chassis/log';
import { createMetrics } from '@sallyport/chassis/metrics';
import { type TestAuthority, testAuthority } from '@sallyport/chassis/rpc/testing-certificates';
import { z } from 'zod';
import { edgeConfig } from './edges.ts';
import { createIngress } from './ingress.ts';
import { until } from './testing.ts';

const lines: string[] = [];
const log = createLogger({ service: 'test', write: (line) => lines.push(line) });
const metrics = createMetrics('test', { defaults: false });
const files: Record<string, TlsConfig> = {};
let ours: TestAuthority;
let plain: HttpServer;
let mutual: HttpServer;

beforeAll(async () => {
  ours = await testAuthority();
  const stranger = await testAuthority();
  for (const name of ['localhost', 'edge.example', 'other.example']) files[name] = await ours.issue(name);
  files.stranger = await stranger.issue('edge.example');
  const listen = { host: '127.0.0.1', port: 0 };
  const declared = [{ san: 'edge.example' }, { san: 'named.example', headers: { user: 'x-own-user' } }];
  const { edge } = z
    .strictObject(edgeConfig)
    .parse({ edge: { listen, tls: { ...files.localhost, reloadInterval: '50ms' }, declared } });
  const ingress = createIngress({ trustedProxies: [], forwardedHeader: 'x-forwarded-for', edge }, { log, metrics });
  const app = (req: IncomingMessage, res: Parameters<Parameters<typeof httpServer>[0]['app']>[1]) => {
    try {
      const { secret, edge: vouched } = ingress.credentialOf(req);
      res.end(JSON.stringify({ secret, edge: vouched, headers: req.headers }));
    } catch (error) {
      const { status, code } = asGatewayError(error);
      res.writeHead(status).end(JSON.stringify({ code }));
    }
  };
  plain = httpServer({ listen, app, log });
  mutual = httpServer({ listen, app, log, tls: edge?.tls as TlsConfig });
  await plain.start();
  await mutual.start();
});
afterAll(async () => {
  await plain.stop(0);
  await mutual.stop(0);
});

interface Answer {
  readonly status: number;
  readonly body: {
    readonly secret?: string;
    readonly edge?: object;
    readonly headers?: object;
    readonly code?: string;
  };
}

/** Asks over the listener for edges with a certificate, or over the plain one without. */
function ask(headers: Record<string, string | string[]>, certificate?: string, method = 'GET'): Promise<Answer> {
  const own = certificate === undefined ? undefined : files[certificate];
  const tls = {
    ca: readFileSync(files.localhost?.caFile as string),
    servername: 'localhost',
    ...(own && { cert: readFileSync(own.certFile), key: readFileSync(own.keyFile) }),
    agent: false as const,
  };
  const to = { host: '127.0.0.1', path: '/', method, headers };
  return new Promise((resolve, reject) => {
    const req =
      certificate === undefined
        ? httpRequest({ ...to, port: plain.port() })
        : httpsRequest({ ...to, ...tls, port: mutual.port() });
    req.on('error', reject);
    req.on('response', (res) => {
      let text = '';
      res.on('data', (chunk) => {
        text += chunk;
      });
      res.on('end', () => resolve({ status: res.statusCode ?? 0, body: JSON.parse(text) }));
    });
    req.end();
  });
}

const ANN = { 'x-forwarded-user': 'u-1', 'x-forwarded-email': 'ann@acme.example', 'x-forwarded-groups': 'core, sales' };
const stripped = async () =>
  (await metrics.registry.getSingleMetricAsString('sallyport_test_identity_headers_stripped_total')).match(
    / (\d+)$/m,
  )?.[1];

describe('declared edges', () => {
  it('[tokens:edge] takes what a declared edge says of who somebody is, and gives the headers to nobody else', async () => {
    const { body } = await ask(ANN, 'edge.example');
    const edge = { san: 'edge.example', user: 'u-1', email: 'ann@acme.example', groups: ['core', 'sales'] };
    expect(body).toMatchObject({ secret: '', edge });
    expect(Object.keys(body.headers ?? {}).filter((name) => name.startsWith('x-forwarded'))).toEqual([]);
  });

  it('[tokens:edge] reads UTF-8, and leaves out what the edge does not tell', async () => {
    const user = Buffer.from('jörg').toString('latin1');
    expect((await ask({ 'x-forwarded-user': user }, 'edge.example')).body.edge).toEqual({
      san: 'edge.example',
      user: 'jörg',
      email: '',
      groups: [],
    });
  });

  it.each([
    ['a plain connection', undefined],
    ['a certificate of our CA that is not declared', 'other.example'],
  ])('[tokens:edge] takes identity headers off that came over %s, and counts them', async (_, certificate) => {
    const before = Number((await stripped()) ?? 0);
    const { status, body } = await ask(
      { ...ANN, 'remote-user': 'root', 'x-own-user': 'ann', 'x-api-key': 'k-1' },
      certificate,
    );
    expect([status, body.secret, body.edge]).toEqual([200, 'k-1', undefined]);
    expect(JSON.stringify(body.headers)).not.toMatch(/u-1|ann|root|core/);
    expect(Number(await stripped())).toBe(before + 1);
    expect((await ask(ANN, certificate)).status).toBe(401);
  });

  it('[tokens:edge] says so in one line for many requests, with the names of the headers and not what is in them', async () => {
    const said = lines.filter((line) => line.includes('no declared edge'));
    expect(said).toHaveLength(1);
    expect(said[0]).toContain('x-forwarded-user');
    expect(said[0]).not.toMatch(/u-1|ann@/);
  });

  it('[tokens:edge] lets nobody connect to the listener of edges without a certificate of its CA', async () => {
    await expect(ask(ANN, 'stranger')).rejects.toThrow();
    await expect(ask(ANN, '')).rejects.toThrow();
  });

  it.each<[string, Record<string, string | string[]>, number]>([
    ['a user twice', { 'x-forwarded-user': ['u-1', 'u-2'] }, 400],
    ['an empty user', { 'x-forwarded-user': ' ' }, 400],
    ['a user of 300 characters', { 'x-forwarded-user': 'u'.repeat(300) }, 400],
    ['two addresses', { 'x-forwarded-user': 'u-1', 'x-forwarded-email': 'a@x.example, b@x.example' }, 400],
    [
      'many groups',
      { 'x-forwarded-user': 'u-1', 'x-forwarded-groups': 'g,'.repeat(300).replace(/g/g, () => `g${Math.random()}`) },
      400,
    ],
    ['a key beside it', { ...ANN, 'x-api-key': 'k-1' }, 400],
    ['a token beside it', { ...ANN, authorization: 'Bearer t' }, 400],
    ['no user', { 'x-forwarded-email': 'ann@acme.example' }, 401],
    ["another edge's header", { 'x-own-user': 'u-1' }, 401],
  ])('[tokens:edge] refuses of an edge %s', async (_, headers, status) => {
    expect((await ask(headers, 'edge.example')).status).toBe(status);
  });

  it('[tokens:edge] lets a key through that comes over an edge by itself', async () => {
    expect((await ask({ 'x-api-key': 'k-1' }, 'edge.example')).body).toMatchObject({ secret: 'k-1' });
  });

  it('[tokens:edge-cross-site] lets no page of another site change anything with what the edge knows of the browser', async () => {
    for (const site of ['cross-site', 'same-site']) {
      expect((await ask({ ...ANN, 'sec-fetch-site': site }, 'edge.example', 'POST')).status).toBe(403);
      expect((await ask({ ...ANN, 'sec-fetch-site': site }, 'edge.example', 'GET')).status).toBe(200);
    }
    expect((await ask({ ...ANN, 'sec-fetch-site': 'same-origin' }, 'edge.example', 'POST')).status).toBe(200);
    expect((await ask({ ...ANN, origin: 'https://evil.example' }, 'edge.example', 'POST')).status).toBe(403);
    expect((await ask(ANN, 'edge.example', 'POST')).status).toBe(200);
  });

  it('[tokens:edge] shows a renewed certificate without a restart', async () => {
    const before = lines.length;
    await ours.issue('localhost');
    await until('it was read', () => lines.slice(before).some((line) => line.includes('read anew')));
    expect((await ask(ANN, 'edge.example')).status).toBe(200);
  });
});
