import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { oauthHttp } from '../oauth/http.ts';
import { outcomeOf } from './testing.ts';
import { requestToken, TOKEN_EXCHANGE } from './token-request.ts';

const GOOD = { access_token: 'token', token_type: 'Bearer', expires_in: 60 };

describe('requests to token endpoints over the wire', () => {
  const http = oauthHttp();
  const paths: string[] = [];
  const server = createServer((req, res) => {
    paths.push(req.url ?? '');
    const say = (status: number, body: string, headers: Record<string, string> = {}) =>
      res.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
    if (req.url === '/redirected') return say(307, JSON.stringify(GOOD), { location: '/elsewhere' });
    if (req.url === '/huge') return say(200, JSON.stringify({ ...GOOD, padding: 'x'.repeat(400_000) }));
    if (req.url === '/cut') return void res.writeHead(200, { 'content-length': '100' }).end('{', () => res.destroy());
    say(200, JSON.stringify(GOOD));
  });
  let origin = '';
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    await http.stop();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const ask = (path: string, allowPrivate = true) =>
    outcomeOf(
      requestToken(
        { http },
        {
          as: { issuer: origin, token_endpoint: `${origin}${path}` },
          client: { clientId: 'gateway', secret: 'secret' },
          allowPrivate,
        },
        TOKEN_EXCHANGE,
        { subject_token: 'subject' },
        { tokenType: 'bearer', presented: ['subject'] },
      ),
    );

  it.each([
    ['a good answer', '/good', 'accepted'],
    ['a redirect, which is followed nowhere', '/redirected', 'upstream_invalid status'],
    ['an answer beyond all bounds', '/huge', 'upstream_invalid'],
    ['an answer that breaks off', '/cut', 'unavailable'],
  ])('[delegation:bounds] %s', async (_name, path, outcome) => {
    expect(await ask(path)).toBe(outcome);
    expect(paths).not.toContain('/elsewhere');
  });

  it('[delegation:bounds] calls no private address unless the resource says so', async () => {
    const before = paths.length;
    expect(await ask('/good', false)).not.toBe('accepted');
    expect(paths.length).toBe(before);
  });
});
