import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { CallContext } from '@sallyport/chassis/rpc/server';
import { jwtVerify } from 'jose';
import { ownTokenReader } from './presented-tokens.ts';
import { subjectService } from './subject-tokens.ts';

const NOW = 1_795_000_000;
const BASE = 'https://gateway.example';
const STS = 'https://sts.example';
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'ES256' };
const signing = { keys: [], current: { kid: 'k1', key: privateKey }, published: { keys: [jwk] } } as never;
const dana = { tenant: 'acme', id: 'user:dana', user: 'dana', client: '', sessionId: '', actors: [] as object[] };

function service(living: readonly string[] = ['s1'], active: readonly string[] = ['dana']) {
  const { assert } = subjectService({
    issuers: { bases: () => [BASE], issuerOf: (tenant) => `${BASE}/oauth/${tenant}` },
    signing,
    grants: {
      alive: async (_tenant, id) => (living.includes(id) ? ({ id, user: 'dana', createdAtMs: 0 } as never) : undefined),
    },
    isActive: async (_tenant, user) => active.includes(user),
    now: () => NOW * 1000,
  });
  return async (principal: object | undefined, audience = STS) =>
    (await assert({ principal, audience } as never, {} as CallContext)) as { token: string };
}

describe('tokens about people for others', () => {
  it('[delegation:subject] names the person, who acts for them and one audience, for a minute', async () => {
    const { token } = await service()({
      ...dana,
      id: 'key:k1',
      sessionId: 's1',
      actors: [{ id: 'client:a' }, { id: 'client:b' }],
    });
    const { payload, protectedHeader } = await jwtVerify(token, publicKey, { currentDate: new Date(NOW * 1000) });
    expect(payload).toEqual({
      iss: `${BASE}/oauth/acme`,
      sub: 'user:dana',
      aud: STS,
      iat: NOW,
      exp: NOW + 60,
      jti: expect.any(String),
      act: { sub: 'key:k1', act: { sub: 'client:a', act: { sub: 'client:b' } } },
    });
    expect(protectedHeader).toEqual({ alg: 'ES256', typ: 'JWT', kid: 'k1' });
  });

  it.each([
    ['the person alone', {}, undefined],
    ['an application', { client: 'editor' }, { sub: 'client:editor' }],
    ['an application that exchanged', { client: 'a', actors: [{ id: 'client:a' }] }, { sub: 'client:a' }],
    ['a key', { id: 'key:k1', client: 'editor' }, { sub: 'key:k1' }],
  ])('[delegation:subject] says who acts: %s', async (_name, change, act) => {
    const { token } = await service()({ ...dana, ...change });
    expect(JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()).act).toEqual(act);
  });

  it.each<[string, object | undefined, string]>([
    ['nobody', undefined, STS],
    ['an application for itself', { ...dana, id: 'client:ci', user: '' }, STS],
    ['no tenant', { ...dana, tenant: '' }, STS],
    ['somebody who is gone', { ...dana, id: 'user:kim', user: 'kim' }, STS],
    ['a grant that has ended', { ...dana, sessionId: 's2' }, STS],
    [
      'a chain without an end',
      { ...dana, actors: Array.from({ length: 6 }, (_, at) => ({ id: `client:${at}` })) },
      STS,
    ],
    ['an audience of our own', dana, `${BASE}/mcp`],
    ['no audience', dana, ''],
    ['an audience that is no URL', dana, 'sts'],
  ])('[delegation:subject] vouches not for %s', async (_name, principal, audience) => {
    await expect(service()(principal, audience)).rejects.toMatchObject({
      code: expect.stringMatching(/^(permission_denied|invalid_request)$/),
    });
  });

  it('[delegation:subject] opens nothing here: it is no access token of ours', async () => {
    const { token } = await service()({ ...dana, sessionId: 's1' });
    expect(await ownTokenReader(signing)(`${BASE}/oauth/acme`, token)).toBeUndefined();
  });
});
