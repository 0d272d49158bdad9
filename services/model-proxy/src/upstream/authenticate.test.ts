import { generateKeyPairSync, verify } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { Ending } from '@sallyport/chassis/ending';
import { GatewayError } from '@sallyport/chassis/errors';
import type { OutboundResponse } from '@sallyport/chassis/http/fetch';
import type { Provider } from '../catalog.ts';
import { bearer, type ProviderAuth } from '../providers/provider-auth.ts';
import { createAccessTokens } from './access-tokens.ts';
import { authenticate, type Outgoing } from './authenticate.ts';

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const account = {
  type: 'service_account',
  client_email: 'gateway@project.iam.gserviceaccount.com',
  private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
  private_key_id: 'k1',
  token_uri: 'https://evil.example/token',
};
const aws = { Version: 1, AccessKeyId: 'AKIAIOSFODNN7EXAMPLE', SecretAccessKey: 'secret/key', SessionToken: 'session' };
const azure = { tenantId: 'acme.example', clientId: 'app', clientSecret: 'app-secret' };

const auths: Record<string, ProviderAuth> = {
  query: { kind: 'query', parameter: 'key' },
  sigv4: { kind: 'sigv4', service: 'bedrock', key: bearer },
  google: {
    kind: 'google-service-account',
    scope: 'https://www.googleapis.com/auth/cloud-platform',
    tokenURL: 'https://oauth2.googleapis.com/token',
    key: { kind: 'header', header: 'x-goog-api-key' },
  },
  azure: {
    kind: 'azure-client-credentials',
    scope: 'https://ai.azure.com/.default',
    tokenURL: 'https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token',
    key: { kind: 'header', header: 'api-key' },
  },
};

function scene(kind: string, answer: { status?: number; body?: object; late?: boolean } = {}, spec: object = {}) {
  const posted: { url: string; form: URLSearchParams }[] = [];
  const body = answer.body ?? { access_token: 'issued', token_type: 'Bearer', expires_in: 3600 };
  const ports = {
    tokens: createAccessTokens(),
    now: () => new Date('2026-11-21T20:00:00Z'),
    post: async (url: string, form: string) => {
      posted.push({ url, form: new URLSearchParams(form) });
      if (answer.late) throw new GatewayError('cancelled', 'The call was cancelled.');
      return { status: answer.status ?? 200, text: async () => JSON.stringify(body) } as unknown as OutboundResponse;
    },
  };
  const provider = {
    tenant: 'acme',
    uid: 'u1',
    baseUrl: 'https://provider.example/base',
    declaration: { auth: auths[kind] },
    spec: { aws: { region: 'eu-central-1' }, ...spec },
  } as unknown as Provider;
  const outgoing: Outgoing = { method: 'POST', path: '/chat?a=1', headers: {}, body: '{}', signal: new Ending() };
  const send = async (credential: string | object) => {
    const key = typeof credential === 'string' ? credential : JSON.stringify(credential);
    await authenticate(provider, key, outgoing, ports);
    return outgoing;
  };
  return { send, posted };
}

describe('a credential', () => {
  it.each([
    ['query', { path: '/chat?a=1&key=k%261', headers: {} }],
    ['sigv4', { path: '/chat?a=1', headers: { authorization: 'Bearer k&1' } }],
    ['google', { path: '/chat?a=1', headers: { 'x-goog-api-key': 'k&1' } }],
    ['azure', { path: '/chat?a=1', headers: { 'api-key': 'k&1' } }],
  ])('[clouds:plain-key] that is a plain key goes as it is where %s says', async (kind, expected) => {
    expect(await scene(kind).send('k&1')).toMatchObject(expected);
  });

  it.each(['google', 'azure'])(
    '[vault:workload-named] that vault had for its own identity goes as a token: %s',
    async (kind) => {
      const { send, posted } = scene(kind);
      expect(await send({ type: 'bearer', token: 'ya29.x' })).toMatchObject({
        headers: { authorization: 'Bearer ya29.x' },
      });
      expect(posted).toEqual([]);
      await expect(send({ type: 'bearer', token: 'a b' })).rejects.toMatchObject({ code: 'upstream_credentials' });
    },
  );

  it('[clouds:sigv4] of AWS signs the call and is not sent', async () => {
    const { headers, path } = await scene('sigv4').send(aws);
    expect(headers.authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE\/20261121\/eu-central-1\/bedrock\/aws4_request, /,
    );
    expect(headers['x-amz-security-token']).toBe('session');
    expect(JSON.stringify([headers, path])).not.toContain('secret/key');
  });

  it.each([undefined, null, ''])('[clouds:sigv4] of AWS that lasts has no token, said as %j', async (SessionToken) => {
    const { headers } = await scene('sigv4').send({ ...aws, SessionToken });
    expect(headers['x-amz-security-token']).toBeUndefined();
    expect(headers.authorization).toContain('SignedHeaders=host;x-amz-date,');
  });

  it('[clouds:google-account] of a Google service account signs an assertion for the vendor’s own endpoint', async () => {
    const { send, posted } = scene('google');
    expect((await send(account)).headers.authorization).toBe('Bearer issued');
    await send(account);
    const [{ url, form } = { url: '', form: new URLSearchParams() }, ...more] = posted;
    expect([url, more]).toEqual(['https://oauth2.googleapis.com/token', []]);
    expect(form.get('grant_type')).toBe('urn:ietf:params:oauth:grant-type:jwt-bearer');
    const [header = '', claims = '', signature = ''] = (form.get('assertion') ?? '').split('.');
    const read = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()) as object;
    expect(read(header)).toEqual({ alg: 'RS256', typ: 'JWT', kid: 'k1' });
    const iat = Date.parse('2026-11-21T20:00:00Z') / 1000;
    expect(read(claims)).toEqual({
      iss: account.client_email,
      scope: 'https://www.googleapis.com/auth/cloud-platform',
      aud: 'https://oauth2.googleapis.com/token',
      iat,
      exp: iat + 3600,
    });
    const said = Buffer.from(`${header}.${claims}`);
    expect(verify('RSA-SHA256', said, publicKey, Buffer.from(signature, 'base64url'))).toBe(true);
  });

  it.each([azure, { tenant: 'acme.example', appId: 'app', password: 'app-secret' }])(
    '[clouds:azure-client] of an Entra application is exchanged at its tenant: %j',
    async (credential) => {
      const { send, posted } = scene('azure');
      expect((await send(credential)).headers).toEqual({ authorization: 'Bearer issued' });
      expect(posted).toHaveLength(1);
      expect(posted[0]?.url).toBe('https://login.microsoftonline.com/acme.example/oauth2/v2.0/token');
      expect(Object.fromEntries(posted[0]?.form ?? [])).toEqual({
        grant_type: 'client_credentials',
        client_id: 'app',
        client_secret: 'app-secret',
        scope: 'https://ai.azure.com/.default',
      });
    },
  );

  it('[clouds:declared-endpoint] goes to another endpoint only where the resource declares one', async () => {
    const spec = { credentials: { tokenURL: 'https://login.partner.example/token' } };
    const { send, posted } = scene('azure', {}, spec);
    await send(azure);
    expect(posted[0]?.url).toBe('https://login.partner.example/token');
  });

  it.each<[string, object]>([
    ['google', { ...account, type: 'authorized_user' }],
    ['google', { ...account, private_key: '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----' }],
    ['google', { ...account, client_email: undefined }],
    ['azure', { ...azure, tenantId: '../../evil' }],
    ['azure', { ...azure, clientSecret: '' }],
    ['sigv4', { ...aws, SessionToken: 'a\r\nhost: evil' }],
    ['sigv4', { ...aws, AccessKeyId: 7 }],
    ['sigv4', { ...aws, Expiration: '2026-11-21T19:00:00Z' }],
    ['sigv4', { ...account }],
  ])('[clouds:unusable] that cannot be used by %s is said so, without its parts: %#', async (kind, credential) => {
    const { send, posted } = scene(kind);
    const failure = await send(credential).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'upstream_credentials' });
    expect(String((failure as Error).message)).not.toMatch(/secret|session|AAAA|evil/);
    expect(posted).toEqual([]);
  });

  it.each([
    [400, { error: 'invalid_client', error_description: 'AADSTS7000215: secret of app' }, 'upstream_credentials'],
    [401, {}, 'upstream_credentials'],
    [503, {}, 'upstream_error'],
    [200, {}, 'upstream_invalid'],
    [200, { access_token: 'a\nb' }, 'upstream_invalid'],
    [200, { access_token: 'a', token_type: 'mac' }, 'upstream_invalid'],
  ])(
    '[clouds:token-refusals] is not told apart from ours by status %i and %j of the endpoint',
    async (status, body, code) => {
      const failure = await scene('azure', { status, body })
        .send(azure)
        .catch((error: unknown) => error);
      expect(failure).toMatchObject({ code });
      expect((failure as Error).message).not.toContain('AADSTS');
    },
  );

  it('[clouds:token-refusals] waits for the endpoint no longer than its deadline, and says that it was late', async () => {
    await expect(scene('azure', { late: true }).send(azure)).rejects.toMatchObject({ code: 'upstream_timeout' });
  });
});
