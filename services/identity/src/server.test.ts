import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLogger } from '@sallyport/chassis/log';
import { createMetrics } from '@sallyport/chassis/metrics';
import { type InProcess, inProcess } from '@sallyport/chassis/rpc/testing';
import { sequenceFeed } from '@sallyport/chassis/sequence-feed';
import { AuthenticationService, KeyService } from '@sallyport/proto/identity/v1/identity_pb';
import { identityMetrics } from './metrics.ts';
import { authenticationService, CALLERS, keyService } from './server.ts';
import { testIdentity } from './testing/identity.ts';

const log = createLogger({ service: 'identity', write: () => undefined });
const metrics = identityMetrics(createMetrics('identity', { defaults: false }));
const timeoutMs = 2000;

describe('identity over gRPC', () => {
  const identity = testIdentity();
  const feed = sequenceFeed({ name: 'revocations', log, read: identity.store.revocationsAfter });
  let authentication: InProcess<typeof AuthenticationService>;
  let keys: InProcess<typeof KeyService>;

  beforeAll(async () => {
    await feed.start?.();
    authentication = await inProcess(
      AuthenticationService,
      authenticationService(identity.authenticate, feed, metrics),
    );
    keys = await inProcess(
      KeyService,
      keyService(identity.administration, identity.resourceKeys, identity.directory, metrics),
    );
  });
  afterAll(async () => {
    await feed.stop?.(Date.now());
    await Promise.all([authentication.close(), keys.close()]);
  });

  it('[identity:revocation-1s] tells a watcher of a revocation within a second, between heartbeats', async () => {
    const spec = { name: 'watched' };
    const { key, secret } = await keys.client.create({ tenant: 'acme', spec }, { timeoutMs });
    await expect(authentication.client.authenticate({ secret, endpoint: 'mcp' }, { timeoutMs })).resolves.toMatchObject(
      { principal: { tenant: 'acme', keyId: key?.id } },
    );
    const stop = new AbortController();
    const stream = authentication.client.watchRevocations({}, { timeoutMs: 10_000, signal: stop.signal });
    const messages = stream[Symbol.asyncIterator]();
    const beat = await messages.next();
    expect(beat.value).toMatchObject({ keyId: '', sequence: 0 });
    const startedAt = performance.now();
    await keys.client.revoke({ tenant: 'acme', id: key?.id ?? '', reason: 'leaked' }, { timeoutMs });
    let told = await messages.next();
    while (told.done !== true && told.value.keyId === '') told = await messages.next();
    expect(performance.now() - startedAt).toBeLessThan(1000);
    expect(told.value).toMatchObject({
      tenant: 'acme',
      keyId: key?.id,
      principalId: `key:${key?.id}`,
      reason: 'revoked: leaked',
      sequence: 1,
    });
    stop.abort();
    await expect(messages.next()).rejects.toMatchObject({ code: 'cancelled' });
    const again = authentication.client.authenticate({ secret, endpoint: 'mcp' }, { timeoutMs });
    await expect(again).rejects.toMatchObject({ code: 'unauthenticated', message: 'The credential is not valid.' });
  });

  it('carries refusals with their code and path over the wire', async () => {
    const nameless = keys.client.create({ tenant: 'acme', spec: { name: '' } }, { timeoutMs });
    await expect(nameless).rejects.toMatchObject({ code: 'invalid_request', details: { path: '/name' } });
    const owned = await keys.client.upsert({ tenant: 'acme', resourceUid: 'u1', spec: { name: 'cr' } }, { timeoutMs });
    expect(owned.generatedSecret).not.toBe('');
    const id = owned.key?.id ?? '';
    await expect(keys.client.revoke({ tenant: 'acme', id }, { timeoutMs })).rejects.toMatchObject({ code: 'conflict' });
    await keys.client.removeByResource({ tenant: 'acme', resourceUid: 'u1' }, { timeoutMs });
    const { key } = await keys.client.get({ tenant: 'acme', id }, { timeoutMs });
    expect(key?.state).toBe('revoked');
  });

  it('names callers for every method that is served, and nobody else for keys', () => {
    for (const service of [AuthenticationService, KeyService]) {
      for (const { name } of service.methods) {
        const callers = CALLERS[`${service.typeName}/${name}`] ?? CALLERS[service.typeName];
        expect([name, callers?.length ?? 0]).not.toEqual([name, 0]);
        if (service === KeyService) expect(['operator', 'console']).toEqual(expect.arrayContaining(callers ?? []));
      }
    }
  });
});
