import { create } from '@bufbuild/protobuf';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import { Record_Kind } from '@sallyport/proto/audit/v1/audit_pb';
import { type Key, KeySchema, type KeySpec, KeySpecSchema } from '@sallyport/proto/identity/v1/identity_pb';
import { testConsole } from './testing/console.ts';

let suite: Awaited<ReturnType<typeof testConsole>>;
beforeAll(async () => {
  suite = await testConsole();
});
beforeEach(() => {
  suite.calls.length = 0;
  suite.committed.length = 0;
  Object.assign(suite.state, { identityDown: false, auditDown: false, failing: undefined });
});
afterAll(() => suite.close());

describe('authentication at the admin API', () => {
  it.each([
    ['no credential', undefined, ''],
    ['an unknown key', 'nobody', ', error="invalid_token"'],
  ])('[console:unauthenticated-401] answers 401 as a problem to %s', async (_name, who, fault) => {
    const { status, headers, body } = await suite.ask(who, 'GET', '/whoami');
    expect(status).toBe(401);
    expect(headers.get('content-type')).toContain('application/problem+json');
    expect(headers.get('www-authenticate')).toBe(`Bearer realm="sallyport"${fault}`);
    expect(body).toMatchObject({ code: 'unauthenticated', status: 401, type: 'urn:sallyport:error:unauthenticated' });
  });

  it.each(['Basic admin', 'Bearer', 'Bearer a b', 'admin'])('takes %j for no credential', async (authorization) => {
    const { status } = await suite.ask(undefined, 'GET', '/whoami', undefined, { authorization });
    expect(status).toBe(401);
  });

  it.each(['x-api-key', 'api-key', 'x-goog-api-key'])('[tokens:ingress] takes a key by %s', async (name) => {
    const { status, body } = await suite.ask(undefined, 'GET', '/whoami', undefined, { [name]: 'admin' });
    expect([status, body.id]).toEqual([200, 'key:admin']);
  });

  it('[tokens:ingress] [tokens:no-query] refuses two credentials, and one in the URL', async () => {
    const two = await suite.ask('admin', 'GET', '/whoami', undefined, { 'x-api-key': 'member' });
    expect(two).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    expect(await suite.ask('admin', 'GET', '/whoami?api_key=admin')).toMatchObject({ status: 400 });
    expect(await suite.ask('admin', 'GET', '/usage?key=k-1')).toMatchObject({ status: 200 });
  });

  it('[tokens:networks] tells identity where the client is, as the proxies say', async () => {
    const where = { 'x-forwarded-for': '10.9.9.9, 192.0.2.7' };
    await suite.ask('admin', 'GET', '/whoami', undefined, where);
    expect(suite.state.lastAddress).toBe('192.0.2.7');
  });

  it('[console:identity-down-503] answers 503, never 401, when keys cannot be checked', async () => {
    suite.state.identityDown = true;
    const { status, headers, body } = await suite.ask('admin', 'GET', '/whoami');
    expect(status).toBe(503);
    expect(headers.get('retry-after')).toBe('1');
    expect(body.code).toBe('unavailable');
  });

  it('[console:member-own] lets nobody in of whom it is not known who they are', async () => {
    expect(await suite.ask('nameless', 'GET', '/trajectories')).toMatchObject({ status: 503 });
  });

  it('keeps a key out whose scope is another endpoint, and lets one in whose glob covers it', async () => {
    expect((await suite.ask('narrow', 'GET', '/whoami')).status).toBe(403);
    expect((await suite.ask('globbed', 'GET', '/whoami')).body).toMatchObject({ id: 'key:globbed', role: 'Admin' });
  });

  it('[console:roles] lets each role do what is its, on every route', async () => {
    for (const route of suite.routes) {
      for (const [who, role] of [
        ['member', 'Member'],
        ['auditor', 'Auditor'],
        ['admin', 'Admin'],
      ] as const) {
        const path = route.path.replace('{id}', 'none');
        const body = route.method === 'get' ? undefined : { name: `by-${who}` };
        const { status } = await suite.ask(who, route.method.toUpperCase(), path, body);
        expect([`${who} ${route.operationId}`, status === 403]).toEqual([
          `${who} ${route.operationId}`,
          // A Member has the role for this where they own teams, which this one does not.
          !route.roles.includes(role) || (who === 'member' && route.operationId === 'createKey'),
        ]);
      }
    }
  });

  it('[console:team-owner] lets an owner of teams make a key of theirs, and hides all others', async () => {
    const made = await suite.ask('lead', 'POST', '/keys', { name: 'sales-bot', teams: ['sales'] });
    expect(made.status).toBe(201);
    const refused = await suite.ask('lead', 'POST', '/keys', { name: 'legal-bot', teams: ['legal'] });
    expect(refused).toMatchObject({ status: 403, body: { code: 'permission_denied' } });
    const { body } = await suite.ask('admin', 'POST', '/keys', { name: 'legal-bot', teams: ['legal'] });
    for (const [method, rest, status] of [
      ['GET', '', 404],
      ['PATCH', '', 404],
      ['POST', '/revoke', 404],
      ['POST', '/rotate', 404],
    ] as const) {
      const path = `/keys/${body.key.id}${rest}`;
      const answer = await suite.ask('lead', method, path, method === 'GET' ? undefined : {});
      expect([method, rest, answer.status]).toEqual([method, rest, status]);
    }
    expect((await suite.ask('lead', 'POST', `/keys/${made.body.key.id}/revoke`, {})).status).toBe(200);
    await suite.ask('lead', 'GET', '/keys');
    expect(suite.calls.at(-1)).toMatchObject({ method: 'list', request: { owner: 'lea', teams: ['sales'] } });
  });

  it('lets only Admins change anything, save that Members answer what names them and take back their own', () => {
    const keys = ['createKey', 'updateKey', 'revokeKey', 'rotateKey'];
    const own = ['decideApproval', 'revokeEndorsement', 'putCredential', 'removeCredential', ...keys];
    for (const route of suite.routes.filter(({ method }) => method !== 'get')) {
      expect(route.roles).toEqual(own.includes(route.operationId) ? ['Member', 'Admin'] : ['Admin']);
    }
  });
});

describe('what a Member sees', () => {
  const asked = () => suite.calls.filter(({ method }) => /Trajector|usage/.test(method)).map(({ request }) => request);
  const PATHS = ['/trajectories', '/trajectories/t1', '/usage?groupBy=model', '/trajectories?principalId=key:other'];

  it.each(PATHS)('[console:member-own] is bounded to the own key where it has no owner: %s', async (path) => {
    await suite.ask('member', 'GET', path);
    expect(asked()).toMatchObject([{ tenant: 'acme', principalIds: ['key:member'] }]);
  });

  it.each(PATHS)('[console:member-own] is bounded to the keys of the same owner: %s', async (path) => {
    const spec = (owner: string) => create(KeySpecSchema, { name: 'n', owner });
    for (const [tenant, id, owner] of [
      ['acme', 'laptop', 'alice'],
      ['acme', 'hers', 'eve'],
      ['globex', 'theirs', 'alice'],
    ] as const) {
      suite.keys.set(`${tenant}/${id}`, create(KeySchema, { id, tenant, spec: spec(owner), state: 'active' }));
    }
    await suite.ask('bot', 'GET', path);
    for (const id of ['acme/laptop', 'acme/hers', 'globex/theirs']) suite.keys.delete(id);
    expect(asked()).toHaveLength(1);
    const { principalIds } = asked()[0] as { principalIds: string[] };
    expect([...principalIds].sort()).toEqual(['key:bot', 'key:laptop', 'user:alice']);
  });

  it('shows all of the tenant to an Auditor', async () => {
    await suite.ask('auditor', 'GET', '/trajectories');
    await suite.ask('auditor', 'GET', '/trajectories/t1');
    for (const { request } of suite.calls) expect(request).toMatchObject({ tenant: 'acme', principalIds: [] });
  });
});

describe('answers', () => {
  it('shows a run with its records, money exact in both forms, and null for an unknown price', async () => {
    const { status, headers, body } = await suite.ask('auditor', 'GET', '/trajectories/t1');
    expect(status).toBe(200);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(body).toMatchObject({ id: 't1', costUsd: '0.00001275', costNanoUsd: 12_750 });
    expect(body.records[0]).toMatchObject({ kind: 'model_call', costUsd: null, attempts: [{ status: 200 }] });
  });

  it('groups usage as asked and says for which time', async () => {
    const { body } = await suite.ask('auditor', 'GET', '/usage?groupBy=customer,day&from=2026-01-01&to=2026-02-01');
    expect(suite.calls[0]?.request).toMatchObject({ groupBy: ['customer', 'day'] });
    expect(body).toMatchObject({
      from: '2026-01-01T00:00:00.000Z',
      to: '2026-02-01T00:00:00.000Z',
      rows: [{ group: { customer: 'x' }, costUsd: '1.5', requests: 2 }],
    });
  });

  it('follow the schema that the OpenAPI document shows', async () => {
    suite.approvals.put({ id: 'k1' });
    for (const route of suite.routes.filter((one) => one.method === 'get')) {
      const { status, body } = await suite.ask('admin', 'GET', route.path.replace('{id}', 'k1'));
      if (status === 200) route.response.parse(body);
      else expect([route.path, status]).toEqual(['/keys/{id}', 404]);
    }
  });

  it.each([
    ['/usage?groupBy=shoeSize', '/query/groupBy'],
    ['/usage?from=yesterday', '/query/from'],
    ['/trajectories?pageSize=0', '/query/pageSize'],
    ['/trajectories?pageSize=201', '/query/pageSize'],
    ['/trajectories?surprise=1', '/query'],
    ['/resources?kind=a&kind=b', '/query/kind'],
  ])('names the fault of %s', async (path, pointer) => {
    const { status, body } = await suite.ask('admin', 'GET', path);
    expect(status).toBe(400);
    expect(body).toMatchObject({ code: 'invalid_request', faults: [{ path: pointer }] });
  });

  it('refuse a span of time that is none', async () => {
    expect((await suite.ask('admin', 'GET', '/usage?from=2026-02-01&to=2026-01-01')).status).toBe(400);
  });

  it('are problems for unknown paths too', async () => {
    const { status, body } = await suite.ask('admin', 'GET', '/nothing');
    expect(status).toBe(404);
    expect(body).toMatchObject({ code: 'not_found', title: 'Not found' });
  });
});

describe('changes', () => {
  it('[console:admin-audited] are recorded before and after, durably, without any secret', async () => {
    const { status, body } = await suite.ask('admin', 'POST', '/keys', {
      name: 'bot',
      models: ['gpt-*'],
      role: 'Auditor',
    });
    expect(status).toBe(201);
    expect(body).toMatchObject({ key: { name: 'bot', role: 'Auditor', state: 'active' }, secret: 'sp-canary-secret' });
    const [intent, outcome] = suite.committed;
    expect(intent).toMatchObject({
      kind: Record_Kind.ADMIN,
      tenant: 'acme',
      principalId: 'key:admin',
      outcome: 'unknown',
    });
    expect(outcome).toMatchObject({ outcome: 'ok', intentId: intent?.id });
    expect(JSON.parse(outcome?.detailJson ?? '')).toMatchObject({
      action: 'keys.create',
      target: { kind: 'key', name: 'bot', id: body.key.id },
      change: { models: ['gpt-*'] },
    });
    expect(JSON.stringify(suite.committed)).not.toContain('canary');
  });

  it('[console:no-audit-no-change] are not made when they cannot be recorded', async () => {
    suite.state.auditDown = true;
    const { status, body } = await suite.ask('admin', 'POST', '/keys', { name: 'bot' });
    expect(status).toBe(503);
    expect(body.code).toBe('audit_unavailable');
    expect(suite.calls).toEqual([]);
  });

  it('pass a refusal on with its code and facts, and record it', async () => {
    const resource = { kind: 'VirtualKey', name: 'bot', uid: 'u1' };
    suite.state.failing = new GatewayError('conflict', 'A VirtualKey resource owns this key.', {
      details: { resource },
    });
    const { status, body } = await suite.ask('admin', 'POST', '/keys/k1/revoke', {});
    expect(status).toBe(409);
    expect(body).toMatchObject({ code: 'conflict', resource });
    expect(suite.committed[1]).toMatchObject({ outcome: 'error', errorCode: 'conflict', httpStatus: 409 });
  });

  it('merge a patch over the key as it is: null clears, what is left out stays', async () => {
    const made = await suite.ask('admin', 'POST', '/keys', {
      name: 'patched',
      owner: 'alice',
      models: ['a'],
      origin: 'human',
      instructionAuthority: { user: 'Typed' },
      expiresAt: '2030-01-01T00:00:00Z',
    });
    suite.calls.length = 0;
    const { status, body } = await suite.ask('admin', 'PATCH', `/keys/${made.body.key.id}`, {
      owner: null,
      models: ['b'],
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      name: 'patched',
      owner: null,
      models: ['b'],
      origin: 'human',
      instructionAuthority: { user: 'Typed' },
      expiresAt: '2030-01-01T00:00:00.000Z',
    });
  });

  it('[console:patch-keeps-others] lay a patch over what another admin changed meanwhile, and give up where that goes on', async () => {
    const { body } = await suite.ask('admin', 'POST', '/keys', { name: 'contested' });
    const other = (key: Key) => {
      key.revision += 1;
      (key.spec as KeySpec).disabled = true;
    };
    suite.state.beforeUpdate = (key) => {
      suite.state.beforeUpdate = undefined;
      other(key);
    };
    const patched = await suite.ask('admin', 'PATCH', `/keys/${body.key.id}`, { models: ['small'] });
    expect(patched).toMatchObject({ status: 200, body: { models: ['small'], disabled: true } });
    suite.state.beforeUpdate = other;
    const refused = await suite.ask('admin', 'PATCH', `/keys/${body.key.id}`, { models: ['large'] });
    suite.state.beforeUpdate = undefined;
    expect(refused).toMatchObject({ status: 409, body: { code: 'conflict' } });
  });

  it('rotate and revoke with an empty body, by the defaults', async () => {
    const made = await suite.ask('admin', 'POST', '/keys', { name: 'rotated' });
    const rotated = await suite.ask('admin', 'POST', `/keys/${made.body.key.id}/rotate`);
    expect(rotated.body.secret).toBe('sp-canary-next');
    expect((await suite.ask('admin', 'POST', `/keys/${made.body.key.id}/revoke`)).status).toBe(200);
    expect(suite.calls.map(({ method }) => method)).toEqual(['create', 'rotate', 'revoke']);
  });

  it('[console:idempotency-key] hand the idempotency key on, bound to who asks', async () => {
    await suite.ask('admin', 'POST', '/keys', { name: 'once' }, { 'idempotency-key': 'req-1' });
    expect(suite.calls[0]?.request).toMatchObject({ idempotencyKey: 'key:admin/req-1' });
    const bad = await suite.ask('admin', 'POST', '/keys', { name: 'once' }, { 'idempotency-key': 'a b' });
    expect(bad.status).toBe(400);
  });

  it.each([
    ['an unknown field', { name: 'a', sudo: true }, 400, 'invalid_request'],
    ['no name', {}, 400, 'invalid_request'],
    ['a role that is none', { name: 'a', role: 'Root' }, 400, 'invalid_request'],
    ['a key twice', '{"name":"a","name":"b"}', 400, 'duplicate_key'],
    ['no JSON', 'name=a', 400, 'invalid_request'],
    ['too deep', `{"name":${'['.repeat(40)}${']'.repeat(40)}}`, 400, 'body_too_deep'],
    ['too large', JSON.stringify({ name: 'x'.repeat(70_000) }), 413, 'body_too_large'],
  ])('refuse a body with %s', async (_name, body, status, code) => {
    const answer = await suite.ask('admin', 'POST', '/keys', body);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect(suite.calls).toEqual([]);
  });

  it('refuse a body that is not said to be JSON', async () => {
    const answer = await suite.ask('admin', 'POST', '/keys', '{"name":"a"}', { 'content-type': 'text/plain' });
    expect(answer.status).toBe(415);
  });
});

describe('the OpenAPI document', () => {
  it('[console:openapi] shows exactly the routes that are served, to anyone', async () => {
    const { status, body } = await suite.ask(undefined, 'GET', '/openapi.json');
    expect(status).toBe(200);
    expect(body.openapi).toBe('3.1.1');
    const shown = Object.entries<Record<string, unknown>>(body.paths).flatMap(([path, item]) =>
      Object.keys(item).map((method) => `${method} ${path}`),
    );
    expect(shown.sort()).toEqual(suite.routes.map((route) => `${route.method} /admin/v1${route.path}`).sort());
  });

  it('refers only to schemas that it has, and gives each operation its parameters', async () => {
    const { body } = await suite.ask(undefined, 'GET', '/openapi.json');
    const refs = [...JSON.stringify(body).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1] as string);
    expect(refs.length).toBeGreaterThan(5);
    for (const ref of new Set(refs)) {
      expect(ref).toMatch(/^#\/components\/schemas\//);
      expect(Object.keys(body.components.schemas)).toContain(ref.split('/').pop());
    }
    const create = body.paths['/admin/v1/keys'].post;
    expect(create.parameters.map((one: { name: string }) => one.name)).toEqual(['Idempotency-Key']);
    expect(create.requestBody.required).toBe(true);
    expect(body.paths['/admin/v1/keys/{id}/rotate'].post.requestBody.required).toBe(false);
    expect(body.paths['/admin/v1/keys/{id}'].get.parameters).toEqual([
      { name: 'id', in: 'path', required: true, schema: { type: 'string', minLength: 1, maxLength: 128 } },
    ]);
  });
});
