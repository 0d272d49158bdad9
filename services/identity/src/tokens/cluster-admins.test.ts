import { describe, expect, it } from '@jest/globals';
import { createLogger } from '@sallyport/chassis/log';
import { Principal_Role } from '@sallyport/proto/principal/v1/principal_pb';
import { clusterAdmins } from './cluster-admins.ts';
import { principalOfToken } from './token-principal.ts';

const log = createLogger({ service: 'test', write: () => undefined });
const ROBOT = { namespace: 'ci', name: 'robot' };

function asked(answers: (boolean | Error)[]) {
  const requests: unknown[] = [];
  let atMs = 0;
  const isAdmin = clusterAdmins({
    client: {
      async review(request) {
        requests.push(request);
        const answer = answers.shift() ?? false;
        if (answer instanceof Error) throw answer;
        return { allowed: answer } as never;
      },
    },
    log,
    now: () => atMs,
  });
  const pass = (ms: number) => {
    atMs += ms;
  };
  return { requests, isAdmin, pass };
}

describe('admins by RBAC of the cluster', () => {
  it('[tokens:cluster-admin] asks once for ten seconds, with the names that the API server has for the account', async () => {
    const { requests, isAdmin, pass } = asked([true, false]);
    expect(await Promise.all([isAdmin('acme', ROBOT), isAdmin('acme', ROBOT)])).toEqual([true, true]);
    expect(requests).toEqual([
      {
        tenant: 'acme',
        user: 'system:serviceaccount:ci:robot',
        groups: ['system:serviceaccounts', 'system:serviceaccounts:ci', 'system:authenticated'],
      },
    ]);
    pass(9_999);
    expect(await isAdmin('acme', ROBOT)).toBe(true);
    pass(1);
    expect(await isAdmin('acme', ROBOT)).toBe(false);
    expect(await isAdmin('other', ROBOT)).toBe(false);
    expect(requests).toHaveLength(3);
  });

  it('[tokens:cluster-admin] takes no answer for a no, and asks again soon', async () => {
    const { isAdmin, pass } = asked([new Error('away'), true]);
    expect(await isAdmin('acme', ROBOT)).toBe(false);
    expect(await isAdmin('acme', ROBOT)).toBe(false);
    pass(1_000);
    expect(await isAdmin('acme', ROBOT)).toBe(true);
  });

  const principal = (spec: object, isClusterAdmin?: () => Promise<boolean>) =>
    principalOfToken(
      { text: '', header: {}, claims: { sub: 'system:serviceaccount:ci:robot', exp: 2_000_000_000 } },
      {
        tenant: 'ci',
        provider: 'cluster',
        uid: 'u',
        generation: 1,
        mapping: { user: () => undefined, teams: () => [], role: () => undefined },
        spec: { type: 'Kubernetes', namespaces: [], clockSkewSeconds: 0, mapping: { claims: [] }, ...spec },
      } as never,
      {
        clients: { clientAt: () => undefined },
        directory: {} as never,
        onGroupsElsewhere: () => undefined,
        isClusterAdmin,
      },
    );

  it('[tokens:cluster-admin] makes an admin of an account of our own cluster only, and only where it is asked for', async () => {
    expect((await principal({}, async () => true)).role).toBe(Principal_Role.ADMIN);
    expect((await principal({}, async () => false)).role).toBe(Principal_Role.MEMBER);
    expect((await principal({})).role).toBe(Principal_Role.MEMBER);
    // An account of that name in another cluster is somebody else.
    expect((await principal({ issuer: 'https://other.example' }, async () => true)).role).toBe(Principal_Role.MEMBER);
  });
});
