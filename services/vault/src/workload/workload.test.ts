import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createLogger } from '@sallyport/chassis/log';
import { createLeasing, type LeaseWanted } from '../leasing.ts';
import { oauthHttp } from '../oauth/http.ts';
import { testVault } from '../testing/vault.ts';
import { identitiesSchema } from './identities.ts';
import { createWorkloadTokens } from './workload.ts';

const folder = mkdtempSync(join(tmpdir(), 'workload-'));
const file = join(folder, 'token');
const http = oauthHttp(2_000);
/** What the fakes were asked, and what they say next. */
const asked: { path: string; headers: Record<string, unknown>; body: string }[] = [];
let answers: { status: number; body: string }[] = [];
const cloud = createServer((req, res) => {
  let body = '';
  req.on('data', (chunk: Buffer) => {
    body += chunk.toString();
  });
  req.on('end', () => {
    asked.push({ path: req.url ?? '', headers: req.headers, body });
    const answer = answers.shift() ?? { status: 500, body: '' };
    res.writeHead(answer.status).end(answer.body);
  });
});
let endpoint = '';

beforeAll(async () => {
  await new Promise<void>((resolve) => cloud.listen(0, '127.0.0.1', resolve));
  endpoint = `http://127.0.0.1:${(cloud.address() as AddressInfo).port}`;
});
afterAll(async () => {
  await http.stop();
  cloud.closeAllConnections();
  cloud.close();
  rmSync(folder, { recursive: true });
});
beforeEach(() => {
  asked.length = 0;
  answers = [];
  writeFileSync(file, 'pod.jwt.one\n');
});

const START = Date.parse('2026-11-22T03:00:00Z');
const sts = (until: string, secret = 'sk/canary+1') => `<AssumeRoleWithWebIdentityResponse>
  <AssumeRoleWithWebIdentityResult><Credentials>
    <SessionToken>session==</SessionToken><SecretAccessKey>${secret}</SecretAccessKey>
    <Expiration>${until}</Expiration><AccessKeyId>ASIAEXAMPLEEXAMPLE12</AccessKeyId>
  </Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>`;
const ok = (body: string | object) => ({ status: 200, body: typeof body === 'string' ? body : JSON.stringify(body) });
const bedrock = 'https://bedrock-runtime.eu-central-1.amazonaws.com';
const clouds = {
  aws: { aws: { role: 'arn:aws:iam::123456789012:role/models', region: 'eu-central-1' } },
  awsPodIdentity: { awsPodIdentity: {} },
  google: {
    google: {
      audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/k',
      serviceAccount: 'models@acme.iam.gserviceaccount.com',
    },
  },
  azure: { azure: { tenantId: 'acme.example', clientId: 'app-1' } },
};

/** Vault with one identity, and a ModelProvider of `acme` that names it. */
async function leasing(entry: object, init: { origin?: string; identity?: string; fetches?: boolean[] } = {}) {
  const clock = { ms: START };
  const vault = testVault();
  const log = createLogger({ service: 'vault', write: (line) => vault.lines.push(line) });
  const seen: typeof http = {
    ...http,
    fetchFor: (allowPrivate) => {
      init.fetches?.push(allowPrivate);
      return init.fetches ? () => Promise.reject(new Error('not called')) : http.fetchFor(allowPrivate);
    },
  };
  const identities = identitiesSchema.parse([{ name: 'models', tenants: ['acme'], tokenFile: file, ...entry }]);
  const leaseToken = createWorkloadTokens({ identities, http: seen, log, now: () => clock.ms });
  const { origin = bedrock, identity = 'models' } = init;
  const grant = { kind: 'ModelProvider', uid: 'uid-1', resourceName: 'bedrock', ref: undefined, origin };
  for (const tenant of ['acme', 'globex']) {
    await vault.custody.grant(tenant, { ...grant, auth: { type: 'WorkloadIdentity', identity }, url: origin });
  }
  const { store, envelope } = vault;
  const lease = createLeasing({ store, envelope, leaseTtlMs: 10_000, leaseToken, log, onLease: () => undefined });
  const ask = (change: Partial<LeaseWanted> = {}) =>
    lease('model-proxy', {
      tenant: 'acme',
      ref: undefined,
      kind: 'ModelProvider',
      uid: 'uid-1',
      origin,
      principal: undefined,
      ...change,
    });
  return { ask, clock, lines: vault.lines };
}

describe("what clouds give for the pod's own token", () => {
  it('[vault:workload-aws] is session keys of a role, by the wire of STS', async () => {
    const { ask, lines } = await leasing({ ...clouds.aws, endpoint });
    answers = [ok(sts('2099-01-01T00:00:00Z'))];
    const { value, reference, owner } = await ask();
    expect(JSON.parse(value)).toEqual({
      Version: 1,
      AccessKeyId: 'ASIAEXAMPLEEXAMPLE12',
      SecretAccessKey: 'sk/canary+1',
      SessionToken: 'session==',
      Expiration: '2099-01-01T00:00:00.000Z',
    });
    expect([reference, owner]).toEqual(['workload/models#1', 'organisation']);
    expect(Object.fromEntries(new URLSearchParams(asked[0]?.body))).toEqual({
      Action: 'AssumeRoleWithWebIdentity',
      Version: '2011-06-15',
      RoleArn: 'arn:aws:iam::123456789012:role/models',
      RoleSessionName: 'sallyport-acme',
      DurationSeconds: '3600',
      WebIdentityToken: 'pod.jwt.one',
    });
    expect(lines.join('')).not.toMatch(/canary|pod\.jwt/);
  });

  it('[vault:workload-aws] is those of the role that EKS Pod Identity associates, from its agent', async () => {
    const { ask } = await leasing({ ...clouds.awsPodIdentity, endpoint: `${endpoint}/v1/credentials` });
    answers = [
      ok({ AccessKeyId: 'ASIAEXAMPLEEXAMPLE12', SecretAccessKey: 's', Token: 't', Expiration: '2099-01-01T00:00:00Z' }),
    ];
    expect(JSON.parse((await ask()).value)).toMatchObject({ SecretAccessKey: 's', SessionToken: 't' });
    expect(asked[0]).toMatchObject({ path: '/v1/credentials', headers: { authorization: 'pod.jwt.one' } });
  });

  it('[vault:workload-google] is a token of the account that the federated identity may impersonate', async () => {
    const origin = 'https://europe-west4-aiplatform.googleapis.com';
    const both = { endpoint: `${endpoint}/v1/token`, impersonationEndpoint: endpoint };
    const { ask } = await leasing({ ...clouds.google, ...both }, { origin });
    answers = [
      ok({ access_token: 'federated', expires_in: 3600, token_type: 'Bearer' }),
      ok({ accessToken: 'ya29.canary', expireTime: '2099-01-01T00:00:00Z' }),
    ];
    expect(JSON.parse((await ask()).value)).toEqual({ type: 'bearer', token: 'ya29.canary' });
    expect(Object.fromEntries(new URLSearchParams(asked[0]?.body))).toMatchObject({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: 'pod.jwt.one',
      audience: clouds.google.google.audience,
    });
    expect(asked[1]).toMatchObject({
      path: '/v1/projects/-/serviceAccounts/models@acme.iam.gserviceaccount.com:generateAccessToken',
      headers: { authorization: 'Bearer federated' },
    });
    const direct = { google: { audience: clouds.google.google.audience } };
    const federated = await leasing({ ...direct, endpoint }, { origin });
    answers = [ok({ access_token: 'federated', expires_in: 3600 })];
    expect(JSON.parse((await federated.ask()).value)).toEqual({ type: 'bearer', token: 'federated' });
  });

  it('[vault:workload-azure] is a token for the assertion of an application', async () => {
    const origin = 'https://acme.openai.azure.com';
    const { ask } = await leasing({ ...clouds.azure, endpoint }, { origin });
    answers = [ok({ access_token: 'eyJ.canary', expires_in: 3599, token_type: 'Bearer' })];
    expect(JSON.parse((await ask()).value)).toEqual({ type: 'bearer', token: 'eyJ.canary' });
    expect(Object.fromEntries(new URLSearchParams(asked[0]?.body))).toEqual({
      grant_type: 'client_credentials',
      client_id: 'app-1',
      scope: 'https://cognitiveservices.azure.com/.default',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: 'pod.jwt.one',
    });
  });
});

describe('a workload identity', () => {
  const until = (minutes: number) => new Date(START + minutes * 60_000).toISOString();

  it("[vault:workload-renewed] is asked for once until near its end, then anew by the pod's token of that time", async () => {
    const { ask, clock } = await leasing({ ...clouds.aws, endpoint });
    answers = [ok(sts(until(60))), ok(sts(until(120)))];
    const both = await Promise.all([ask(), ask()]);
    clock.ms += 54 * 60_000;
    await ask();
    expect(asked).toHaveLength(1);
    expect(both[0]?.reference).toBe(both[1]?.reference);
    writeFileSync(file, 'pod.jwt.two');
    clock.ms += 2 * 60_000;
    expect((await ask()).reference).toBe('workload/models#2');
    expect(asked[1]?.body).toContain('pod.jwt.two');
  });

  it('[vault:workload-renewed] serves what it has to its end while its cloud is away, and nothing after it', async () => {
    const { ask, clock } = await leasing({ ...clouds.aws, endpoint });
    answers = [ok(sts(until(60)))];
    await ask();
    clock.ms += 56 * 60_000;
    expect((await ask()).reference).toBe('workload/models#1');
    const tries = asked.length;
    await ask();
    expect(asked).toHaveLength(tries);
    clock.ms += 5 * 60_000;
    await expect(ask()).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('[vault:workload-renewed] is none that is over already, for which the cloud is not asked at each call', async () => {
    const { ask } = await leasing({ ...clouds.aws, endpoint });
    answers = [ok(sts(until(-1))), ok(sts(until(-1)))];
    for (let n = 0; n < 3; n++) await expect(ask()).rejects.toMatchObject({ code: 'upstream_invalid' });
    expect(asked).toHaveLength(1);
  });

  it('[vault:workload-renewed] is replaced where the provider refused it, not at every word of it', async () => {
    const { ask, clock } = await leasing({ ...clouds.aws, endpoint });
    answers = [ok(sts(until(60))), ok(sts(until(60)))];
    await ask();
    const refused = { refused: 'workload/models#1' };
    expect((await ask(refused)).reference).toBe('workload/models#1');
    clock.ms += 6_000;
    expect((await ask(refused)).reference).toBe('workload/models#2');
    expect((await ask(refused)).reference).toBe('workload/models#2');
  });

  it.each<[string, object, { origin?: string; identity?: string }, Partial<LeaseWanted>]>([
    ['another tenant', {}, {}, { tenant: 'globex' }],
    ['another name', {}, { identity: 'others' }, {}],
    ['a host that is no one for models', {}, { origin: 'https://evil.example' }, {}],
    ['a host that others may rent', {}, { origin: 'https://x.execute-api.eu-central-1.amazonaws.com' }, {}],
    ['plain http', {}, { origin: 'http://bedrock-runtime.eu-central-1.amazonaws.com' }, {}],
    ['plain http to a host that its entry names', { hosts: ['vpce.internal'] }, { origin: 'http://vpce.internal' }, {}],
    ['hosts that are not named', { hosts: ['vpce.internal'] }, {}, {}],
  ])('[vault:workload-bound] is not for %s', async (_what, entry, init, change) => {
    const { ask } = await leasing({ ...clouds.aws, endpoint, ...entry }, init);
    await expect(ask(change)).rejects.toMatchObject({ code: 'permission_denied' });
    expect(asked).toEqual([]);
  });

  it('[vault:workload-bound] may be for hosts that its entry names, and for all tenants', async () => {
    const entry = { ...clouds.aws, endpoint, hosts: ['vpce.internal:8443'], tenants: ['*'] };
    const { ask } = await leasing(entry, { origin: 'https://vpce.internal:8443' });
    answers = [ok(sts(until(60)))];
    await expect(ask({ tenant: 'globex' })).resolves.toMatchObject({ owner: 'organisation' });
    expect(asked[0]?.body).toContain('RoleSessionName=sallyport-globex');
  });

  it('[vault:workload-guarded] is had behind the guard of outbound URLs, but at an endpoint that its entry names', async () => {
    const fetches: boolean[] = [];
    for (const [entry, init] of [
      [clouds.aws, {}],
      [{ ...clouds.aws, endpoint }, {}],
    ] as const) {
      const { ask } = await leasing(entry, { ...init, fetches });
      await expect(ask()).rejects.toThrow();
    }
    expect(fetches).toEqual([false, true]);
  });

  it.each<[string, { status: number; body: string }, string]>([
    ['refuses', { status: 403, body: '<Error>canary-words</Error>' }, 'upstream_credentials'],
    ['fails', { status: 503, body: '' }, 'unavailable'],
    ['gives no keys', ok('<a/>'), 'upstream_invalid'],
    ['gives what is no key', ok(sts(until(60), 'a b')), 'upstream_invalid'],
  ])('[vault:workload-refused] is none where the cloud %s, and its words are not told', async (_how, answer, code) => {
    const { ask } = await leasing({ ...clouds.aws, endpoint });
    answers = [answer];
    const error = await ask().catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code });
    expect(String(error)).not.toContain('canary');
    // Asked again after a while, not by each call.
    await expect(ask()).rejects.toMatchObject({ code });
    expect(asked).toHaveLength(1);
  });

  it('[vault:workload-refused] is none without a token of the pod', async () => {
    const { ask } = await leasing({ ...clouds.aws, endpoint, tokenFile: join(folder, 'none') });
    await expect(ask()).rejects.toMatchObject({ code: 'upstream_credentials' });
    expect(asked).toEqual([]);
  });

  it('[vault:workload-bound] is declared with one cloud, and no name twice', () => {
    const entry = { name: 'a', tenants: ['acme'] };
    expect(identitiesSchema.safeParse([{ ...entry, ...clouds.aws }]).success).toBe(true);
    for (const wrong of [
      [entry],
      [{ ...entry, ...clouds.aws, ...clouds.azure }],
      [
        { ...entry, ...clouds.aws },
        { ...entry, ...clouds.azure },
      ],
      [{ ...entry, aws: { role: 'models', region: 'eu-central-1' } }],
      [{ ...entry, aws: { ...clouds.aws.aws, region: 'evil.example/#' } }],
      [{ ...entry, azure: { tenantId: '../x', clientId: 'a' } }],
    ])
      expect(identitiesSchema.safeParse(wrong).success).toBe(false);
  });
});
