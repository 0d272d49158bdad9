import { randomBytes } from 'node:crypto';
import { create, fromBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { GatewayError } from '@sallyport/chassis/errors';
import { httpServer } from '@sallyport/chassis/http/server';
import { createLogger } from '@sallyport/chassis/log';
import { createMetrics } from '@sallyport/chassis/metrics';
import { sealer } from '@sallyport/chassis/seal';
import { createIngress } from '@sallyport/peers/ingress';
import {
  type Record as AuditRecord,
  GetTrajectoryResponseSchema,
  ListTrajectoriesResponseSchema,
  RecordSchema,
  UsageResponseSchema,
} from '@sallyport/proto/audit/v1/audit_pb';
import {
  CreateResponseSchema,
  type Key,
  KeySchema,
  KeySpecSchema,
  ListResponseSchema,
} from '@sallyport/proto/identity/v1/identity_pb';
import { ResolveAccessResponseSchema } from '@sallyport/proto/policy/v1/access_pb';
import { Principal_Kind, Principal_Role, PrincipalSchema } from '@sallyport/proto/principal/v1/principal_pb';
import { ListResponseSchema as ResourceListSchema } from '@sallyport/proto/resources/v1/resources_pb';
import { recordedBy } from '../admin-record.ts';
import { approvalDesk } from '../approvals.ts';
import { door } from '../approve/door.ts';
import { approvalPages } from '../approve/pages.ts';
import { personSessions } from '../approve/person-sessions.ts';
import { createSessions } from '../approve/session.ts';
import { keySignIn } from '../approve/sign-in.ts';
import { OWN_QUERIES } from '../caller.ts';
import type { Clients } from '../clients.ts';
import { ownPages } from '../me/pages.ts';
import { allRoutes } from '../routes/all.ts';
import { adminApp } from '../server.ts';
import { fakeApprovals } from './approvals.ts';
import { fakePeople } from './people.ts';
import { fakeOwned } from './vault.ts';

type PrincipalInit = MessageInitShape<typeof PrincipalSchema>;

/** Principals by the secret that a test presents. */
export const PRINCIPALS: Record<string, PrincipalInit> = {
  admin: principal('admin', Principal_Role.ADMIN),
  auditor: principal('auditor', Principal_Role.AUDITOR),
  member: principal('member', Principal_Role.MEMBER),
  approver: { ...principal('approver', Principal_Role.MEMBER), user: 'carol', teams: ['legal'] },
  second: { ...principal('second', Principal_Role.MEMBER), user: 'dave', teams: ['legal'] },
  bot: { ...principal('bot', Principal_Role.MEMBER), user: 'alice', teams: ['sales'] },
  lead: { ...principal('lead', Principal_Role.MEMBER), user: 'lea', teams: ['sales'], ownedTeams: ['sales'] },
  stranger: { ...principal('stranger', Principal_Role.MEMBER), user: 'eve' },
  foreign: { ...principal('foreign', Principal_Role.ADMIN), tenant: 'globex', user: 'mallory' },
  nameless: { ...principal('nameless', Principal_Role.MEMBER), id: '' },
  narrow: { ...principal('narrow', Principal_Role.ADMIN), endpoints: ['chat.*'] },
  globbed: { ...principal('globbed', Principal_Role.ADMIN), endpoints: ['chat.completions', 'adm*'] },
};

function principal(id: string, role: Principal_Role): PrincipalInit {
  return { tenant: 'acme', kind: Principal_Kind.KEY, id: `key:${id}`, keyId: id, name: id, role };
}

/** Console over peers that answer from memory; `calls` is what they were asked, `committed` what was recorded. */
export async function testConsole() {
  const calls: { readonly method: string; readonly request: unknown }[] = [];
  const committed: AuditRecord[] = [];
  const state = {
    identityDown: false,
    /** Tools that an AccessPolicy lets everybody use. */
    tools: ['*/*'],
    auditDown: false,
    /** Where identity was last told that a client is. */
    lastAddress: '',
    /** How far the clock of the pages is ahead, ms. */
    skewMs: 0,
    failing: undefined as GatewayError | undefined,
    /** Changes a key that is about to be updated, as another admin would. */
    beforeUpdate: undefined as ((key: Key) => void) | undefined,
  };
  const keys = new Map<string, Key>();
  const addKeys = () => {
    for (const {
      tenant = '',
      keyId: id = '',
      name = '',
      user: owner = '',
      teams = [],
      role = 0,
      endpoints = [],
    } of Object.values(PRINCIPALS)) {
      const spec = create(KeySpecSchema, { name, owner, teams, role, endpoints });
      keys.set(`${tenant}/${id}`, create(KeySchema, { id, tenant, spec, state: 'active', revision: 1 }));
    }
  };
  addKeys();
  const approvals = await fakeApprovals();
  const answer = <T>(method: string, request: unknown, make: () => T): Promise<T> => {
    calls.push({ method, request });
    return state.failing === undefined ? Promise.resolve(make()) : Promise.reject(state.failing);
  };
  const present = (tenant: string | undefined, id: string | undefined): Key => {
    const key = keys.get(`${tenant}/${id}`);
    if (key === undefined) throw new GatewayError('not_found', 'There is no such key.');
    return key;
  };
  const people = fakePeople(answer);
  const clients: Clients = {
    approvals: approvals.client,
    authentication: {
      async authenticate(request) {
        if (state.identityDown) throw new GatewayError('internal', 'The database is away.');
        state.lastAddress = request.address ?? '';
        const found = PRINCIPALS[request.secret ?? ''];
        if (found === undefined) throw new GatewayError('unauthenticated', 'The credential is not valid.');
        return { principal: create(PrincipalSchema, found), cacheTtlMs: 0 } as never;
      },
    },
    keys: {
      create: (request) =>
        answer('create', request, () => {
          const id = `k${keys.size + 1}`;
          const { tenant = '', spec } = request;
          const key = create(KeySchema, {
            id,
            tenant,
            spec: create(KeySpecSchema, spec),
            prefix: 'sp-aaaaaaaa',
            state: 'active',
            createdAtMs: 1,
            revision: 1,
          });
          keys.set(`${tenant}/${id}`, key);
          return create(CreateResponseSchema, { key, secret: 'sp-canary-secret' });
        }),
      update: (request) =>
        answer('update', request, () => {
          const key = present(request.tenant, request.id);
          state.beforeUpdate?.(key);
          if (request.expectedRevision !== key.revision) {
            throw new GatewayError('conflict', 'Changed meanwhile.', { details: { revision: key.revision } });
          }
          return { key: create(KeySchema, { ...key, spec: create(KeySpecSchema, request.spec) }) } as never;
        }),
      revoke: (request) => answer('revoke', request, () => ({ key: present(request.tenant, request.id) }) as never),
      rotate: (request) =>
        answer(
          'rotate',
          request,
          () => ({ key: present(request.tenant, request.id), secret: 'sp-canary-next' }) as never,
        ),
      async get(request) {
        const key = present(request.tenant, request.id);
        const found = Object.values(PRINCIPALS).find((one) => one.tenant === key.tenant && one.keyId === key.id);
        const acts = key.state === 'active' && found !== undefined;
        return { key, ...(acts ? { principal: create(PrincipalSchema, found) } : {}) } as never;
      },
      list: (request) =>
        answer('list', request, () => create(ListResponseSchema, { keys: [...keys.values()], nextPageToken: 'more' })),
    },
    access: {
      resolveAccess: (request) =>
        answer('resolveAccess', request, () =>
          create(ResolveAccessResponseSchema, { grants: [{ policy: 'all', tools: state.tools }] }),
        ),
    },
    ...people.clients,
    owned: fakeOwned(answer),
    queries: {
      listTrajectories: (request) => answer('listTrajectories', request, () => create(ListTrajectoriesResponseSchema)),
      getTrajectory: (request) =>
        answer('getTrajectory', request, () =>
          create(GetTrajectoryResponseSchema, {
            trajectory: {
              id: request.id ?? '',
              principalId: 'key:member',
              startedAtMs: 1,
              lastAtMs: 2,
              costNanoUsd: 12_750,
            },
            records: [
              { id: 'r1', kind: 1, startedAtMs: 1, outcome: 'ok', costNanoUsd: -1, attemptsJson: '[{"status":200}]' },
            ],
          }),
        ),
      usage: (request) =>
        answer('usage', request, () =>
          create(UsageResponseSchema, {
            rows: [{ group: { customer: 'x' }, requests: 2, costNanoUsd: 1_500_000_000 }],
          }),
        ),
    },
    records: {
      async commit(request) {
        if (state.auditDown) throw new GatewayError('unavailable', 'audit is away');
        committed.push(...(request.records ?? []).map((record) => fromBinary(RecordSchema, record)));
        return {} as never;
      },
    },
    resources: {
      list: (request) =>
        answer('listResources', request, () =>
          create(ResourceListSchema, {
            resources: [{ kind: 'Model', tenant: 'acme', name: 'm', uid: 'u', generation: 1, specJson: '{"a":1}' }],
          }),
        ),
    },
  };
  const lines: string[] = [];
  const log = createLogger({ service: 'console', write: (line) => lines.push(line) });
  const recorded = recordedBy(clients.records);
  const desk = approvalDesk(clients, recorded);
  const routes = allRoutes(clients, recorded, desk);
  const metrics = createMetrics('console', { defaults: false });
  const proxies = { trustedProxies: ['127.0.0.0/8', '::1/128'], forwardedHeader: 'x-forwarded-for' } as const;
  const ingress = createIngress(proxies, { log, metrics }, OWN_QUERIES);
  const opened = door({
    signIn: keySignIn(clients),
    people: personSessions(clients),
    ingress,
    sessions: createSessions(sealer([{ id: 't', key: randomBytes(32) }]), () => Date.now() + state.skewMs),
    alwaysSecure: false,
  });
  const app = adminApp({
    routes,
    pages: [
      approvalPages({ desk, clients, door: opened, requestTimeoutMs: 5000, now: () => Date.now() + state.skewMs }),
      ownPages({
        clients,
        desk,
        door: opened,
        recorded,
        publicUrl: 'https://gate.example',
        requestTimeoutMs: 5000,
      }),
    ],
    ingress,
    identity: clients.authentication,
    log,
    metrics,
    requestTimeoutMs: 5000,
  });
  const server = httpServer({ listen: { host: '127.0.0.1', port: 0 }, app, log });
  await server.start();
  /** Asks as the principal named; `body` is sent as JSON unless it is text. */
  const ask = async (
    who: string | undefined,
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ) => {
    const response = await fetch(`http://127.0.0.1:${server.port()}/admin/v1${path}`, {
      method,
      headers: {
        ...(who === undefined ? {} : { authorization: `Bearer ${who}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
  };
  return {
    calls,
    committed,
    lines,
    state,
    routes,
    approvals,
    clients,
    people,
    keys,
    addKeys,
    ask,
    url: `http://127.0.0.1:${server.port()}`,
    async close() {
      await server.stop(Date.now() + 1000);
      await approvals.close();
    },
  };
}
