import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import { Principal_Kind, Principal_Role } from '@sallyport/proto/principal/v1/principal_pb';
import { createAuthenticator } from './authentication.ts';
import { createPeppers } from './peppers.ts';
import { generateSecret } from './secret.ts';
import { keySpec, PEPPERS, testIdentity } from './testing/identity.ts';

const refusal = { code: 'unauthenticated', message: 'The credential is not valid.' };

describe('authenticate', () => {
  it('[identity:principal] gives the principal with everything the key says', async () => {
    const { administration, authenticate, uses, clock } = testIdentity();
    const spec = keySpec({
      name: 'support-bot',
      owner: 'alice@example.com',
      teams: ['support'],
      customer: 'acme',
      client: 'bot',
      models: ['gpt-*'],
      tools: ['mail/*'],
      endpoints: ['chat.completions'],
      role: Principal_Role.AUDITOR,
      mayAssert: ['customer'],
      origin: 'email',
      instructionAuthority: { systemAuthored: true, userTyped: false },
      tags: ['eu'],
    });
    const { key, secret } = await administration.create('acme', spec, '');
    const { principal, cacheTtlMs } = await authenticate(secret, 'messages');
    expect(principal).toMatchObject({
      tenant: 'acme',
      kind: Principal_Kind.KEY,
      id: `key:${key.id}`,
      name: 'support-bot',
      user: 'alice@example.com',
      teams: ['support'],
      customer: 'acme',
      keyId: key.id,
      client: 'bot',
      models: ['gpt-*'],
      tools: ['mail/*'],
      endpoints: ['chat.completions'],
      role: Principal_Role.AUDITOR,
      mayAssert: ['customer'],
      origin: 'email',
      tags: ['eu'],
      revision: expect.stringMatching(new RegExp(`^${key.id}\\.1\\.`)) as unknown as string,
    });
    expect(principal.instructionAuthority).toMatchObject({ systemAuthored: true, userTyped: false });
    expect(cacheTtlMs).toBe(10_000);
    expect(uses).toEqual([{ tenant: 'acme', keyId: key.id, endpoint: 'messages', atMs: clock.nowMs }]);
  });

  it('[identity:uniform-refusal] refuses unknown, revoked, disabled and expired secrets by one and the same error', async () => {
    const { administration, authenticate, clock } = testIdentity();
    const made = async (name: string, init = {}) => administration.create('acme', keySpec({ name, ...init }), '');
    const revoked = await made('revoked');
    await administration.revoke('acme', revoked.key.id, 'leaked');
    const disabled = await made('disabled', { disabled: true });
    const expired = await made('expired', { expiresAtMs: clock.nowMs });
    const valid = await made('valid');
    const wrong = `${valid.secret.slice(0, -1)}${valid.secret.endsWith('a') ? 'b' : 'a'}`;
    for (const secret of [
      '',
      'x'.repeat(10_000),
      'never-heard-of-this-one',
      generateSecret(),
      wrong,
      revoked.secret,
      disabled.secret,
      expired.secret,
    ]) {
      await expect(authenticate(secret, 'mcp')).rejects.toMatchObject(refusal);
    }
    await expect(authenticate(valid.secret, 'mcp')).resolves.toBeDefined();
  });

  it('bounds the time an answer may be kept by the expiry of the key', async () => {
    const { administration, authenticate, clock } = testIdentity();
    const { secret } = await administration.create('acme', keySpec({ expiresAtMs: clock.nowMs + 3000 }), '');
    await expect(authenticate(secret, 'mcp')).resolves.toMatchObject({ cacheTtlMs: 3000 });
    clock.nowMs += 3000;
    await expect(authenticate(secret, 'mcp')).rejects.toMatchObject(refusal);
  });

  it('[identity:pepper-rotation] accepts secrets under an older pepper and moves them to the current one', async () => {
    const { administration, over } = testIdentity();
    const { secret } = await administration.create('acme', keySpec(), '');
    const fresh = { id: 'p2', key: Buffer.alloc(32, 9) };
    await expect(over([fresh, ...PEPPERS]).authenticate(secret, 'mcp')).resolves.toBeDefined();
    // The old pepper may now leave the file.
    await expect(over([fresh]).authenticate(secret, 'mcp')).resolves.toBeDefined();
  });

  it('refuses a secret that two keys hold, since guessing would hand one tenant the rights of the other', async () => {
    const { store, authenticate, resourceKeys, over } = testIdentity();
    const secret = 'the-same-value-in-two-tenants';
    const wanted = { spec: keySpec(), secret, regenerate: false };
    const fresh = over([{ id: 'p2', key: Buffer.alloc(32, 9) }, ...PEPPERS]);
    // At once, so that neither sees the other, and under two peppers, so that their digests differ.
    await Promise.all([
      resourceKeys.upsert({ ...wanted, tenant: 'a', resourceUid: 'uid-a' }),
      fresh.resourceKeys.upsert({ ...wanted, tenant: 'b', resourceUid: 'uid-b' }),
    ]);
    await expect(fresh.authenticate(secret, 'mcp')).rejects.toMatchObject(refusal);
    await expect(authenticate(secret, 'mcp')).resolves.toMatchObject({ principal: { tenant: 'a' } });
    expect(store.notices).toHaveLength(0);
  });

  it('[identity:store-down-is-not-401] passes a failing store on as it is, never as a refusal', async () => {
    const failing = async () => {
      throw new GatewayError('unavailable', 'The database is away.');
    };
    const authenticate = createAuthenticator({
      store: { secretsByDigest: failing, secretsByPrefix: failing },
      peppers: createPeppers(PEPPERS),
      directory: { standingOf: failing },
      cacheTtlMs: 10_000,
      onUse: () => undefined,
      onOldPepper: () => undefined,
    });
    await expect(authenticate(generateSecret(), 'mcp')).rejects.toMatchObject({ code: 'unavailable' });
    await expect(authenticate('a-chosen-secret-of-mine', 'mcp')).rejects.toMatchObject({ code: 'unavailable' });
  });

  describe('of an owner', () => {
    const withKey = async (fields: Parameters<typeof keySpec>[0]) => {
      const identity = testIdentity();
      const { secret } = await identity.administration.create('acme', keySpec({ owner: 'ann', ...fields }), '');
      return { ...identity, ask: () => identity.authenticate(secret, 'mcp') };
    };

    it("[identity:owner-teams] gives a key only those of its teams that its owner is in, and all of the owner's beside them", async () => {
      const { people, ask } = await withKey({ teams: ['core', 'finance'] });
      people.set('ann', { teams: ['core', 'sales'], ownedTeams: ['core', 'sales'] });
      const { principal } = await ask();
      expect(principal).toMatchObject({
        user: 'ann',
        teams: ['core'],
        userTeams: ['core', 'sales'],
        ownedTeams: ['core'],
      });
      people.set('ann', { teams: ['sales'] });
      const later = (await ask()).principal;
      expect(later).toMatchObject({ teams: [], userTeams: ['sales'] });
      // Caches know an answer by its revision.
      expect(later.revision).not.toBe(principal.revision);
    });

    it('[identity:owner-unknown] believes the teams of a key whose owner the directory does not know', async () => {
      const { ask } = await withKey({ teams: ['core'] });
      expect((await ask()).principal).toMatchObject({ teams: ['core'], userTeams: ['core'] });
    });

    it('[identity:owner-ended] refuses the keys of people who are known and not active, as if there were none', async () => {
      const { people, ask } = await withKey({});
      people.set('ann', { state: 'ended' });
      await expect(ask()).rejects.toMatchObject(refusal);
    });

    it('[identity:owner-heir] refuses keys that were made for somebody else who had the name before', async () => {
      const { people, clock, ask } = await withKey({});
      people.set('ann', { heirSinceMs: clock.nowMs + 1 });
      await expect(ask()).rejects.toMatchObject(refusal);
      people.set('ann', { heirSinceMs: clock.nowMs });
      await expect(ask()).resolves.toBeDefined();
    });
  });
});
