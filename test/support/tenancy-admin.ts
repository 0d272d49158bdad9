import { expect } from '@jest/globals';
import { type HttpClient, httpClient } from './http-client.ts';
import { APPROVAL_CASES } from './tenancy-approvals.ts';
import { CREDENTIAL_CASES } from './tenancy-credentials.ts';
import { type Key, NOBODY, type Page, recordsOf, type Side, suite } from './two-tenants.ts';

/** The first page of a list of the admin API. */
export const items = async <T>(client: HttpClient, path: string): Promise<T[]> => {
  const answer = await client.get(`/admin/v1/${path}`);
  expect(answer.status).toBe(200);
  return answer.json<Page<T>>().items;
};

/** A key of a tenant by its name. */
const keyNamed = async ({ admin }: Side, name: string): Promise<Key> => {
  const key = (await items<Key>(admin, 'keys?pageSize=200')).find((one) => one.name === name);
  if (key === undefined) throw new Error(`there is no key ${name}`);
  return key;
};

/** Says of a change to a key of the other that it is refused as for a key that nobody has, and changes nothing. */
const changesNothing = (method: string, after: string, body?: object) => async (own: Side, other: Side) => {
  const key = await keyNamed(other, 'agent');
  const foreign = await own.admin.send(method, `/admin/v1/keys/${key.id}${after}`, body);
  const absent = await own.admin.send(method, `/admin/v1/keys/${NOBODY}${after}`, body);
  expect([foreign.status, foreign.code]).toEqual([404, 'not_found']);
  expect(foreign.text).toBe(absent.text);
  expect(await keyNamed(other, 'agent')).toMatchObject({ id: key.id, name: 'agent', state: 'active' });
  expect((await other.agent.chat('echo')).status).toBe(200);
};

/** What holds of each route of the admin API; `[tenancy:enumerated]` fails for a route that is not here. */
export const ADMIN_CASES: Readonly<Record<string, (own: Side, other: Side) => Promise<void>>> = {
  ...APPROVAL_CASES,
  ...CREDENTIAL_CASES,
  'get /admin/v1/trajectories': async (own, other) => {
    const theirs = await other.agent.chat('echo');
    await recordsOf(other, theirs.trajectory);
    const mine = await own.agent.chat('echo');
    await recordsOf(own, mine.trajectory);
    const { id: keyId } = await keyNamed(other, 'agent');
    const listed = await items<{ id: string }>(own.admin, 'trajectories?pageSize=200');
    expect(listed.map(({ id }) => id)).toContain(mine.trajectory);
    expect(listed.map(({ id }) => id)).not.toContain(theirs.trajectory);
    expect(await items(own.admin, `trajectories?keyId=${keyId}`)).toEqual([]);
    expect(await items(own.admin, `trajectories?principalId=key:${keyId}`)).toEqual([]);
    expect(await items(own.agent, `trajectories?pageToken=${theirs.trajectory}`)).not.toContainEqual(
      expect.objectContaining({ id: theirs.trajectory }),
    );
  },
  'get /admin/v1/trajectories/{id}': async (own, other) => {
    const theirs = await other.agent.chat('echo');
    expect(await recordsOf(other, theirs.trajectory)).toHaveLength(1);
    const absent = await own.admin.get(`/admin/v1/trajectories/${NOBODY}`);
    for (const client of [own.admin, own.agent]) {
      const foreign = await client.get(`/admin/v1/trajectories/${theirs.trajectory}`);
      expect([foreign.status, foreign.text]).toEqual([404, absent.text]);
    }
  },
  'get /admin/v1/usage': async (own, other) => {
    const uses = async (side: Side, query: string) => {
      const answer = await side.admin.get(`/admin/v1/usage?${query}`);
      expect(answer.status).toBe(200);
      return answer.json<{ rows: { group: { provider?: string }; requests: number }[] }>().rows;
    };
    const { id } = await keyNamed(other, 'agent');
    const theirs = await other.agent.chat('echo');
    await recordsOf(other, theirs.trajectory);
    expect((await uses(other, `key=${id}`))[0]?.requests).toBeGreaterThan(0);
    expect((await uses(own, `key=${id}`)).every(({ requests }) => requests === 0)).toBe(true);
    expect(JSON.stringify(await uses(own, 'groupBy=key,user,model'))).not.toContain(id);
    // What it asked for in vain may stand there by the name it used; nothing was ever called by that name.
    const called = (await uses(own, 'groupBy=model,provider')).filter(({ group }) => group.provider !== '');
    expect(called.length).toBeGreaterThan(0);
    expect(JSON.stringify(called)).not.toContain(`${other.tenant}-only`);
    // Users, models and providers have the same names in both: what one does must not move the other's sums.
    const before = await uses(own, 'user=dana&model=echo');
    const more = await other.agent.chat('echo');
    await recordsOf(other, more.trajectory);
    expect(await uses(own, 'user=dana&model=echo')).toEqual(before);
  },
  'get /admin/v1/keys': async (own, other) => {
    const mine = (await items<Key>(own.admin, 'keys?pageSize=200')).map(({ id }) => id);
    const theirs = (await items<Key>(other.admin, 'keys?pageSize=200')).map(({ id }) => id);
    expect(mine.length).toBeGreaterThan(2);
    expect(mine.filter((id) => theirs.includes(id))).toEqual([]);
    const paged = await items<Key>(own.admin, `keys?pageToken=${theirs[0]}`).catch(() => []);
    expect(paged.filter(({ id }) => theirs.includes(id))).toEqual([]);
  },
  'post /admin/v1/keys': async (own, other) => {
    const headers = { 'idempotency-key': `same-for-both-${own.tenant}` };
    const make = async (side: Side) => {
      const answer = await side.admin.send('POST', '/admin/v1/keys', { name: `made-${own.tenant}` }, { headers });
      expect(answer.status).toBe(201);
      return answer.json<{ key: Key; secret: string }>();
    };
    const [first, second] = [await make(own), await make(other)];
    expect(second.key.id).not.toBe(first.key.id);
    expect(second.secret).not.toBe(first.secret);
    const mine = httpClient(suite.endpoint, first.secret);
    expect((await mine.get('/admin/v1/whoami')).json()).toMatchObject({ tenant: own.tenant });
    const named = await own.admin.send('POST', '/admin/v1/keys', { name: 'x', tenant: other.tenant });
    expect(named.status).toBe(400);
  },
  'get /admin/v1/keys/{id}': changesNothing('GET', ''),
  'patch /admin/v1/keys/{id}': changesNothing('PATCH', '', { disabled: true }),
  'post /admin/v1/keys/{id}/revoke': changesNothing('POST', '/revoke', { reason: 'not yours' }),
  'post /admin/v1/keys/{id}/rotate': changesNothing('POST', '/rotate', {}),
  'get /admin/v1/resources': async (own, other) => {
    const answer = await own.admin.get('/admin/v1/resources');
    const { items: resources } = answer.json<Page<{ namespace: string; kind: string; name: string }>>();
    expect(new Set(resources.map(({ namespace }) => namespace))).toEqual(new Set([own.tenant]));
    expect(resources.map(({ kind, name }) => `${kind}/${name}`)).toContain(`Model/${own.tenant}-only`);
    expect(answer.text).not.toContain(`${other.tenant}-only`);
    expect(answer.text).not.toContain(other.tools.url);
    for (const query of [`namespace=${other.tenant}`, 'tenant=*']) {
      expect((await own.admin.get(`/admin/v1/resources?${query}`)).status).toBe(400);
    }
  },
  'get /admin/v1/whoami': async (own, other) => {
    const me = (await own.agent.get('/admin/v1/whoami')).json<{ tenant: string; keyId: string }>();
    expect(me).toMatchObject({ tenant: own.tenant, name: 'agent', user: 'dana' });
    expect(me.keyId).not.toBe((await keyNamed(other, 'agent')).id);
  },
};
