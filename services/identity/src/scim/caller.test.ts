import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import { Principal_Role } from '@sallyport/proto/principal/v1/principal_pb';
import { createFindCaller } from './caller.ts';

const provider = (tenant: string, name: string, secret: string | undefined) => ({
  tenant,
  name,
  uid: `${tenant}-${name}`,
  spec: secret === undefined ? {} : { scim: { secretRef: { name: secret, key: 'token' } } },
});
const SECRETS: Record<string, string> = { okta: 'okta-token', entra: 'entra-token', twin: 'okta-token', empty: '' };

function callers(...providers: readonly ReturnType<typeof provider>[]) {
  const asked: string[] = [];
  let away = '';
  const find = createFindCaller({
    snapshot: { items: () => providers } as never,
    async secretOf({ tenant, ref, origin, uid }) {
      asked.push(`${tenant}/${ref.name}`);
      expect([origin, uid.endsWith('/scim')]).toEqual(['https://inbound.invalid:443', true]);
      if (ref.name === away) throw new GatewayError('unavailable', 'away');
      return SECRETS[ref.name] as string;
    },
    async authenticate(secret, endpoint, address) {
      expect([endpoint, address]).toEqual(['scim', '192.0.2.7']);
      const [kind, role, ...endpoints] = secret.split(' ');
      if (kind === 'down') throw new GatewayError('unavailable', 'away');
      if (kind !== 'key') throw new GatewayError('unauthenticated', 'no');
      const of = role === 'admin' ? Principal_Role.ADMIN : Principal_Role.MEMBER;
      return { principal: { tenant: 'red', id: 'key:1', role: of, endpoints }, cacheTtlMs: 0 };
    },
  });
  const ask = (token: string, tenant?: string) =>
    find({ token, tenant, defaultTenant: 'red', address: '192.0.2.7' }).then(
      ({ tenant: of, scope, by }) => `${of} ${scope ?? 'all'} ${by}`,
      (error: GatewayError) => error.code,
    );
  return { ask, asked, lose: (name: string) => (away = name) };
}

describe('who keeps people by SCIM', () => {
  it('[scim:caller] is the provider whose token is shown, of the tenant that is asked for', async () => {
    const { ask, asked } = callers(
      provider('red', 'okta', 'okta'),
      provider('red', 'plain', undefined),
      provider('blue', 'entra', 'entra'),
    );
    expect(await ask('okta-token')).toBe('red okta provider:okta');
    expect(await ask('okta-token', 'red')).toBe('red okta provider:okta');
    expect(await ask('okta-token', 'blue')).toBe('unauthenticated');
    expect(await ask('entra-token')).toBe('unauthenticated');
    expect(await ask('entra-token', 'blue')).toBe('blue entra provider:entra');
    // Nobody makes us fetch the secrets of other tenants.
    expect(new Set(asked)).toEqual(new Set(['red/okta', 'blue/entra']));
  });

  it('[scim:caller] is nobody where two providers have one token, or a provider an empty one', async () => {
    const { ask } = callers(
      provider('red', 'okta', 'okta'),
      provider('red', 'twin', 'twin'),
      provider('red', 'e', 'empty'),
    );
    expect(await ask('okta-token')).toBe('unauthenticated');
    expect(await ask('')).toBe('unauthenticated');
  });

  it('[scim:caller-key] is a key of the role Admin that may reach this endpoint, and no other key', async () => {
    const { ask } = callers(provider('red', 'okta', 'okta'));
    expect(await ask('key admin')).toBe('red all key:1');
    expect(await ask('key admin scim')).toBe('red all key:1');
    expect(await ask('key admin models')).toBe('unauthenticated');
    expect(await ask('key member scim')).toBe('unauthenticated');
    expect(await ask('key admin', 'blue')).toBe('unauthenticated');
  });

  it('[scim:caller-away] is never refused while a secret or the store is away, and known ones go on', async () => {
    const { ask, lose } = callers(provider('red', 'okta', 'okta'), provider('red', 'entra', 'entra'));
    lose('entra');
    expect(await ask('entra-token')).toBe('unavailable');
    expect(await ask('nonsense')).toBe('unavailable');
    expect(await ask('okta-token')).toBe('red okta provider:okta');
    expect(await ask('down')).toBe('unavailable');
  });
});
