import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import type { Model, Target } from '../catalog.ts';
import { route } from '../turn/route.ts';
import { type TurnInit, turnOf } from '../turn/testing.ts';
import type { Cause } from './compiled.ts';
import { residents } from './eligible.ts';
import type { RouteGate } from './plan.ts';
import { RoutingState } from './state.ts';
import { Clock, routedModel, seeded } from './testing.ts';

interface World {
  readonly gate: RouteGate;
  readonly clock: Clock;
}

function worldOf(models: readonly Model[] = []): World {
  const clock = new Clock();
  const catalog = {
    find: (_tenant: string, name: string) => models.find(({ publicName }) => publicName === name),
    list: () => models,
    providers: () => [],
  };
  const gate = { routing: new RoutingState({ now: clock.now, random: seeded(3) }), catalog } as unknown as RouteGate;
  return { gate, clock };
}

/** Providers in the order in which a request goes to them where each fails with a cause; the last entry is a refusal. */
function path(world: World, init: TurnInit, causes: readonly Cause[] = []): string[] {
  const turn = turnOf(init);
  try {
    const plan = route(turn);
    const gone: string[] = [];
    let step = plan.next(world.gate);
    for (const cause of [...causes, undefined]) {
      if (step === undefined) return [...gone, 'end'];
      gone.push(step.target.provider.name);
      if (cause === undefined) return gone;
      step = plan.next(world.gate, cause);
    }
    return gone;
  } catch (error) {
    if (error instanceof GatewayError) return [`${error.code} ${String(error.details?.param ?? '')}`.trim()];
    throw error;
  }
}

const trip = ({ gate }: World, target: Target | undefined) => {
  const { breaker } = gate.routing.of(target as Target);
  const options = { failurePercent: 50, minimumCalls: 1, windowMs: 1_000, openMs: 5_000, probes: 1 };
  breaker.end('call', 'failed', gate.routing.now(), options);
};

describe('where a request goes', () => {
  it('[routing:plain] a Model with one target has a plan that is made once', () => {
    const model = routedModel({ a: {} });
    expect(route(turnOf({ model }))).toBe(route(turnOf({ model })));
    expect(path(worldOf(), { model }, ['Error'])).toEqual(['a', 'end']);
  });

  it('[routing:fallback-lists] goes on within its Model for the causes that it names, then to the list of the cause', () => {
    const spec = {
      fallbackOn: ['Error'],
      fallbacks: { errors: ['e'], contextWindow: ['c'], contentPolicy: ['p'], budget: ['b'] },
    };
    const others = ['e', 'c', 'p', 'b'].map((name) => routedModel({ [`at-${name}`]: {} }, {}, { name }));
    const model = routedModel({ a: {}, b: {} }, spec);
    const world = worldOf(others);
    expect(path(world, { model }, ['Error', 'Error', 'Error'])).toEqual(['a', 'b', 'at-e', 'end']);
    expect(path(world, { model }, ['RateLimit'])).toEqual(['a', 'at-e']);
    expect(path(world, { model }, ['ContextWindow'])).toEqual(['a', 'at-c']);
    expect(path(world, { model }, ['ContentPolicy'])).toEqual(['a', 'at-p']);
    expect(path(world, { model }, ['Budget'])).toEqual(['a', 'at-b']);
  });

  it('[routing:fallback-access] passes over a fallback Model that the caller may not use', () => {
    const others = [routedModel({ x: {} }, {}, { name: 'secret' }), routedModel({ y: {} }, {}, { name: 'open' })];
    const model = routedModel({ a: {} }, { fallbacks: { errors: ['secret', 'open'] } });
    const principal = { models: ['m', 'open'] };
    expect(path(worldOf(others), { model, principal }, ['Error', 'Error'])).toEqual(['a', 'y', 'end']);
  });

  it('[routing:fallback-access] reaches no Model that puts texts into requests by a list of the client', () => {
    const spec = { decoration: { prepend: ['Be kind.'] } };
    const others = [routedModel({ x: {} }, spec, { name: 'kind' }), routedModel({ y: {} }, {}, { name: 'open' })];
    const model = routedModel({ a: {} });
    const body = { model: 'm', models: ['kind', 'open'] };
    expect(path(worldOf(others), { model, body }, ['Error', 'Error'])).toEqual(['a', 'y', 'end']);
  });

  it('[routing:asked-fallbacks] goes to what the client names for a cause before all else, and for no other cause', () => {
    const others = ['c', 'p', 'e', 'own'].map((name) => routedModel({ [`at-${name}`]: {} }, {}, { name }));
    const world = worldOf(others);
    const model = routedModel({ a: {}, b: {} }, { fallbackOn: ['Error'], fallbacks: { contextWindow: ['own'] } });
    const body = { context_window_fallbacks: [{ m: ['c'] }], content_policy_fallbacks: ['p'] };
    expect(path(world, { model, body }, ['ContextWindow', 'ContextWindow', 'Error'])).toEqual([
      'a',
      'at-c',
      'at-own',
      'end',
    ]);
    expect(path(world, { model, body }, ['ContentPolicy', 'ContentPolicy'])).toEqual(['a', 'at-p', 'end']);
    expect(path(world, { model, body }, ['Error', 'Error'])).toEqual(['a', 'b', 'end']);
    // Its targets are tried for the causes that its Model names, and no others.
    expect(path(world, { model, body }, ['RateLimit'])).toEqual(['a', 'end']);
    const both = { ...body, models: ['e'] };
    expect(path(world, { model, body: both }, ['ContextWindow', 'ContextWindow', 'Error'])).toEqual([
      'a',
      'b',
      'at-c',
      'at-e',
    ]);
  });

  it('[routing:asked-fallbacks] reaches no Model that the caller may not use, that puts texts in, or that does not exist', () => {
    const kind = { decoration: { prepend: ['Be kind.'] } };
    const others = [
      routedModel({ x: { region: 'eu' } }, {}, { name: 'secret' }),
      routedModel({ y: { region: 'eu' } }, kind, { name: 'kind' }),
      routedModel({ us: { region: 'us' } }, {}, { name: 'abroad' }),
      routedModel({ dumb: { region: 'eu', capabilities: { tools: false } } }, {}, { name: 'dumb' }),
      routedModel({ eu2: { region: 'eu' } }, {}, { name: 'open' }),
    ];
    const model = routedModel(
      { eu: { region: 'eu' } },
      { routing: { strategy: 'Priority', residency: [{ regions: ['eu'] }] } },
    );
    const principal = { models: ['m', 'kind', 'abroad', 'dumb', 'open'] };
    const named = ['nobody', 'secret', 'kind', 'abroad', 'dumb', 'open'];
    const tools = [{ type: 'function', function: { name: 'f' } }];
    for (const [field, cause] of [
      ['context_window_fallbacks', 'ContextWindow'],
      ['content_policy_fallbacks', 'ContentPolicy'],
    ] as const) {
      const body = { tools, [field]: named };
      expect(path(worldOf(others), { model, principal, body }, [cause, cause])).toEqual(['eu', 'eu2', 'end']);
    }
  });

  it('[routing:residency] keeps what must stay in a region there, fallback included', () => {
    const other = routedModel({ us2: { region: 'us' }, eu2: { region: 'eu-north-1' } }, {}, { name: 'other' });
    const spec = {
      routing: { strategy: 'Priority', residency: [{ regions: ['eu'] }] },
      fallbacks: { errors: ['other'] },
    };
    const model = routedModel({ us: { region: 'us' }, somewhere: {}, eu: { region: 'eu-west-1' } }, spec);
    expect(path(worldOf([other]), { model }, ['Error', 'Error'])).toEqual(['eu', 'eu2', 'end']);
    const nowhere = routedModel({ us: { region: 'us' }, jp: { region: 'jp' } }, spec);
    expect(path(worldOf([]), { model: nowhere })).toEqual(['permission_denied region']);
    // A client may narrow, also of a Model that says nothing.
    const free = routedModel({ us: { region: 'us' } });
    const headers = { 'sallyport-region': 'eu' };
    expect(path(worldOf(), { model: free, headers })).toEqual(['permission_denied sallyport-region']);
  });

  it('[routing:residency] tokens are counted only where the request might be served', () => {
    const spec = { routing: { strategy: 'Priority', residency: [{ regions: ['eu'], forTags: ['gdpr'] }] } };
    const model = routedModel({ us: { region: 'us' }, eu: { region: 'eu' } }, spec);
    const first = (tags: string[], headers = {}) =>
      residents(model, { tags, mayAssert: [] }, headers)[0]?.provider.name;
    expect(first([])).toBe('us');
    expect(first(['gdpr'])).toBe('eu');
    expect(first([], { 'sallyport-tags': 'a, gdpr' })).toBe('eu');
    expect(first([], { 'sallyport-region': 'eu' })).toBe('eu');
    expect(first([], { 'sallyport-region': 'jp' })).toBeUndefined();
    // A tag that the caller may not assert opens no target.
    const reserved = routedModel({ vip: { forTags: ['vip'] }, all: {} });
    const [of] = residents(reserved, { tags: [], mayAssert: [] }, { 'sallyport-tags': 'vip' });
    expect(of?.provider.name).toBe('all');
    const [asserted] = residents(reserved, { tags: [], mayAssert: ['tags'] }, { 'sallyport-tags': 'vip' });
    expect(asserted?.provider.name).toBe('vip');
  });

  it('[routing:tags] keeps targets for requests with their tags', () => {
    const model = routedModel({ reserved: { forTags: ['vip'] }, all: {} });
    expect(path(worldOf(), { model })).toEqual(['all']);
    expect(path(worldOf(), { model, principal: { tags: ['vip'] } }, ['Error'])).toEqual(['reserved', 'all']);
  });

  it('[routing:capability] never goes to a target that is known not to be able to serve, and says what it lacks', () => {
    const tools = [{ type: 'function', function: { name: 'f' } }];
    const dumb = { capabilities: { tools: false } };
    const model = routedModel({ a: {}, dumb, b: {} });
    expect(path(worldOf(), { model, body: { tools } }, ['Error', 'Error'])).toEqual(['a', 'b', 'end']);
    expect(path(worldOf(), { model }, ['Error'])).toEqual(['a', 'dumb']);
    expect(path(worldOf(), { model: routedModel({ dumb }), body: { tools } })).toEqual(['unsupported tools']);
    const short = { capabilities: { contextTokens: 10 } };
    const long = { messages: [{ role: 'user', content: 'x'.repeat(400) }] };
    expect(path(worldOf(), { model: routedModel({ short, a: {} }), body: long })).toEqual(['a']);
    const seed = { capabilities: { seed: false } };
    expect(path(worldOf(), { model: routedModel({ seed }), body: { seed: 1 } })).toEqual(['unsupported seed']);
    expect(path(worldOf(), { model: routedModel({ seed }, { unsupported: 'Drop' }), body: { seed: 1 } })).toEqual([
      'seed',
    ]);
  });

  it('[routing:context-window] a longer window is looked for, not one that is as short', () => {
    const window = (contextTokens: number) => ({ capabilities: { contextTokens } });
    const model = routedModel(
      { small: window(1_000), same: window(1_000), unknown: {}, large: window(9_000) },
      { fallbackOn: ['ContextWindow'] },
    );
    expect(path(worldOf(), { model }, ['ContextWindow', 'ContextWindow'])).toEqual(['small', 'unknown', 'large']);
  });

  it('[routing:breaker-route] leaves a shut target alone, probes it when its time is over, and says when to come back', () => {
    const model = routedModel({ a: {}, b: {} });
    const world = worldOf();
    trip(world, model.targets[0]);
    expect(path(world, { model })).toEqual(['b']);
    world.clock.ms = 5_000;
    expect(path(world, { model })).toEqual(['a']);
    const both = worldOf();
    for (const target of model.targets) trip(both, target);
    expect(() => route(turnOf({ model })).next(both.gate)).toThrow(
      expect.objectContaining({ code: 'unavailable', retryAfterMs: 5_000 }),
    );
    // Where there is nothing else to try, and nobody asked for it, a breaker would only make an outage of its own.
    const sole = routedModel({ a: {} });
    const alone = worldOf();
    trip(alone, sole.targets[0]);
    expect(path(alone, { model: sole })).toEqual(['a']);
    const declared = routedModel(
      { a: {} },
      { breaker: { failurePercent: 50, minimumCalls: 1, windowSeconds: 1, openSeconds: 5, probes: 1 } },
    );
    trip(alone, declared.targets[0]);
    expect(path(alone, { model: declared })).toEqual(['unavailable']);
  });

  it('[routing:rest] a target that asked for quiet is left alone; where all did, the caller is told to wait', () => {
    const model = routedModel({ a: {}, b: {} });
    const { gate } = worldOf();
    gate.routing.of(model.targets[0] as Target).restUntil = 2_000;
    expect(path({ gate, clock: new Clock() }, { model })).toEqual(['b']);
    gate.routing.of(model.targets[1] as Target).restUntil = 7_000;
    expect(() => route(turnOf({ model })).next(gate)).toThrow(
      expect.objectContaining({ code: 'rate_limited', retryAfterMs: 2_000 }),
    );
  });

  it('[routing:rest] forgets a target that nobody called for long, and begins anew with it', () => {
    const { gate, clock } = worldOf();
    const [target] = routedModel({ a: {} }).targets as [Target];
    const before = gate.routing.of(target);
    expect([gate.routing.of(target), gate.routing.targets()]).toEqual([before, [before]]);
    clock.ms = 700_000;
    expect(gate.routing.targets()).toEqual([]);
    const after = gate.routing.of(target);
    expect(after).not.toBe(before);
    expect(gate.routing.targets()).toEqual([after]);
  });

  it('[routing:capacity] goes by a target that is full while another has room, and queues only where none has', () => {
    const capacity = { maxConcurrent: 1, adaptive: true, queue: { size: 1, waitSeconds: 1 } };
    const model = routedModel({ a: { capacity }, b: { capacity } });
    const world = worldOf();
    world.gate.routing.of(model.targets[0] as Target).inFlight = 1;
    expect(path(world, { model })).toEqual(['b']);
    world.gate.routing.of(model.targets[1] as Target).inFlight = 1;
    const step = route(turnOf({ model })).next(world.gate);
    expect([step?.target.provider.name, step?.why]).toEqual(['a', 'priority 0, full']);
  });

  it('[routing:degrade] gives less where budget or capacity is short, and only then', () => {
    const small = routedModel({ mini: {} }, {}, { name: 'small' });
    const world = worldOf([small]);
    const model = routedModel({ a: {} }, { degrade: { causes: ['Budget'], models: ['small'], maxOutputTokens: 64 } });
    expect(path(world, { model }, ['Budget', 'Error'])).toEqual(['a', 'mini', 'end']);
    expect(path(world, { model }, ['RateLimit'])).toEqual(['a', 'end']);
    const fewer = routedModel({ a: {} }, { degrade: { causes: ['Capacity', 'Budget'], maxOutputTokens: 64 } });
    const plan = route(turnOf({ model: fewer }));
    plan.next(world.gate);
    expect(plan.next(world.gate, 'Budget')).toMatchObject({ maxTokens: 64, why: 'degraded for budget: priority 0' });
    expect(plan.next(world.gate, 'Budget')).toBeUndefined();
  });

  it('[routing:classes] a class has a strategy of its own, by header or endpoint', () => {
    const classes = [{ name: 'Batch', strategy: 'LowestCost', endpoints: ['chat.completions'] }];
    const price = (usd: string) => ({ price: { inputPerMillionTokens: usd, outputPerMillionTokens: usd } });
    const targets = { dear: { priority: 0, ...price('9') }, cheap: { priority: 0, ...price('1') } };
    const model = routedModel(targets, { routing: { strategy: 'Priority', classes } });
    expect(path(worldOf(), { model })).toEqual(['cheap']);
    expect(path(worldOf(), { model, headers: { 'sallyport-class': 'quality' } })).toEqual(['dear']);
    expect(path(worldOf(), { model, headers: { 'sallyport-class': 'best' } })).toEqual([
      'invalid_request sallyport-class',
    ]);
  });

  it("[routing:openrouter] keeps to OpenRouter's fields", () => {
    const price = { price: { inputPerMillionTokens: '5', outputPerMillionTokens: '9' } };
    const model = routedModel({
      a: price,
      b: { dataCollection: 'Deny', zeroDataRetention: true },
      c: { dataCollection: 'Allow' },
    });
    const other = routedModel({ d: {} }, {}, { name: 'other' });
    const asked = (provider: object, models?: string[]) => ({
      model,
      body: { provider, ...(models ? { models } : {}) },
    });
    const world = worldOf([other]);
    expect(path(world, asked({ order: ['c', 'b'] }), ['Error', 'Error'])).toEqual(['c', 'b', 'a']);
    expect(path(world, asked({ only: ['b'] }), ['Error'])).toEqual(['b', 'end']);
    expect(path(world, asked({ ignore: ['a', 'b'] }), ['Error'])).toEqual(['c', 'end']);
    expect(path(world, asked({ allow_fallbacks: false }), ['Error'])).toEqual(['a', 'end']);
    expect(path(world, asked({ data_collection: 'deny' }), ['Error'])).toEqual(['b', 'end']);
    expect(path(world, asked({ zdr: true }), ['Error'])).toEqual(['b', 'end']);
    expect(path(world, asked({ max_price: { prompt: 2 } }), ['Error'])).toEqual(['b', 'c']);
    expect(path(world, asked({ only: ['nobody'] }))).toEqual(['not_found provider.only']);
    expect(path(world, asked({ only: ['a'] }, ['other']), ['ContentPolicy'])).toEqual(['a', 'end']);
    expect(path(world, asked({}, ['other']), ['ContentPolicy', 'Error', 'Error'])).toEqual(['a', 'b', 'c', 'd']);
  });

  it('[routing:tied] tools that a provider runs, and a key that was brought, stay with the first target', () => {
    const targets = { a: { weight: 0, priority: 0 }, b: { weight: 9, priority: 0 } };
    const model = routedModel(targets, { routing: { strategy: 'Weighted' } });
    expect(path(worldOf(), { model })).toEqual(['b']);
    expect(path(worldOf(), { model, body: { web_search_options: {} } })).toEqual(['a']);
    expect(path(worldOf(), { model, headers: { 'sallyport-provider-key': 'k' } })).toEqual(['a']);
  });
});
