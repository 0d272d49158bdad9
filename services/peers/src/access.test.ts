import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import { inProcess } from '@sallyport/chassis/rpc/testing';
import {
  AccessGrant_ClientTools,
  type AccessGrantSchema,
  AccessService,
  ResolveAccessResponseSchema,
} from '@sallyport/proto/policy/v1/access_pb';
import { PrincipalSchema } from '@sallyport/proto/principal/v1/principal_pb';
import fc from 'fast-check';
import { accessCache, matcher, readAccess } from './access.ts';

const grant = (fields: Omit<MessageInitShape<typeof AccessGrantSchema>, '$typeName'>) => ({
  policy: 'p',
  models: [],
  tools: [],
  endpoints: ['*'],
  clientTools: AccessGrant_ClientTools.DECIDE,
  ...fields,
});
const read = (...grants: ReturnType<typeof grant>[]) => readAccess(create(ResolveAccessResponseSchema, { grants }));
const principal = (fields: MessageInitShape<typeof PrincipalSchema> = {}) =>
  create(PrincipalSchema, { tenant: 'default', id: 'key:1', revision: '1', ...fields });

describe('passthrough', () => {
  const door = { provider: 'openai', methods: ['GET', 'POST'], paths: ['/vector_stores/*', '/models'] };

  it.each([
    ['openai', 'GET', '/models', true],
    ['openai', 'POST', '/vector_stores/vs_1/search', true],
    ['openai', 'DELETE', '/models', false],
    ['openai', 'GET', '/models/x', false],
    ['openai', 'GET', '/vector_stores', false],
    ['other', 'GET', '/models', false],
  ])('[passthrough:explicit] to %s by %s %s is %s', (provider, method, path, allowed) => {
    expect(read(grant({ passthrough: [door] })).allowsPassthrough(provider, method, path)).toBe(allowed);
    expect(read(grant({})).allowsPassthrough(provider, method, path)).toBe(false);
  });

  it('[passthrough:explicit] needs the endpoint in the same grant, and every bound', () => {
    const opened = grant({ passthrough: [door], endpoints: ['messages'] });
    expect(read(opened, grant({})).allowsPassthrough('openai', 'GET', '/models')).toBe(false);
    const grants = [grant({ passthrough: [door] })];
    const bounded = (bound: ReturnType<typeof grant>) =>
      readAccess(create(ResolveAccessResponseSchema, { grants, bounds: [{ of: 'user:ann', grants: [bound] }] }));
    expect(bounded(grant({})).allowsPassthrough('openai', 'GET', '/models')).toBe(false);
    expect(bounded(grant({ passthrough: [door] })).allowsPassthrough('openai', 'GET', '/models')).toBe(true);
  });
});

describe('matcher', () => {
  it.each([
    [[], 'a', false],
    [['a'], 'a', true],
    [['a'], 'ab', false],
    [['*'], '', true],
    [['gpt-*'], 'gpt-4o', true],
    [['gpt-*'], 'xgpt-4o', false],
    [['*-mini'], 'gpt-4o-mini', true],
    [['g*o*i'], 'gpt-4o-mini', true],
    [['ab*ba'], 'aba', false],
    [['a*b*b'], 'ab', false],
    [['**'], 'x', true],
    [['mail/*'], 'mail/send', true],
    [['mail/*'], 'mailx/send', false],
    [['a.c'], 'abc', false],
  ] as const)('%j on %j gives %j', (globs, name, matches) => {
    expect(matcher(globs)(name)).toBe(matches);
  });

  it('[peers:glob] agrees with a regular expression on any globs and names', () => {
    const text = (extra: string) =>
      fc.array(fc.constantFrom(...`ab./-${extra}`), { maxLength: 8 }).map((letters) => letters.join(''));
    fc.assert(
      fc.property(fc.array(text('*'), { maxLength: 4 }), text(''), (globs, name) => {
        const oracle = globs.some((glob) =>
          new RegExp(`^${glob.replace(/[.\-/]/g, '\\$&').replaceAll('*', '.*')}$`).test(name),
        );
        expect(matcher(globs)(name)).toBe(oracle);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('readAccess', () => {
  it('[peers:access-deny-by-default] allows nothing without a grant', () => {
    const access = read();
    expect(access.allowsModel('m')).toBe(false);
    expect(access.allowsTool('s', 't')).toBe(false);
    expect(access.allowsEndpoint('messages')).toBe(false);
    expect(access.clientTools).toBe(false);
  });

  it('adds grants up', () => {
    const access = read(grant({ models: ['gpt-*'] }), grant({ models: ['claude-*'], tools: ['mail/read'] }));
    expect([access.allowsModel('gpt-4o'), access.allowsModel('claude-5'), access.allowsModel('llama')]).toEqual([
      true,
      true,
      false,
    ]);
    expect([access.allowsTool('mail', 'read'), access.allowsTool('mail', 'send')]).toEqual([true, false]);
  });

  it('[peers:client-tools-deny] lets one policy deny client-declared tools', () => {
    expect(read(grant({}), grant({ clientTools: AccessGrant_ClientTools.DENY })).clientTools).toBe(false);
    expect(read(grant({})).clientTools).toBe(true);
  });
});

describe('accessCache', () => {
  const closing: (() => Promise<void>)[] = [];
  afterEach(async () => {
    jest.restoreAllMocks();
    for (const close of closing.splice(0)) await close();
  });
  const later = (ms: number) => {
    const now = performance.now.bind(performance);
    jest.spyOn(performance, 'now').mockImplementation(() => now() + ms);
  };

  async function cacheOver(cacheTtlMs: number) {
    const state = { asked: 0, models: ['a'], failing: false };
    const listeners = new Set<(kind: string) => void>();
    const policy = await inProcess(AccessService, {
      async resolveAccess() {
        state.asked++;
        if (state.failing) throw new GatewayError('unavailable', 'Away.', { retryAfterMs: 1 });
        return { grants: [grant({ models: state.models })], cacheTtlMs };
      },
    });
    closing.push(policy.close);
    const cache = accessCache({
      client: policy.client,
      snapshot: {
        onChange(listener) {
          listeners.add(listener);
          return () => listeners.delete(listener);
        },
      },
    });
    const changed = (kind: string) => {
      for (const listener of listeners) listener(kind);
    };
    return { state, cache, changed };
  }

  it('[peers:no-hop-when-warm] asks policy once for a principal, also for requests at the same time', async () => {
    const { state, cache } = await cacheOver(60_000);
    await Promise.all([cache.accessOf(principal()), cache.accessOf(principal()), cache.accessOf(principal())]);
    await cache.accessOf(principal());
    expect(state.asked).toBe(1);
  });

  it('asks apart for another tenant, another principal and an edited credential', async () => {
    const { state, cache } = await cacheOver(60_000);
    await cache.accessOf(principal());
    await cache.accessOf(principal({ tenant: 'other' }));
    await cache.accessOf(principal({ id: 'key:2' }));
    await cache.accessOf(principal({ revision: '2' }));
    expect(state.asked).toBe(4);
  });

  it('[peers:access-standing] asks apart for what policies select a principal by, so that who left a team has nothing of it', async () => {
    const { state, cache } = await cacheOver(60_000);
    const fields = [{}, { teams: ['support'] }, { userTeams: ['a'] }, { claimsJson: '{"a":1}' }, { client: 'desk' }];
    for (const one of fields) await cache.accessOf(principal(one));
    await cache.accessOf(principal({ actors: [{ id: 'client:desk', kind: 'client' }] }));
    expect(state.asked).toBe(6);
    for (const one of fields) await cache.accessOf(principal(one));
    expect(state.asked).toBe(6);
  });

  it('[peers:access-follows-policy] drops what it knew when AccessPolicy changes, and nothing for other kinds', async () => {
    const { state, cache, changed } = await cacheOver(60_000);
    expect((await cache.accessOf(principal())).allowsModel('a')).toBe(true);
    state.models = [];
    changed('Model');
    expect((await cache.accessOf(principal())).allowsModel('a')).toBe(true);
    changed('AccessPolicy');
    expect((await cache.accessOf(principal())).allowsModel('a')).toBe(false);
  });

  it('[peers:access-policy-lags] keeps an answer only briefly while policy may not have heard of the change', async () => {
    const { state, cache, changed } = await cacheOver(60_000);
    changed('AccessPolicy');
    expect((await cache.accessOf(principal())).allowsModel('a')).toBe(true);
    state.models = [];
    later(300);
    expect((await cache.accessOf(principal())).allowsModel('a')).toBe(false);
  });

  it('[peers:access-away] goes on for the life of the answer while policy is away, then says unavailable', async () => {
    const { state, cache } = await cacheOver(60_000);
    await cache.accessOf(principal());
    state.failing = true;
    expect((await cache.accessOf(principal())).allowsModel('a')).toBe(true);
    later(60_001);
    await expect(cache.accessOf(principal())).rejects.toMatchObject({ code: 'unavailable' });
  });
});

describe('bounds', () => {
  it('[peers:bounds] what grants allow every bound must allow too, and a bound without grants allows nothing', () => {
    const wide = grant({ models: ['*'], tools: ['*/*'], endpoints: ['*'] });
    const narrow = grant({ models: ['small'], tools: ['mail/*'], endpoints: ['mcp'] });
    const access = (...bounds: (typeof wide)[][]) =>
      readAccess(
        create(ResolveAccessResponseSchema, {
          grants: [wide],
          bounds: bounds.map((grants) => ({ of: 'user:ann', grants })),
        }),
      );
    const bound = access([narrow]);
    expect([bound.allowsModel('small'), bound.allowsModel('big')]).toEqual([true, false]);
    expect([bound.allowsTool('mail', 'read'), bound.allowsTool('crm', 'read')]).toEqual([true, false]);
    expect([bound.allowsServer('mail'), bound.allowsServer('crm')]).toEqual([true, false]);
    expect([bound.allowsEndpoint('mcp'), bound.allowsEndpoint('messages')]).toEqual([true, false]);
    expect(access().allowsModel('big')).toBe(true);
    const nobody = access([narrow], []);
    expect([nobody.allowsModel('small'), nobody.allowsServer('mail'), nobody.clientTools]).toEqual([
      false,
      false,
      false,
    ]);
  });
});
