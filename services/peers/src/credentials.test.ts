import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { afterEach, describe, expect, it } from '@jest/globals';
import { type ErrorCode, GatewayError } from '@sallyport/chassis/errors';
import { inProcess } from '@sallyport/chassis/rpc/testing';
import { PrincipalSchema } from '@sallyport/proto/principal/v1/principal_pb';
import { CredentialService, type WatchInvalidationsResponseSchema } from '@sallyport/proto/vault/v1/vault_pb';
import { type CredentialUse, credentialLeases } from './credentials.ts';
import { feed, quiet, until } from './testing.ts';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

const principal = create(PrincipalSchema, { tenant: 'default', id: 'key:1' });
const use: CredentialUse = {
  tenant: 'default',
  ref: { name: 'openai', key: 'apiKey' },
  kind: 'ModelProvider',
  name: 'openai',
  uid: 'u1',
  origin: 'https://api.example.com',
};

async function vault(leaseTtlMs = 10_000) {
  const state = { asked: [] as string[], value: 'one', fails: undefined as ErrorCode | undefined };
  const invalidations = feed<MessageInitShape<typeof WatchInvalidationsResponseSchema>>(
    () => [{}],
    () => ({}),
  );
  const served = await inProcess(CredentialService, {
    async resolve(request) {
      state.asked.push(`${request.uid} ${request.origin}`);
      if (state.fails) throw new GatewayError(state.fails, 'No.', { retryAfterMs: 1 });
      return { value: state.value, reference: `${request.ref?.name}#1`, leaseTtlMs };
    },
    watchInvalidations: (_request, { signal }) => invalidations.stream(signal),
  });
  const credentials = credentialLeases({ client: served.client, log: quiet, timeoutMs: 10_000 });
  credentials.start();
  closing.push(async () => {
    invalidations.cut();
    await credentials.stop();
    await served.close();
  });
  const lease = async (more: Partial<CredentialUse> = {}) =>
    (await credentials.lease({ ...use, ...more }, principal)).value;
  const warm = async () => {
    await until('a lease is kept', async () => {
      const before = state.asked.length;
      // A busy machine may take longer for the first answer than anybody waits; what matters here comes after it.
      const got = await lease().catch(() => undefined);
      return got !== undefined && state.asked.length === before;
    });
    state.asked = [];
  };
  return { state, invalidations, credentials, lease, warm };
}

describe('credentialLeases', () => {
  it('[peers:no-hop-when-warm] asks vault once, also for requests at the same time', async () => {
    const { state, lease, warm } = await vault();
    await warm();
    expect(await Promise.all([lease(), lease(), lease()])).toEqual(['one', 'one', 'one']);
    expect(state.asked).toEqual([]);
  });

  it('[peers:credential-bound] asks anew for another origin and for a resource made anew', async () => {
    const { state, lease, warm } = await vault();
    await warm();
    await lease({ origin: 'https://elsewhere.example' });
    await lease({ uid: 'u2' });
    expect(state.asked).toEqual(['u1 https://elsewhere.example', 'u2 https://api.example.com']);
  });

  it("[peers:credential-invalidated] drops what a person has of a resource, and what is nobody's in particular", async () => {
    const { state, invalidations, credentials, warm } = await vault();
    await warm();
    const of = (user: string) => create(PrincipalSchema, { tenant: 'default', id: `user:${user}`, user });
    const own = { ...use, ref: undefined, perPrincipal: true };
    const all = () => Promise.all(['dana', 'robin', ''].map((user) => credentials.lease(own, of(user))));
    await all();
    await all();
    expect(state.asked).toHaveLength(3);
    invalidations.push({ tenant: 'default', kind: 'ModelProvider', uid: 'u1', user: 'dana' });
    await until('two are dropped', async () => {
      await all();
      return state.asked.length >= 5;
    });
    await all();
    expect(state.asked).toHaveLength(5);
  });

  it('[peers:credential-invalidated] drops a lease when vault says so, of that Secret and tenant only', async () => {
    const { state, invalidations, lease, warm } = await vault();
    await warm();
    invalidations.push({ tenant: 'other', ref: { name: 'openai', key: '' } });
    invalidations.push({ tenant: 'default', ref: { name: 'anthropic', key: '' } });
    invalidations.push({ tenant: 'default', ref: { name: 'openai', key: 'otherKey' } });
    await new Promise((resolve) => setTimeout(resolve, 100));
    await lease();
    expect(state.asked).toEqual([]);
    state.value = 'two';
    invalidations.push({ tenant: 'default', ref: { name: 'openai', key: '' } });
    await until('the new value is used', async () => (await lease()) === 'two', 1_000);
  });

  it('[peers:credential-bound] leases nothing from memory for a principal of another tenant', async () => {
    const { credentials, warm } = await vault();
    await warm();
    const foreign = create(PrincipalSchema, { tenant: 'other', id: 'key:1' });
    await expect(credentials.lease(use, foreign)).rejects.toMatchObject({ code: 'permission_denied' });
  });

  it('[peers:credential-gap] asks again for every lease when an invalidation was missed', async () => {
    const { state, invalidations, lease, warm } = await vault();
    await warm();
    state.value = 'two';
    invalidations.push({ sequence: 7 });
    await until('the new value is used', async () => (await lease()) === 'two', 1_000);
  });

  it('[peers:credential-principal] keeps leases that are of one principal apart from those of others', async () => {
    const { state, credentials, warm } = await vault();
    await warm();
    const own = { ...use, perPrincipal: true };
    const of = async (user: string, teams: string[] = []) =>
      (await credentials.lease(own, create(PrincipalSchema, { tenant: 'default', id: 'key:1', user, teams }))).value;
    state.value = 'dana';
    expect(await of('dana')).toBe('dana');
    state.value = 'another';
    expect(await of('bob')).toBe('another');
    expect(await of('dana', ['support'])).toBe('another');
    expect(await of('dana')).toBe('dana');
    // The broker lists with a token of somebody, which is not for others behind whom nobody stands.
    const nobodys = async (id: string) =>
      (await credentials.lease(own, create(PrincipalSchema, { tenant: 'default', id }))).value;
    state.value = 'for listing';
    expect(await nobodys('service:mcp-broker')).toBe('for listing');
    state.value = 'none';
    expect(await nobodys('client:batch')).toBe('none');
  });

  it('drops a lease that the upstream refused', async () => {
    const { state, credentials, lease, warm } = await vault();
    await warm();
    state.value = 'two';
    credentials.drop(use, principal, 'openai#0');
    expect(await lease()).toBe('one');
    credentials.drop(use, principal, 'openai#1');
    expect(await lease()).toBe('two');
  });

  it('[peers:vault-silent] asks again after a second without a word of vault', async () => {
    const { state, invalidations, lease, warm } = await vault();
    await warm();
    invalidations.speaking = false;
    state.value = 'two';
    await until('the new value is used', async () => (await lease()) === 'two', 3_000);
  });

  it('[peers:vault-away] serves a known lease while vault is away, and says unavailable for others', async () => {
    const { state, invalidations, lease, warm } = await vault();
    await warm();
    state.fails = 'unavailable';
    invalidations.cut();
    await until('vault is asked again', async () => {
      expect(await lease()).toBe('one');
      return state.asked.length > 0;
    });
    await expect(lease({ uid: 'u2' })).rejects.toMatchObject({ code: 'unavailable' });
  });

  it.each(['not_found', 'permission_denied'] as const)(
    '[peers:credential-refused] does not use a lease that vault refuses to renew (%s)',
    async (code) => {
      const { state, invalidations, lease, warm } = await vault();
      await warm();
      state.fails = code;
      invalidations.cut();
      await until('the lease is gone', () =>
        lease().then(
          () => false,
          (error: GatewayError) => error.code === 'upstream_credentials',
        ),
      );
    },
  );
});
