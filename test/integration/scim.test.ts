import '../support/property-seed.ts';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type HttpAnswer, httpClient } from '../support/http-client.ts';
import { scimRequests } from '../support/scim-fuzz.ts';
import { idOf, type ScimHouse, scimHouse } from '../support/scim-house.ts';

const OKTA = { tenant: 'red', provider: 'okta' };
const ENTRA = { tenant: 'red', provider: 'entra' };
const OTHERS = { tenant: 'blue', provider: 'okta' };
const CANARY = 'canary-of-blue';

let house: ScimHouse;
let okta: ReturnType<ScimHouse['by']>;
let entra: ReturnType<ScimHouse['by']>;
let others: ReturnType<ScimHouse['by']>;

beforeAll(async () => {
  house = await scimHouse([OKTA, ENTRA, OTHERS]);
  [okta, entra, others] = [house.by(OKTA), house.by(ENTRA), house.by(OTHERS)];
  const id = idOf(
    await others('POST', '/Users', { userName: `${CANARY}@example.com`, externalId: CANARY, title: CANARY }),
  );
  await others('POST', '/Groups', { displayName: CANARY, members: [{ value: id }] });
  await house.notices();
}, 60_000);

afterAll(async () => {
  await house?.end();
}, 30_000);

type By = ReturnType<ScimHouse['by']>;
const person = async (name: string, by: By = okta, more: object = {}) =>
  idOf(await by('POST', '/Users', { userName: name, ...more }));
const group = async (name: string, members: readonly string[], by: By = okta) =>
  idOf(await by('POST', '/Groups', { displayName: name, members: members.map((value) => ({ value })) }));
const patch = (path: string, ...Operations: object[]) => okta('PATCH', path, { Operations });
const teamsOf = async (name: string) => (await house.directory.standingOf('red', name, [])).teams;
const faultOf = (answer: HttpAnswer) => {
  const { status, scimType = '-' } = answer.json<{ status: string; scimType?: string }>();
  return `${status} ${scimType}`;
};

describe('SCIM', () => {
  it('[scim:users] keeps users: made, read, found, changed, replaced and deleted', async () => {
    const made = await okta('POST', '/Users', {
      schemas: ['urn:ietf:params:scim:schemas:core:2.0:User'],
      userName: 'Ann@Example.com',
      externalId: '00u1',
      displayName: 'Ann',
      password: 'never kept',
      emails: [{ value: 'ann@example.com', primary: true }],
    });
    const id = idOf(made);
    const location = `https://gateway.example.com/scim/v2/red/Users/${id}`;
    expect([made.status, made.headers.get('location'), made.headers.get('etag')]).toEqual([201, location, 'W/"1"']);
    expect(made.json()).toMatchObject({ userName: 'ann@example.com', active: true, groups: [], meta: { location } });
    expect(made.text).not.toContain('never kept');
    expect((await okta('GET', `/Users/${id}`)).text).toBe(made.text);
    for (const filter of [
      'userName eq "ANN@example.com"',
      'externalId eq "00u1"',
      'emails co "ann@"',
      `id eq "${id}"`,
    ]) {
      const found = await okta('GET', `/Users?filter=${encodeURIComponent(filter)}`);
      expect(found.json()).toMatchObject({ totalResults: 1, Resources: [{ id }] });
    }
    expect((await patch(`/Users/${id}`, { op: 'replace', value: { title: 'x' } })).json()).toMatchObject({
      title: 'x',
    });
    const replaced = await okta('PUT', `/Users/${id}`, { userName: 'ann@example.com', nickName: 'n' });
    expect(replaced.json()).toMatchObject({ nickName: 'n', active: true });
    expect(replaced.text).not.toContain('title');
    expect((await okta('DELETE', `/Users/${id}`)).status).toBe(204);
    for (const method of ['GET', 'DELETE']) expect((await okta(method, `/Users/${id}`)).status).toBe(404);
  });

  it('[scim:conditions] changes and tells nothing of a version that somebody else has changed meanwhile', async () => {
    const id = await person('etag@example.com');
    expect((await okta('GET', `/Users/${id}`, undefined, { 'if-none-match': 'W/"1"' })).status).toBe(304);
    const change = (ifMatch: string) =>
      okta('PUT', `/Users/${id}`, { userName: 'etag@example.com', title: ifMatch }, { 'if-match': ifMatch });
    expect((await change('W/"1"')).headers.get('etag')).toBe('W/"2"');
    expect((await change('W/"1"')).status).toBe(412);
    expect((await okta('DELETE', `/Users/${id}`, undefined, { 'if-match': 'W/"1"' })).status).toBe(412);
    expect((await change('*')).status).toBe(200);
  });

  it('[scim:pages] lists in pages, and shows what is asked for alone', async () => {
    for (const at of [1, 2, 3, 4, 5]) await person(`page${at}@example.com`, okta, { title: 'paged' });
    const list = async (query: string) =>
      (await okta('GET', `/Users?filter=${encodeURIComponent('title eq "paged"')}&${query}`)).json<{
        totalResults: number;
        startIndex: number;
        itemsPerPage: number;
        Resources: { userName?: string; title?: string; id: string }[];
      }>();
    const second = await list('startIndex=3&count=2');
    expect(second).toMatchObject({ totalResults: 5, startIndex: 3, itemsPerPage: 2 });
    expect(second.Resources.map(({ userName }) => userName)).toEqual(['page3@example.com', 'page4@example.com']);
    expect((await list('count=0')).Resources).toEqual([]);
    expect((await list('startIndex=-7&count=-1')).startIndex).toBe(1);
    const [bare] = (await list('attributes=userName')).Resources;
    expect(Object.keys(bare as object).sort()).toEqual(['id', 'meta', 'schemas', 'userName']);
    expect((await list('excludedAttributes=title,groups')).Resources[0]?.title).toBeUndefined();
    expect(faultOf(await okta('GET', '/Users?filter=title%20pr&filter=id%20pr'))).toBe('400 invalidValue');
  });

  it('[scim:unique] refuses a second resource of one name or external id, and names that look like another', async () => {
    await person('pay@example.com', okta, { externalId: 'e-1' });
    await group('Finance', []);
    const make = (userName: string, more: object = {}, by = okta) => by('POST', '/Users', { userName, ...more });
    expect(faultOf(await make('PAY@example.com'))).toBe('409 uniqueness');
    expect(faultOf(await make('pay@example.com', {}, entra))).toBe('409 uniqueness');
    expect(faultOf(await make('else@example.com', { externalId: 'e-1' }))).toBe('409 uniqueness');
    // Cyrillic letters for some, then for all of the letters that look the same.
    expect(faultOf(await make('pаy@example.com'))).toBe('400 invalidValue');
    await person('cope');
    expect(faultOf(await make('соре'))).toBe('409 uniqueness');
    expect(faultOf(await make('pay\u200b@example.com'))).toBe('400 invalidValue');
    expect(faultOf(await okta('POST', '/Groups', { displayName: 'FINANCE' }))).toBe('409 uniqueness');
    // Another tenant's names are its own.
    expect((await make('pay@example.com', {}, others)).status).toBe(201);
  });

  it('[scim:scope] shows a provider its own people alone, and lets it put nobody else into a group', async () => {
    const id = await person('scoped@example.com', entra);
    expect((await okta('GET', `/Users/${id}`)).status).toBe(404);
    expect((await patch(`/Users/${id}`, { op: 'replace', value: { active: false } })).status).toBe(404);
    expect((await okta('GET', `/Users?filter=${encodeURIComponent(`id eq "${id}"`)}`)).json()).toMatchObject({
      totalResults: 0,
    });
    expect(faultOf(await okta('POST', '/Groups', { displayName: 'theft', members: [{ value: id }] }))).toBe(
      '400 invalidValue',
    );
    const blue = (await others('GET', '/Users')).json<{ Resources: { id: string }[] }>().Resources[0]?.id ?? '';
    expect((await okta('GET', `/Users/${blue}`)).status).toBe(404);
    expect(faultOf(await okta('POST', '/Groups', { displayName: 'theft', members: [{ value: blue }] }))).toBe(
      '400 invalidValue',
    );
    expect((await okta('DELETE', `/Users/${blue}`)).status).toBe(404);
  });

  it('[scim:caller-network] takes keys that are bound to a network from there, as a trusted proxy says, at the host of a tenant', async () => {
    const asked = async (headers: Record<string, string>) =>
      (await httpClient(house.base, 'key-of-red').send('GET', '/scim/v2/Users', undefined, { headers })).status;
    expect(await asked({ 'x-forwarded-for': '192.0.2.7' })).toBe(200);
    expect(await asked({ 'x-forwarded-for': '192.0.2.8' })).toBe(401);
    expect(await asked({})).toBe(401);
    const blue = httpClient(house.base, 'blue/okta');
    const at = async (host: string) =>
      (await blue.send('GET', '/scim/v2/Users', undefined, { headers: { 'x-forwarded-host': host } })).status;
    expect([await at('Blue.example.com'), await at('red.example.com')]).toEqual([200, 401]);
  });

  it('[scim:group-records] records what becomes of groups where nobody tells it of their members', async () => {
    const before = (await house.acts()).length;
    const id = await group('recorded', []);
    await patch(`/Groups/${id}`, { op: 'replace', path: 'displayName', value: 'recorded anew' });
    await okta('PUT', `/Groups/${id}`, { displayName: 'recorded anew', externalId: 'x' });
    const member = await person('recorded@example.com');
    await patch(`/Groups/${id}`, { op: 'add', path: 'members', value: [{ value: member }] });
    await patch(`/Groups/${id}`, { op: 'remove', path: 'members', value: [{ value: member }] });
    await patch(`/Groups/${id}`, { op: 'remove', path: 'members', value: [{ value: member }] });
    await okta('DELETE', `/Groups/${id}`);
    const acts = (await house.acts()).slice(before);
    expect(acts.map(({ action, by }) => `${action} by ${by}`)).toEqual([
      'groups.create by provider:okta',
      'groups.change by provider:okta',
      'groups.change by provider:okta',
      'groups.change by provider:okta',
      'groups.remove by provider:okta',
    ]);
    expect(acts[1]?.target).toEqual({
      kind: 'Group',
      id,
      name: 'recorded anew',
      externalId: null,
      before: { name: 'recorded', externalId: null },
    });
    expect(acts[4]?.target).toEqual({ kind: 'Group', id, name: 'recorded anew' });
  });

  it('[scim:service] says what it serves, and that bulk is not served', async () => {
    expect((await okta('GET', '/ServiceProviderConfig')).json()).toMatchObject({
      patch: { supported: true },
      bulk: { supported: false },
      filter: { supported: true },
      etag: { supported: true },
    });
    expect((await okta('GET', '/ResourceTypes')).json()).toMatchObject({ totalResults: 2 });
    const schemas = (await okta('GET', '/Schemas')).json<{ Resources: { id: string }[] }>().Resources;
    for (const { id } of schemas) expect(idOf(await okta('GET', `/Schemas/${encodeURIComponent(id)}`))).toBe(id);
    for (const [method, path, status] of [
      ['POST', '/Bulk', 501],
      ['GET', '/Me', 501],
      ['GET', '/Schemas/%E0%A4%A', 404],
      ['GET', '/Nothing', 404],
      ['PUT', '/Users', 405],
      ['POST', '/Users/x', 405],
    ] as const) {
      const answer = await okta(method, path, method === 'GET' ? undefined : {});
      expect([path, answer.status]).toEqual([path, status]);
      expect(answer.json()).toMatchObject({ schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'] });
    }
    const unknown = await house.by({ tenant: 'red', provider: 'nobody' })('GET', '/Users');
    expect([unknown.status, unknown.headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="scim"']);
    expect((await house.by({ ...OTHERS, tenant: 'red' })('GET', '/Users')).status).toBe(200);
    expect((await okta('POST', '/Users', '<x/>', { 'content-type': 'text/xml' })).status).toBe(415);
    // Without a tenant in the path that of the installation is meant, and the token of no other is good for it.
    const plain = (token: string) => httpClient(`${house.base}/scim/v2`, token).get('/Users?count=1');
    expect([(await plain('red/okta')).status, (await plain('blue/okta')).status]).toEqual([200, 401]);
    const twice = await httpClient(`${house.base}/scim/v2/red`, 'red/okta').get('/Users', { 'x-api-key': 'another' });
    expect(twice.status).toBe(400);
    expect(faultOf(await okta('POST', '/Users', '{"userName":"a","userName":"b"}'))).toBe('400 invalidSyntax');
  });
});

describe('changes of people and groups', () => {
  it('[directory:teams] take and give teams, each with one notice of whom it concerns, by whom and why', async () => {
    const [kim, lee] = [await person('kim'), await person('lee')];
    const desk = await group('desk', [kim, lee]);
    expect([await teamsOf('kim'), await teamsOf('lee')]).toEqual([['desk'], ['desk']]);
    await house.notices();
    const by = { tenant: 'red', by: 'provider:okta' };
    expect((await patch(`/Groups/${desk}`, { op: 'remove', path: `members[value eq "${kim}"]` })).status).toBe(204);
    expect(await house.notices()).toEqual([{ ...by, user: 'kim', reason: 'left team desk' }]);
    expect(await teamsOf('kim')).toEqual([]);
    await patch(`/Groups/${desk}`, { op: 'replace', path: 'members', value: [{ value: kim }, { value: lee }] });
    expect(await house.notices()).toEqual([{ ...by, user: 'kim', reason: 'changed' }]);
    await patch(`/Groups/${desk}`, { op: 'replace', path: 'displayName', value: 'counter' });
    expect((await house.notices()).map(({ user, reason }) => `${user} ${reason}`)).toEqual([
      'kim left team desk',
      'lee left team desk',
    ]);
    await okta('PUT', `/Groups/${desk}`, { displayName: 'counter', members: [{ value: lee }] });
    expect((await house.notices()).map(({ user }) => user)).toEqual(['kim']);
    expect((await okta('GET', `/Groups/${desk}?attributes=members`)).json()).toMatchObject({
      members: [{ value: lee }],
    });
    await okta('DELETE', `/Groups/${desk}`);
    expect(await house.notices()).toEqual([{ ...by, user: 'lee', reason: 'left team counter' }]);
    // A request that changes nothing, or is refused on its way, tells nothing.
    await patch(`/Users/${kim}`, { op: 'replace', value: { active: true } });
    const half = await group('half', []);
    await patch(
      `/Groups/${half}`,
      ...[kim, 'nobody'].map((value) => ({ op: 'add', path: 'members', value: [{ value }] })),
    );
    expect([await house.notices(), await teamsOf('kim')]).toEqual([[], []]);
    expect((await house.said()).filter((line) => line.includes('kim'))).toEqual([
      'provider:okta: kim provisioned',
      'provider:okta: kim joined team desk',
      'provider:okta: kim left team desk',
      'provider:okta: kim joined team desk',
      'provider:okta: kim left team desk; joined team counter',
      'provider:okta: kim left team counter',
    ]);
  });

  it('[directory:inactive] end whoever is made inactive, with grants, and bring back by saying so alone', async () => {
    const id = await person('gil');
    await house.grant('g-gil', 'gil');
    await house.notices();
    await patch(`/Users/${id}`, { op: 'Replace', path: 'active', value: 'False' });
    expect(await house.notices()).toMatchObject([{ user: 'gil', reason: 'made inactive', by: 'provider:okta' }]);
    expect((await house.directory.standingOf('red', 'gil', [])).state).toBe('ended');
    expect(await house.endOf('g-gil')).toBe('made inactive by provider:okta');
    await okta('PUT', `/Users/${id}`, { userName: 'gil', title: 'x' });
    expect((await house.directory.standingOf('red', 'gil', [])).state).toBe('ended');
    await patch(`/Users/${id}`, { op: 'replace', value: { active: true } });
    expect((await house.directory.standingOf('red', 'gil', [])).state).toBe('active');
    expect(await house.notices()).toMatchObject([{ user: 'gil', reason: 'changed' }]);
    expect(await house.endOf('g-gil')).toBe('made inactive by provider:okta');
  });

  it('[directory:deleted] leave of who is deleted a name that ends all that acts for it, also for who has it next', async () => {
    const bind = (subject: string, issuedAtMs: number, name = 'sam') =>
      house.directory.bind({ ...OKTA, subject, name, linkByName: false, issuedAtMs }).then(
        (bound) => bound.id,
        (error: { code: string }) => error.code,
      );
    const first = await person('sam', okta, { externalId: 'x-sam' });
    const before = Date.now();
    expect(await bind('s-1', before)).toBe(first);
    await house.grant('g-sam', 'sam');
    await house.notices();
    await okta('DELETE', `/Users/${first}`);
    expect(await house.notices()).toMatchObject([{ user: 'sam', reason: 'deleted', by: 'provider:okta' }]);
    expect((await house.directory.standingOf('red', 'sam', ['desk'])).state).toBe('ended');
    expect(await house.endOf('g-sam')).toBe('deleted by provider:okta');
    // Neither under the name nor under another one does a token that is still good let them in.
    expect(await bind('s-1', Date.now() + 60_000)).toBe('unauthenticated');
    expect(await bind('s-1', Date.now() + 60_000, 'sam.new')).toBe('unauthenticated');

    const second = await person('sam', okta, { externalId: 'x-sam' });
    expect(second).not.toBe(first);
    const { state, heirSinceMs = 0 } = await house.directory.standingOf('red', 'sam', []);
    expect([state, heirSinceMs >= before]).toEqual(['active', true]);
    expect(await house.endOf('g-sam')).toBe('deleted by provider:okta');
    expect(await bind('s-1', before)).toBe('unauthenticated');
    expect(await bind('s-2', Date.now() + 1_000)).toBe(second);
    expect(await bind('s-1', Date.now() + 1_000)).toBe('unauthenticated');
  });

  it('[directory:deleted] let somebody deleted in again under another name where SCIM brings them back so', async () => {
    const gone = await person('ida');
    const bind = (name: string) =>
      house.directory.bind({ ...OKTA, subject: 'i-1', name, linkByName: false, issuedAtMs: Date.now() + 1_000 });
    expect((await bind('ida')).id).toBe(gone);
    await okta('DELETE', `/Users/${gone}`);
    await expect(bind('ida.new')).rejects.toMatchObject({ code: 'unauthenticated' });
    const back = await person('ida.new');
    expect((await bind('ida.new')).id).toBe(back);
    expect((await bind('ida')).id).toBe(back);
    expect((await house.directory.standingOf('red', 'ida', [])).state).toBe('ended');
  });

  it('[directory:external] are found at sign-in by the id that their provider gives them, whatever name it shows', async () => {
    const id = await person('uma', okta, { externalId: '00u-uma' });
    await person('una', okta, { externalId: '00u-una' });
    const shown = { ...OKTA, subject: '00u-uma', name: 'uma@example.com', linkByName: false };
    expect((await house.directory.bind(shown)).id).toBe(id);
    expect((await house.directory.bind({ ...shown, name: 'una' })).id).toBe(id);
    expect((await house.directory.bind({ ...shown, provider: 'entra' })).id).not.toBe(id);
    await patch(`/Users/${id}`, { op: 'replace', value: { active: false } });
    await expect(house.directory.bind(shown)).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  it('[directory:renamed] end what acts for the name that somebody had, and do not lend the new one what is older', async () => {
    const id = await person('mia');
    await house.grant('g-mia', 'mia');
    await group('movers', [id]);
    await house.notices();
    await patch(`/Users/${id}`, { op: 'replace', value: { userName: 'mia.new' } });
    expect((await house.notices()).map(({ user, reason }) => `${user}: ${reason}`)).toEqual([
      'mia: renamed to mia.new',
      'mia.new: changed',
    ]);
    expect((await house.directory.standingOf('red', 'mia', ['movers'])).state).toBe('ended');
    expect(await house.directory.standingOf('red', 'mia.new', [])).toMatchObject({
      state: 'active',
      teams: ['movers'],
    });
    expect((await house.directory.standingOf('red', 'mia.new', [])).heirSinceMs).toBeGreaterThan(0);
    expect(await house.endOf('g-mia')).toBe('renamed to mia.new by provider:okta');
    expect(await person('mia')).not.toBe(id);
  });

  it('[directory:at-once] made by many at once are each made whole, and nobody stays in a team by a race', async () => {
    const ids = await Promise.all(Array.from({ length: 8 }, (_, index) => person(`crowd${index}`)));
    const crowd = await group('crowd', ids);
    await Promise.all([
      ...ids.slice(0, 4).map((id) => patch(`/Groups/${crowd}`, { op: 'remove', path: `members[value eq "${id}"]` })),
      ...ids.slice(4).map((id) => okta('DELETE', `/Users/${id}`)),
      ...ids.map((id) => patch(`/Users/${id}`, { op: 'replace', value: { title: 'x' } })),
    ]);
    for (const index of ids.keys()) expect(await teamsOf(`crowd${index}`)).toEqual([]);
    expect((await okta('GET', `/Groups/${crowd}`)).json()).toMatchObject({ members: [] });
  });
});

describe('whatever is sent', () => {
  it('[scim:fuzz] is answered soon, as SCIM has it, without a fault of ours or a row of another tenant', async () => {
    const known = await person('fuzz@example.com', okta, { emails: [{ value: 'f@example.com', type: 'work' }] });
    const crew = await group('fuzz', [known]);
    await fc.assert(
      fc.asyncProperty(scimRequests(known, crew, CANARY), async ([method, path, body]) => {
        const began = performance.now();
        const answer = await okta(method, path, body);
        expect(answer.status).toBeLessThan(500);
        if (answer.status !== 204) expect(answer.json<{ schemas: string[] }>().schemas.length).toBeGreaterThan(0);
        // What the request itself said may come back.
        if (!JSON.stringify([path, body]).includes(CANARY)) expect(answer.text).not.toContain(CANARY);
        expect(answer.text.length).toBeLessThan(1_000_000);
        expect(performance.now() - began).toBeLessThan(3_000);
      }),
      { numRuns: 300, endOnFailure: true },
    );
    expect(house.faults).toEqual([]);
    const blue = (await others('GET', '/Users')).json<{ Resources: { title?: string }[] }>().Resources;
    expect(blue.map(({ title }) => title)).toContain(CANARY);
    expect(blue.length).toBeLessThanOrEqual(2);
  }, 60_000);

  // The last: it takes away what the others left.
  it('[identity:admin-records] has the look at revocations tell that records of acts and of revocations wait for audit', async () => {
    expect(await house.recordsWait('all')).toBe(false);
    const renamed = { op: 'replace', path: 'displayName', value: 'waiting still' };
    await patch(`/Groups/${await group('waiting', [])}`, renamed);
    expect(await house.recordsWait('none')).toBe(true);
    expect(await house.recordsWait('all')).toBe(false);
    const leaving = await person('leaving@example.com');
    await patch(`/Users/${leaving}`, { op: 'replace', path: 'active', value: false });
    expect(await house.recordsWait('acts')).toBe(true);
    expect(await house.recordsWait('all')).toBe(false);
  });
});
