import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import type { CredentialUse } from '@sallyport/peers/credentials';
import { PrincipalSchema } from '@sallyport/proto/principal/v1/principal_pb';
import type { Provider } from '../catalog.ts';
import { PROVIDER_KEY_HEADER, providerKey, providerUse } from './provider-key.ts';

const principal = create(PrincipalSchema, { tenant: 'default', id: 'key:1', user: 'dana' });
const secretRef = { name: 'openai', key: 'key' };

const providerOf = (name: string, credentials?: object) =>
  ({ tenant: 'default', name, uid: `u-${name}`, origin: `https://${name}.example`, spec: { credentials } }) as Provider;

function scene(first: Provider, second: Provider, headers: Record<string, string | string[]>, named: object[] = []) {
  const leased: CredentialUse[] = [];
  const dropped: CredentialUse[] = [];
  const credentials = {
    name: 'credentials',
    start: () => undefined,
    stop: async () => undefined,
    async lease(use: CredentialUse) {
      leased.push(use);
      return { value: 'sk-leased', reference: 'openai/key#1', scopes: [] };
    },
    drop: (use: CredentialUse) => void dropped.push(use),
  };
  const targets = [first, second].map((provider) => ({ provider, model: 'm' }));
  const turn = { headers, principal, model: { targets, spec: { targets: named } } } as unknown as Parameters<
    typeof providerKey
  >[1];
  const keyFor = async (index: number) =>
    await providerKey({ credentials }, turn, targets[index] as (typeof targets)[0]);
  return { keyFor, leased, dropped };
}

const open = providerOf('open', { secretRef, perPrincipal: { order: ['Request', 'User', 'Organisation'] } });
const other = providerOf('other', { secretRef, perPrincipal: { order: ['Request', 'Organisation'] } });
const closed = providerOf('closed', { secretRef });

describe('the key for a provider', () => {
  it('[model:request-key] is what the caller brings, where the resource lets them, and is leased otherwise', async () => {
    const brought = scene(open, other, { [PROVIDER_KEY_HEADER]: 'sk-brought' });
    await expect(brought.keyFor(0)).resolves.toMatchObject({ value: 'sk-brought', reference: 'request' });
    expect(brought.leased).toEqual([]);
    const leased = scene(open, other, {});
    await expect(leased.keyFor(0)).resolves.toMatchObject({ value: 'sk-leased' });
    expect(leased.leased).toMatchObject([{ perPrincipal: true, uid: 'u-open' }]);
  });

  it('[model:request-key] never goes to a provider that the call falls back to', async () => {
    const { keyFor, leased } = scene(open, other, { [PROVIDER_KEY_HEADER]: 'sk-brought' });
    await expect(keyFor(1)).resolves.toMatchObject({ value: 'sk-leased' });
    expect(leased).toMatchObject([{ uid: 'u-other' }]);
    // The first cannot serve this request and was left out: the key is no one else's for that.
    const left = scene(other, closed, { [PROVIDER_KEY_HEADER]: 'sk-brought' }, [
      { provider: 'open', model: 'm', priority: 0 },
      { provider: 'other', model: 'm', priority: 1 },
    ]);
    await expect(left.keyFor(0)).resolves.toMatchObject({ value: 'sk-leased' });
  });

  it.each([
    ['is refused where the resource does not let the caller bring it', closed, 'sk-brought', 'permission_denied'],
    ['is refused twice in one header', open, ['a', 'b'], 'invalid_request'],
    ['is refused with what ends a header', open, 'sk\nhost: evil', 'invalid_request'],
    ['is refused empty', open, '', 'invalid_request'],
  ])('[model:request-key] %s', async (_name, provider, value, code) => {
    const { keyFor } = scene(provider, other, { [PROVIDER_KEY_HEADER]: value });
    await expect(keyFor(0)).rejects.toMatchObject({ code });
  });

  it('is none where the provider takes none, or only what a caller brings', () => {
    expect(providerUse(providerOf('free'))).toBeUndefined();
    expect(providerUse(providerOf('own', { perPrincipal: { order: ['Request'] } }))).toBeUndefined();
    expect(providerUse(closed)).toMatchObject({ perPrincipal: false, ref: secretRef });
  });
});
