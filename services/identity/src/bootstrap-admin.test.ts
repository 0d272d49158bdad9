import { describe, expect, it } from '@jest/globals';
import { createLogger } from '@sallyport/chassis/log';
import { Principal_Kind, Principal_Role } from '@sallyport/proto/principal/v1/principal_pb';
import type { Authenticate } from './authentication.ts';
import { BOOTSTRAP_ADMIN, createBootstrapAdmin } from './bootstrap-admin.ts';
import { createPeppers } from './peppers.ts';
import { PEPPERS, testIdentity } from './testing/identity.ts';

const SECRET = '0123456789abcdef0123456789abcdef';
const DAY_MS = 24 * 3600 * 1000;

function house(given: Partial<Parameters<typeof createBootstrapAdmin>[0]> = {}) {
  const identity = testIdentity();
  const admin = createBootstrapAdmin({
    store: identity.store,
    peppers: createPeppers(PEPPERS),
    tenant: 'acme',
    secret: SECRET,
    validForMs: DAY_MS,
    onNotice: () => undefined,
    log: createLogger({ service: 'identity', level: 'error' }),
    now: () => identity.clock.nowMs,
    ...given,
  });
  const signedIn = (tenant: string, kind: Principal_Kind, role: Principal_Role): Authenticate =>
    admin.watching(async () => ({ principal: { tenant, kind, role, id: 'user:ada' }, cacheTtlMs: 1 }));
  return { ...identity, admin, signedIn };
}

describe('the first admin', () => {
  it('[identity:bootstrap] gets in by the secret of the installation for a day, and for the admin API alone', async () => {
    const { admin, authenticate, clock } = house();
    await admin.ensure();
    const { principal } = await authenticate(SECRET, 'admin');
    expect(principal).toMatchObject({ tenant: 'acme', role: Principal_Role.ADMIN, endpoints: ['admin'] });
    clock.nowMs += DAY_MS;
    await expect(authenticate(SECRET, 'admin')).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  it('[identity:bootstrap] is not made again by a restart, whether it ran out or was revoked', async () => {
    const { admin, administration, authenticate, clock } = house();
    await admin.ensure();
    clock.nowMs += DAY_MS - 1;
    await admin.ensure();
    await authenticate(SECRET, 'admin');
    clock.nowMs += 1;
    await expect(authenticate(SECRET, 'admin')).rejects.toMatchObject({ code: 'unauthenticated' });

    const other = house();
    await other.admin.ensure();
    await other.administration.revoke('acme', BOOTSTRAP_ADMIN, 'not needed');
    await other.admin.ensure();
    await expect(other.authenticate(SECRET, 'admin')).rejects.toMatchObject({ code: 'unauthenticated' });
    expect((await administration.get('acme', BOOTSTRAP_ADMIN)).revokedAtMs).toBeUndefined();
  });

  it('[identity:bootstrap] is void once a person signs in as admin of the same tenant, and not by anybody else', async () => {
    const { admin, authenticate, signedIn } = house();
    await admin.ensure();
    await signedIn('rival', Principal_Kind.USER, Principal_Role.ADMIN)('', 'admin');
    await signedIn('acme', Principal_Kind.USER, Principal_Role.MEMBER)('', 'admin');
    await signedIn('acme', Principal_Kind.KEY, Principal_Role.ADMIN)('', 'admin');
    await authenticate(SECRET, 'admin');
    await signedIn('acme', Principal_Kind.USER, Principal_Role.ADMIN)('', 'admin');
    await new Promise((resolve) => setImmediate(resolve));
    await expect(authenticate(SECRET, 'admin')).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  it('[identity:bootstrap] is refused with a secret that can be guessed', async () => {
    expect(() => house({ secret: 'admin' })).toThrow('must have 20');
    expect(() => house({ secret: 'a'.repeat(40) })).toThrow('too few');
  });
});
