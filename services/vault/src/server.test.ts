import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLogger } from '@sallyport/chassis/log';
import { createMetrics } from '@sallyport/chassis/metrics';
import { type InProcess, inProcess } from '@sallyport/chassis/rpc/testing';
import { sequenceFeed } from '@sallyport/chassis/sequence-feed';
import { GrantService } from '@sallyport/proto/vault/v1/grants_pb';
import { OwnedCredentialService } from '@sallyport/proto/vault/v1/owned_pb';
import { SignInService } from '@sallyport/proto/vault/v1/sign_ins_pb';
import { CredentialService, SecretService } from '@sallyport/proto/vault/v1/vault_pb';
import { vaultMetrics } from './metrics.ts';
import { CALLERS, credentialService, secretService } from './server.ts';
import { testVault } from './testing/vault.ts';

const log = createLogger({ service: 'vault', write: () => undefined });
const metrics = vaultMetrics(createMetrics('vault', { defaults: false }));
const timeoutMs = 2000;
const ref = { name: 'openai', key: 'apiKey' };
const wanted = { tenant: 'acme', ref, kind: 'ModelProvider', uid: 'u1', origin: 'https://api.openai.com' };

describe('vault over gRPC', () => {
  const vault = testVault();
  const feed = sequenceFeed({ name: 'invalidations', log, read: vault.store.invalidationsAfter });
  let asProxy: InProcess<typeof CredentialService>;
  let asBroker: InProcess<typeof CredentialService>;
  let secrets: InProcess<typeof SecretService>;

  beforeAll(async () => {
    await feed.start?.();
    const credentials = credentialService(vault.lease, feed, metrics);
    asProxy = await inProcess(CredentialService, credentials, { caller: 'model-proxy' });
    asBroker = await inProcess(CredentialService, credentials, { caller: 'mcp-broker' });
    secrets = await inProcess(SecretService, secretService(vault.custody, metrics));
    await secrets.client.put({ tenant: 'acme', ref, value: 'sk-canary-1', version: 'v1' }, { timeoutMs });
    await secrets.client.grant({ ...wanted, name: 'openai' }, { timeoutMs });
  });
  afterAll(async () => {
    await feed.stop?.(Date.now());
    await Promise.all([asProxy.close(), asBroker.close(), secrets.close()]);
  });

  it('[vault:own-kind] leases to the service whose kind it is and to no other', async () => {
    const lease = await asProxy.client.resolve(wanted, { timeoutMs });
    expect(lease).toMatchObject({ value: 'sk-canary-1', reference: 'openai/apiKey#1', leaseTtlMs: 10_000 });
    await expect(asBroker.client.resolve(wanted, { timeoutMs })).rejects.toMatchObject({ code: 'permission_denied' });
  });

  it('[vault:invalidation-1s] tells a watcher within a second that a lease must be dropped', async () => {
    const stop = new AbortController();
    const stream = asProxy.client.watchInvalidations({}, { timeoutMs: 10_000, signal: stop.signal });
    const messages = stream[Symbol.asyncIterator]();
    const beat = await messages.next();
    expect(beat.value?.ref).toBeUndefined();
    const startedAt = performance.now();
    await secrets.client.put({ tenant: 'acme', ref, value: 'sk-canary-2', version: 'v2' }, { timeoutMs });
    let told = await messages.next();
    while (told.done !== true && told.value.ref === undefined) told = await messages.next();
    expect(performance.now() - startedAt).toBeLessThan(1000);
    expect(told.value).toMatchObject({ tenant: 'acme', ref });
    stop.abort();
    await expect(messages.next()).rejects.toMatchObject({ code: 'cancelled' });
    await expect(asProxy.client.resolve(wanted, { timeoutMs })).resolves.toMatchObject({ value: 'sk-canary-2' });
  });

  it('names callers for every method that is served: operator and console put in, only the proxies and identity take out', () => {
    expect(CALLERS).toEqual({
      [CredentialService.typeName]: ['model-proxy', 'mcp-broker', 'identity'],
      [SecretService.typeName]: ['operator'],
      [OwnedCredentialService.typeName]: ['console'],
      [GrantService.typeName]: ['console'],
      [SignInService.typeName]: ['identity'],
    });
  });
});
