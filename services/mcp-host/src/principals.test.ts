import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { PRINCIPAL_HEADER, principalHeader } from '@sallyport/peers/hosted-principal';
import { type HostSuite, startHostSuite, telling } from './testing/suite.ts';

const own = telling({
  isolation: 'PerPrincipal',
  env: [{ name: 'TOKEN', secretRef: { name: 'tokens', key: 'lists' }, perPrincipal: true }],
});
let suite: HostSuite;
beforeAll(async () => {
  suite = await startHostSuite({ own, few: { ...own, maxPrincipals: 1 }, next: own });
});
afterAll(() => suite.stop());

/** In the name of a user, or nobody's. */
const headersOf = (user: string | undefined, more: object = {}) =>
  user === undefined
    ? undefined
    : {
        [PRINCIPAL_HEADER]: principalHeader({
          ...{ id: `user:${user}`, keyId: '', user, client: '', sessionId: '', actors: [], userSinceMs: 0 },
          ...more,
        }),
      };
interface Told {
  readonly pid: number;
  readonly token: string;
  readonly told: readonly string[];
  readonly kept: readonly string[];
}
const ask = async (uid: string, method: string, params: object, headers: Record<string, string> = {}) => {
  const response = await fetch(suite.url(uid), {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
  });
  const body = (await response.json()) as {
    result?: { structuredContent: Told; tools?: unknown[] };
    error?: { code: string };
  };
  return { status: response.status, ...body };
};
const tell = (uid: string, word: string, headers?: Record<string, string>) =>
  ask(uid, 'tools/call', { name: 'tell', arguments: { word } }, headers);
const told = async (uid: string, word: string, headers?: Record<string, string>): Promise<Told> => {
  const { result, error } = await tell(uid, word, headers);
  if (result === undefined) throw new Error(JSON.stringify(error));
  return result.structuredContent;
};
const revoke = async (ids: readonly string[]) => {
  const url = new URL('/principals/acme', suite.url('own'));
  return (await fetch(url, { method: 'DELETE', body: JSON.stringify({ ids }) })).status;
};

describe('a hosted server with a process for each principal', () => {
  it('[hosted:per-principal] never serves one principal from the process of another, nor with its value, memory or folder', async () => {
    const users = ['p0', 'p1', 'p2', 'p3'];
    const calls = Array.from({ length: 200 }, (_, at) => [users[at % 4] as string, `canary-${at % 4}-${at}`] as const);
    const answers = await Promise.all(
      calls.map(async ([user, word]) => ({ user, word, said: await told('own', word, headersOf(user)) })),
    );
    for (const { user, word, said } of answers) {
      expect(said.token).toBe(`canary-of-${user}`);
      expect(said.told).toContain(word);
      for (const one of [...said.told, ...said.kept]) expect(one).toContain(`canary-${user.slice(1)}-`);
    }
    expect(new Set(answers.map(({ said }) => said.pid)).size).toBe(4);
  });

  it('[hosted:per-principal] takes another credential, and who acts for somebody, for another principal', async () => {
    const mine = await told('next', 'a', headersOf('p0'));
    await revoke(['user:p1', 'user:p2', 'user:p3']);
    const key = await told('next', 'b', headersOf('p0', { id: 'key:one' }));
    const through = await told('next', 'c', headersOf('p0', { actors: [{ id: 'client:x', client: 'x' }] }));
    expect(new Set([mine.pid, key.pid, through.pid]).size).toBe(3);
    expect([key.told, through.told]).toEqual([['b'], ['c']]);
    await revoke(['user:p0']);
  });

  it('[hosted:per-principal] calls nothing in nobody’s name, and lists with the value for lists', async () => {
    expect((await ask('own', 'tools/list', {})).result?.tools).toHaveLength(1);
    expect(await tell('own', 'x')).toMatchObject({ status: 403, error: { code: 'permission_denied' } });
    expect(await tell('own', 'x', { [PRINCIPAL_HEADER]: 'garbage' })).toMatchObject({ status: 400 });
  });

  it('[hosted:per-principal] refuses a principal without a value of its own, and more principals than may be', async () => {
    expect(await tell('own', 'x', headersOf('stranger'))).toMatchObject({ error: { code: 'upstream_credentials' } });
    await revoke(['user:stranger']);
    await told('few', 'a', headersOf('p0'));
    expect(await tell('few', 'b', headersOf('p1'))).toMatchObject({ status: 429, error: { code: 'rate_limited' } });
  });

  it('[hosted:per-principal] ends the process of a principal that is revoked, and no other', async () => {
    const before = await Promise.all(
      ['p0', 'p1'].map((user) => told('own', `canary-${user.slice(1)}-`, headersOf(user))),
    );
    expect(await revoke(['user:p0'])).toBe(204);
    const after = await Promise.all(
      ['p0', 'p1'].map((user) => told('own', `canary-${user.slice(1)}-`, headersOf(user))),
    );
    expect(after[0]?.pid).not.toBe(before[0]?.pid);
    // Nothing of it is left behind either.
    expect(after[0]?.kept).toHaveLength(1);
    expect(after[1]?.pid).toBe(before[1]?.pid);
  });

  it('[hosted:per-principal] ends all of them when the server changes', async () => {
    const before = await told('own', 'canary-1-', headersOf('p1'));
    suite.declare({ own: { ...own, args: [...own.args, 'changed'] } });
    const after = await told('own', 'canary-1-', headersOf('p1'));
    expect(after.pid).not.toBe(before.pid);
    expect(after.told).toHaveLength(1);
  });
});
