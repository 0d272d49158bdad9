import { createHmac, createPublicKey, type KeyObject, randomUUID, sign } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TlsConfig } from '@sallyport/chassis/config';
import { testAuthority } from '@sallyport/chassis/rpc/testing-certificates';
import { freePort } from '@sallyport/cli/dev/ports';
import { type BadIdentityProvider, startBadIdentityProvider, strangerKey } from '../fakes/bad-identity-provider.ts';
import { MODEL_PLANE } from '../support/planes.ts';
import { rawRequest } from '../support/raw-request.ts';
import { eventually, suiteWith, type TestSuite } from '../support/suite.ts';

const ISSUERS = ['good', 'rotating', 'flooded', 'away', 'huge', 'redirecting', 'lying', 'doubled'] as const;
const UNREACHABLE = 'https://10.255.255.1/issuer';

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const claimsOf = (iss: string) => {
  const nowSeconds = Math.floor(Date.now() / 1000);
  return { iss, aud: 'sallyport', sub: 'u-1', iat: nowSeconds, exp: nowSeconds + 300, jti: randomUUID() };
};

/** A token that the test signs itself. */
function forged(iss: string, header: object, key: KeyObject | string | undefined): string {
  const input = `${part({ typ: 'at+jwt', ...header })}.${part(claimsOf(iss))}`;
  if (key === undefined) return `${input}.`;
  const made =
    typeof key === 'string'
      ? createHmac('sha256', key).update(input).digest()
      : sign('sha256', Buffer.from(input), key);
  return `${input}.${made.toString('base64url')}`;
}

const provider = (name: string, issuer: string, more: object = {}) => ({
  kind: 'IdentityProvider',
  name,
  spec: {
    type: 'OIDC',
    issuer,
    audiences: ['sallyport'],
    mapping: { teams: 'has(claims.groups) ? claims.groups : []' },
    ...more,
  },
});

describe('tokens of identity providers', () => {
  let idp: BadIdentityProvider;
  let suite: TestSuite;
  let edge: { port: number; files: TlsConfig; stranger: TlsConfig };

  beforeAll(async () => {
    idp = await startBadIdentityProvider([...ISSUERS, 'slow']);
    idp.of('away').fault = (path, res) => path === '/jwks' && Boolean(res.writeHead(500).end('{}'));
    idp.of('huge').fault = (path, res) =>
      path === '/jwks' && Boolean(res.end(JSON.stringify({ keys: [], x: 'x'.repeat(1_000_000) })));
    idp.of('redirecting').fault = (path, res) =>
      path === '/jwks' && Boolean(res.writeHead(302, { location: `${idp.url}/good/recorder` }).end());
    idp.of('lying').fault = (path, res) =>
      path === '/.well-known/openid-configuration' &&
      Boolean(res.end(JSON.stringify({ issuer: idp.of('good').issuer, jwks_uri: `${idp.of('lying').issuer}/jwks` })));
    idp.of('doubled').fault = (path, res) => {
      const own = idp.of('doubled').publicKey();
      const planted = { ...createPublicKey(strangerKey()).export({ format: 'jwk' }), kid: own.kid };
      return path === '/jwks' && Boolean(res.end(JSON.stringify({ keys: [own, planted] })));
    };
    idp.of('slow').fault = (path) => path === '/jwks';
    const authority = await testAuthority();
    const port = await freePort();
    const server = await authority.issue('localhost');
    edge = { port, files: await authority.issue('edge.example'), stranger: await authority.issue('other.example') };
    const key = (name: string, networks: readonly string[]) => ({
      kind: 'VirtualKey',
      name,
      spec: { owner: 'dana', networks, targetSecret: { name: `${name}-key`, key: 'key' } },
    });
    suite = await suiteWith(
      [
        ...ISSUERS.map((name) => provider(name, idp.of(name).issuer, { allowPrivateNetwork: true })),
        provider('walled', UNREACHABLE),
        { kind: 'AccessPolicy', name: 'all', spec: { subjects: { everyone: true }, models: ['*'] } },
        key('inside', ['127.0.0.1/32', '192.0.2.0/24']),
        key('outside', ['198.51.100.0/24']),
      ],
      {
        services: MODEL_PLANE,
        overrides: {
          identity: { edges: [{ san: 'edge.example', tenant: 'default', provider: 'good' }] },
          'model-proxy': {
            edge: {
              listen: { host: '127.0.0.1', port },
              tls: { ...server, reloadInterval: '1s' },
              declared: [{ san: 'edge.example' }],
            },
          },
        },
      },
    );
    await eventually(
      async () => (await ask({ token: await idp.of('good').token() })).status,
      (status) => status === 200,
      20_000,
    );
  }, 120_000);
  afterAll(async () => {
    await suite?.end();
    await idp?.close();
  }, 60_000);

  interface Asked {
    readonly token?: string;
    readonly headers?: Readonly<Record<string, string>>;
    readonly path?: string;
    /** Port of a service instead of the front's. */
    readonly port?: number;
    /** Our own address. */
    readonly from?: string;
    readonly tls?: TlsConfig;
  }

  const ask = ({ token, headers = {}, path = '/v1/models', port, from, tls }: Asked) =>
    rawRequest(`${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port ?? new URL(suite.endpoint).port}${path}`, {
      headers: { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...headers },
      ...(from === undefined ? {} : { from }),
      ...(tls === undefined ? {} : { tls }),
    });
  const statusOf = async (token: string) => (await ask({ token })).status;

  it('[tokens:ingress] lets a genuine one in, for models and at the admin API', async () => {
    const token = await idp
      .of('good')
      .token({ claims: { sub: 'u-1', email: 'ann@acme.example', email_verified: true } });
    expect(await statusOf(token)).toBe(200);
    const whoami = await ask({ token, path: '/admin/v1/whoami' });
    expect(JSON.parse(whoami.text)).toMatchObject({ id: 'user:ann@acme.example' });
  });

  it('[tokens:rotation] takes the new key at its first token, right after the old one was fetched, and the old one no more', async () => {
    const issuer = idp.of('rotating');
    expect(await statusOf(await issuer.token())).toBe(200);
    const old = await issuer.token({ claims: { jti: 'old' } });
    await issuer.rotate('rotating-2');
    expect(await statusOf(await issuer.token())).toBe(200);
    expect(await statusOf(old)).toBe(401);
  });

  it('[tokens:unknown-key-flood] asks the provider at most twice more for a flood of unknown keys', async () => {
    const issuer = idp.of('flooded');
    expect(await statusOf(await issuer.token())).toBe(200);
    const before = issuer.asked.filter((path) => path === '/jwks').length;
    const key = strangerKey();
    const flood = Array.from({ length: 60 }, (_, index) =>
      forged(issuer.issuer, { alg: 'RS256', kid: `x-${index}` }, key),
    );
    const statuses = new Set(await Promise.all(flood.map(statusOf)));
    expect([...statuses]).toEqual([401]);
    expect(issuer.asked.filter((path) => path === '/jwks').length - before).toBeLessThanOrEqual(2);
    expect(await statusOf(await issuer.token({ claims: { jti: 'after' } }))).toBe(200);
  });

  it.each(['away', 'huge', 'redirecting', 'lying'] as const)(
    '[tokens:outage] [tokens:bad-keys] answers 503, never 401, while the keys of the issuer "%s" cannot be had',
    async (name) => {
      const { status, headers } = await ask({ token: await idp.of(name).token() });
      expect([status, headers['www-authenticate']]).toEqual([503, undefined]);
      expect(Number(headers['retry-after'])).toBeGreaterThan(0);
      expect(idp.of('good').asked).not.toContain('/recorder');
    },
  );

  it('[tokens:bad-keys] does not wait for keys that never come, and holds nobody else up', async () => {
    suite.apply('slow', [provider('slow', idp.of('slow').issuer, { allowPrivateNetwork: true })]);
    const token = await idp.of('slow').token();
    let longest = 0;
    const first = eventually(
      async () => {
        const startedAt = performance.now();
        const { status } = await ask({ token });
        longest = Math.max(longest, performance.now() - startedAt);
        return status;
      },
      (status) => status !== 401,
      10_000,
    );
    for (let time = 0; time < 5; time++) {
      expect(await statusOf(await idp.of('good').token({ claims: { jti: `meanwhile ${time}` } }))).toBe(200);
    }
    expect(await first).toBe(503);
    expect(longest).toBeLessThan(5_000);
  }, 20_000);

  it('[tokens:bad-keys] goes to no private network for keys, whatever a resource says', async () => {
    const token = forged(UNREACHABLE, { alg: 'RS256', kid: 'k' }, strangerKey());
    expect(await statusOf(token)).toBe(503);
  });

  it('[tokens:refused] refuses what is not genuine with 401 and no word why', async () => {
    const good = idp.of('good');
    const own = good.publicKey();
    const pem = createPublicKey({ key: own as never, format: 'jwk' }).export({ type: 'spki', format: 'pem' }) as string;
    const bad: Record<string, string> = {
      'HS256 with the public key': forged(good.issuer, { alg: 'HS256', kid: own.kid }, pem),
      none: forged(good.issuer, { alg: 'none' }, undefined),
      'a stranger under its name': forged(good.issuer, { alg: 'RS256', kid: own.kid }, strangerKey()),
      'another issuer': await good.token({ claims: { iss: `${good.issuer}/` } }),
      'an issuer of no tenant': forged('https://evil.example', { alg: 'RS256', kid: 'k' }, strangerKey()),
      'a key of its own': await good.token({ header: { jwk: own } }),
      'a URL of keys': await good.token({ header: { jku: `${idp.url}/good/recorder` } }),
      'another audience': await good.token({ claims: { aud: 'sallyport-globex' } }),
      'an end in the past': await good.token({ claims: { exp: Math.floor(Date.now() / 1000) - 100 } }),
      'an ID token': await good.token({ header: { typ: 'JWT' }, claims: { nonce: 'n' } }),
      'two keys of one name': await idp.of('doubled').token(),
    };
    for (const [name, token] of Object.entries(bad)) {
      const { status, headers, text } = await ask({ token });
      expect([name, status, headers['www-authenticate']]).toEqual([
        name,
        401,
        'Bearer realm="sallyport", error="invalid_token"',
      ]);
      expect(JSON.parse(text).error.message).toBe('The credential is not valid.');
    }
    expect(good.asked).not.toContain('/recorder');
  });

  it('[tokens:networks] lets a key with networks in from there, as the front says, and not from elsewhere', async () => {
    const [inside, outside] = [await suite.keyOf('default', 'inside'), await suite.keyOf('default', 'outside')];
    expect([await statusOf(inside), await statusOf(outside)]).toEqual([200, 401]);
    const { http: port = 0 } = suite.ports['model-proxy'] ?? {};
    const at = async (address: string, from: string, token: string) =>
      (await ask({ token, port, from, headers: { 'x-forwarded-for': address } })).status;
    // 127.0.0.1 is the front, which is believed; 127.0.0.2 is somebody else.
    expect(await at('192.0.2.7', '127.0.0.1', inside)).toBe(200);
    expect(await at('203.0.113.7', '127.0.0.1', inside)).toBe(401);
    expect(await at('192.0.2.7, 203.0.113.7', '127.0.0.1', inside)).toBe(401);
    expect(await at('192.0.2.7', '127.0.0.2', inside)).toBe(401);
    expect(await at('198.51.100.7', '127.0.0.1', outside)).toBe(200);
    expect(await at('198.51.100.7', '127.0.0.2', outside)).toBe(401);
    const said = { token: inside, headers: { 'x-forwarded-for': '203.0.113.7' } };
    // What a client says to the front of where it is counts for nothing.
    expect((await ask(said)).status).toBe(200);
    expect((await ask({ ...said, path: '/admin/v1/whoami' })).status).toBe(200);
    const own = { ...said, path: '/admin/v1/whoami', port: suite.ports.console?.http as number };
    expect((await ask(own)).status).toBe(401);
  });

  it('[tokens:edge] lets the people of an edge in by its certificate, and nobody by headers alone', async () => {
    const headers = { 'x-forwarded-user': 'u-7', 'x-forwarded-email': 'eve@acme.example' };
    expect((await ask({ headers, port: edge.port, tls: edge.files })).status).toBe(200);
    expect((await ask({ headers, port: edge.port, tls: edge.stranger })).status).toBe(401);
    expect((await ask({ headers })).status).toBe(401);
    expect((await ask({ headers, port: suite.ports['model-proxy']?.http as number })).status).toBe(401);
    await expect(ask({ headers, port: edge.port })).rejects.toThrow();
  });

  it('[tokens:refused] leaves nothing of tokens in the logs', async () => {
    const logs = readdirSync(join(suite.data, 'logs'))
      .map((name) => readFileSync(join(suite.data, 'logs', name), 'utf8'))
      .join('');
    expect(logs.length).toBeGreaterThan(1_000);
    expect(logs).not.toMatch(/eyJ[\w-]{20}/);
  });
});
