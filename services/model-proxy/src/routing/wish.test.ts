import { describe, expect, it } from '@jest/globals';
import { parseRequest } from '../fronts/openai/parse.ts';
import { turnOf } from '../turn/testing.ts';
import { complexityOf, tierOf } from './complexity.ts';
import { isWithin, mayServe } from './residency.ts';
import { bareModel, wishes, wishOf, withoutWish } from './wish.ts';

describe("OpenRouter's fields", () => {
  it('[routing:openrouter] are read as OpenRouter means them', () => {
    const provider = {
      order: ['azure', 'openai'],
      only: ['openai'],
      ignore: ['groq'],
      allow_fallbacks: false,
      require_parameters: true,
      data_collection: 'deny',
      zdr: true,
      sort: { by: 'latency', partition: 'none' },
      max_price: { prompt: 1, completion: '2.5' },
      preferred_max_latency: 3,
    };
    expect(wishOf({ model: 'm', models: ['m', 'b'], provider }, 'm')).toEqual({
      fields: { models: ['m', 'b'], provider },
      models: ['b'],
      byCause: { ContextWindow: [], ContentPolicy: [] },
      forAll: true,
      order: ['azure', 'openai'],
      only: ['openai'],
      ignore: ['groq'],
      allowFallbacks: false,
      requireParameters: true,
      denyCollection: true,
      zeroRetention: true,
      sort: 'latency',
      maxPrice: { prompt: 1, completion: 2.5 },
    });
    expect(wishOf({ model: 'm', messages: [] }, 'm')).toBeUndefined();
    expect(withoutWish({ model: 'm', models: [], provider: {}, user: 'u' })).toEqual({ model: 'm', user: 'u' });
  });

  it("[routing:openrouter] a client's fallbacks are tried as its models are, by name alone", () => {
    const wish = wishOf({ model: 'm', models: ['b'], fallbacks: ['c', { model: 'd' }, 'b', 'm'] }, 'm');
    expect(wish).toMatchObject({ models: ['b', 'c', 'd'], fields: { models: ['b'] } });
    expect(withoutWish({ model: 'm', fallbacks: ['c'] })).toEqual({ model: 'm' });
    for (const fallbacks of ['c', [{ model: 'c', messages: [] }], [1]]) {
      expect(() => wishOf({ model: 'm', fallbacks }, 'm')).toThrow(
        expect.objectContaining({ code: 'invalid_request' }),
      );
    }
  });

  it("[routing:asked-fallbacks] lists by cause are read in LiteLLM's forms, and stand apart from what is tried for all", () => {
    const byCause = (list: unknown, model = 'm') =>
      wishOf({ model, context_window_fallbacks: list }, 'm')?.byCause.ContextWindow;
    expect(byCause(['b', { model: 'c' }, 'b', 'm'])).toEqual(['b', 'c']);
    expect(byCause([{ other: ['x'] }, { m: ['b', 'c'] }, { m: ['y'] }])).toEqual(['b', 'c']);
    expect(byCause([{ '*': ['x'] }, { m: ['b'] }])).toEqual(['b']);
    expect(byCause([{ '*': ['x'] }, { other: ['b'] }])).toEqual(['x']);
    expect(byCause([{ 'm:nitro': ['b'] }], 'm:nitro')).toEqual(['b']);
    expect(byCause([{ other: ['x'] }])).toEqual([]);
    // A Model of this very name.
    expect(wishOf({ model: 'model', fallbacks: [{ model: ['b'] }] }, 'model')?.models).toEqual(['b']);
    const both = { model: 'm', context_window_fallbacks: ['b'], content_policy_fallbacks: [{ m: ['c'] }] };
    expect(wishOf(both, 'm')).toMatchObject({
      fields: {},
      models: [],
      byCause: { ContextWindow: ['b'], ContentPolicy: ['c'] },
      forAll: false,
    });
    expect(wishOf({ ...both, models: ['d'] }, 'm')).toMatchObject({ models: ['d'], forAll: true });
    expect([withoutWish(both), wishes(both), wishes({ model: 'm' })]).toEqual([{ model: 'm' }, true, false]);
  });

  it.each<[unknown, string]>([
    ['b', ''],
    [{ m: ['b'] }, ''],
    [[1], '[0]'],
    [[{}], '[0]'],
    [['b', { model: 'c', messages: [] }], '[1]'],
    [[{ other: ['b', 7] }], '[0][1]'],
    [[{ m: 'b' }], '[0]'],
  ])('[routing:asked-fallbacks] %j is no list of fallbacks', (list, at) => {
    for (const field of ['fallbacks', 'context_window_fallbacks', 'content_policy_fallbacks']) {
      expect(() => wishOf({ model: 'm', [field]: list }, 'm')).toThrow(
        expect.objectContaining({ code: 'invalid_request', details: { param: `${field}${at}` } }),
      );
    }
  });

  it('[routing:openrouter] a list of models stands for its first', () => {
    const messages = [{ role: 'user', content: 'hi' }];
    expect(parseRequest({ models: ['a', 'b'], messages })).toMatchObject({
      body: { model: 'a' },
      facts: { model: 'a' },
    });
    expect(() => parseRequest({ models: [], messages })).toThrow(
      expect.objectContaining({ details: { param: 'model' } }),
    );
  });

  it('[routing:openrouter] :nitro asks for throughput and :floor for price; other names stand for themselves', () => {
    expect(wishOf({ model: 'm:nitro' }, 'm')).toMatchObject({ sort: 'throughput', models: [] });
    expect(wishOf({ model: 'm:floor' }, 'm')).toMatchObject({ sort: 'price' });
    // A Model that has this very name.
    expect(wishOf({ model: 'm:nitro' }, 'm:nitro')).toBeUndefined();
    expect([bareModel('m:free'), bareModel(':nitro')]).toEqual([undefined, undefined]);
  });

  it.each<[unknown, string, string]>([
    ['openai', 'invalid_request', 'provider'],
    [{ order: 'openai' }, 'invalid_request', 'provider.order'],
    [{ only: [1] }, 'invalid_request', 'provider.only[0]'],
    [{ zdr: 'yes' }, 'invalid_request', 'provider.zdr'],
    [{ data_collection: 'maybe' }, 'invalid_request', 'provider.data_collection'],
    [{ sort: 'luck' }, 'invalid_request', 'provider.sort'],
    [{ max_price: { image: 1 } }, 'invalid_request', 'provider.max_price.image'],
    [{ max_price: { prompt: 'much' } }, 'invalid_request', 'provider.max_price.prompt'],
    [{ quantizations: ['fp8'] }, 'unsupported', 'provider.quantizations'],
  ])('[routing:openrouter] %j is refused as %s with its field', (provider, code, param) => {
    expect(() => wishOf({ model: 'm', provider }, 'm')).toThrow(expect.objectContaining({ code, details: { param } }));
  });
});

describe('regions', () => {
  it.each([
    ['eu-west-1', 'eu', true],
    ['eu', 'eu', true],
    ['europe', 'eu', false],
    [undefined, 'eu', false],
  ])('[routing:residency] %s is in %s: %s', (region, named, within) => {
    expect(isWithin(region, named)).toBe(within);
  });

  it('[routing:residency] all rules that hold for a request must allow a target; rules for other tags do not hold', () => {
    const rules = [{ regions: ['eu', 'us'] }, { regions: ['eu'], forTags: ['gdpr'] }];
    expect(mayServe('us-east-1', rules, [])).toBe(true);
    expect(mayServe('us-east-1', rules, ['gdpr'])).toBe(false);
    expect(mayServe('eu-west-1', rules, ['gdpr'])).toBe(true);
    expect(mayServe(undefined, rules, [])).toBe(false);
  });
});

describe('the complexity of a request', () => {
  const scored = (content: string, more: object = {}) => {
    const { facts, bytes } = turnOf({ body: { messages: [{ role: 'user', content }], ...more } });
    return complexityOf(facts, bytes.length);
  };
  it('[routing:auto] grows with size, tools and hard words', () => {
    const bounds = { mediumFrom: 25, largeFrom: 55 };
    const tools = Array.from({ length: 12 }, (_, at) => ({ type: 'function', function: { name: `f${at}` } }));
    const short = scored('hi');
    const long = scored('word '.repeat(30_000));
    const agent = scored('Please debug this step by step and refactor:\n```ts\n```', { tools });
    expect([short, long, agent].map((score) => tierOf(score, bounds))).toEqual(['Small', 'Medium', 'Medium']);
    const all = scored(`${'word '.repeat(30_000)} prove it step by step, design the architecture`, { tools });
    expect(tierOf(all, bounds)).toBe('Large');
    expect(all).toBeLessThanOrEqual(100);
  });
});
