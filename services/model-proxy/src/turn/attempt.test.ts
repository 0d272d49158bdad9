import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import type { CredentialUse } from '@sallyport/peers/credentials';
import type { Model, Provider } from '../catalog.ts';
import { routedModel } from '../routing/testing.ts';
import { settle } from './settle.ts';
import { providerOf } from './testing.ts';
import { answerOf, failing, good, house } from './testing-attempts.ts';
import { message } from './testing-provider.ts';

const severalKeys = {
  a: {
    ...providerOf('openai-compatible', 'a'),
    spec: {
      ...providerOf().spec,
      credentials: { secretRef: { name: 'k1', key: 'key' }, furtherSecretRefs: [{ name: 'k2', key: 'key' }] },
    } as Provider['spec'],
  },
};

describe('several keys at a provider', () => {
  const model = routedModel({ a: {} }, {}, { providers: severalKeys });

  it('[routing:keys] the next key is used where one is limited, and the limited one rests', async () => {
    const first: (string | undefined)[] = [];
    const { make, asked } = house(({ key }) => {
      first.push(key);
      return key === first[0] ? failing(429, { 'retry-after': '30' }) : good;
    });
    const { answered } = await make(model);
    expect(answered).toMatchObject({
      attempts: [
        { error: 'rate_limited', status: 429 },
        { outcome: 'ok', why: 'next key' },
      ],
    });
    expect(asked.map(({ key }) => key).sort()).toEqual(['value-k1', 'value-k2']);
    await make(model);
    expect(asked).toHaveLength(3);
    expect(asked[2]?.key).toBe(asked[1]?.key);
  });

  it.each([401, 402, 403])(
    '[routing:keys] a key that is refused with %s is left alone; refused all, it is told apart',
    async (status) => {
      const { make, asked } = house(() => failing(status));
      const { answered } = await make(model);
      expect(answered).toMatchObject({ code: 'upstream_credentials_exhausted', status: 502 });
      expect(answered).toHaveProperty('message', expect.not.stringContaining('CANARY'));
      expect(asked).toHaveLength(2);
      // Dead keys are not tried again at once; a 403 may have been about the request.
      expect((await make(model)).answered).toMatchObject({ code: 'upstream_credentials_exhausted' });
      expect(asked).toHaveLength(status === 403 ? 4 : 2);
    },
  );

  it('[routing:keys] a key that was refused serves again as soon as another value stands in its place', async () => {
    let revision = 1;
    const { make, gate } = house(({ key }) => (key === 'new' ? good : failing(401)));
    const { credentials } = gate;
    const lease = async (use: CredentialUse) =>
      revision === 1 ? await credentials.lease(use, {} as never) : { value: 'new', reference: 'k#2', scopes: [] };
    Object.assign(gate, { credentials: { ...credentials, lease } });
    expect((await make(model)).answered).toMatchObject({ code: 'upstream_credentials_exhausted' });
    revision = 2;
    expect((await make(model)).answered).toHaveProperty('content');
  });

  it('[routing:keys] which key was used stands in the record by reference, never by value', async () => {
    const { make, gate, records } = house(() => good);
    const { turn, answered } = await make(model);
    if (answered instanceof Error) throw answered;
    settle(gate, turn, answered, { usage: undefined, outputBytes: 3, finish: 'stop', outcome: 'ok' });
    expect(records[0]?.attemptsJson).toMatch(/"credential":"k[12]#1"/);
    expect(JSON.stringify(records)).not.toContain('value-k');
  });

  it('[routing:keys] the place in a target is given up where the client leaves while its key is refused', async () => {
    const gone = new AbortController();
    const { make, gate } = house(() => {
      gone.abort(new GatewayError('cancelled', 'gone'));
      return failing(429);
    });
    expect((await make(model, { signal: gone.signal })).answered).toMatchObject({ code: 'cancelled' });
    expect(gate.routing.targets().map(({ inFlight }) => inFlight)).toEqual([0]);
  });

  it('[routing:keys] where all are limited, the request goes on to another target', async () => {
    const both = routedModel({ a: {}, b: {} }, {}, { providers: severalKeys });
    const { make } = house(({ provider }) => (provider === 'a' ? failing(429) : good));
    expect((await make(both)).answered).toMatchObject({ target: { provider: { name: 'b' } } });
  });
});

describe('the only key of a provider', () => {
  it.each([401, 402])('[routing:rest] once refused with %s, others are asked first for a while', async (status) => {
    const { make, asked } = house(({ provider }) => (provider === 'a' ? failing(status) : good));
    const model = routedModel({ a: {}, b: {} });
    await make(model);
    await make(model);
    expect(asked.map(({ provider }) => provider)).toEqual(['a', 'b', 'b']);
    // Where there is no other, a new key serves at once.
    const sole = routedModel({ a: {} });
    await make(sole);
    await make(sole);
    expect(asked.slice(3).map(({ provider }) => provider)).toEqual(['a', 'a']);
  });
});

describe('trying a target', () => {
  it('[routing:reason] each attempt says which target, why, what came of it and how long it waited', async () => {
    const { make } = house(({ provider }) => (provider === 'a' ? failing(500) : good));
    const { answered } = await make(routedModel({ a: {}, b: { variant: 'arm-b' } }));
    expect(answered).toMatchObject({
      attempts: [
        { provider: 'a', model: 'a-model', outcome: 'error', error: 'server_error', status: 500, why: 'priority 0' },
        { provider: 'b', model: 'b-model', outcome: 'ok', status: 200, why: 'priority 1' },
      ],
    });
  });

  it('[routing:retry-classes] retries what its Model names, within its time, and not where another target can serve', async () => {
    const sole = (retry: object) => routedModel({ a: {} }, { retry });
    const times = async (status: number, retry: object, headers = {}) => {
      const { make, asked } = house(() => failing(status, headers));
      await make(sole(retry));
      return asked.length;
    };
    expect(await times(500, { attempts: 1 })).toBe(2);
    expect(await times(500, { attempts: 1, causes: ['RateLimit'] })).toBe(1);
    expect(await times(429, { attempts: 1 }, { 'retry-after-ms': '1' })).toBe(2);
    expect(await times(429, { attempts: 1 }, { 'retry-after': '30' })).toBe(1);
    const { make, asked } = house(({ provider }) =>
      provider === 'a' ? failing(429, { 'retry-after-ms': '1' }) : good,
    );
    await make(routedModel({ a: {}, b: {} }, { retry: { attempts: 3 } }));
    expect(asked.map(({ provider }) => provider)).toEqual(['a', 'b']);
  });

  it('[routing:retry-budget] a target that is down is not called twice as often for it', async () => {
    const { make, asked } = house(() => failing(500, { 'retry-after-ms': '0' }));
    for (let request = 0; request < 60; request++) await make(routedModel({ a: {} }, { retry: { attempts: 1 } }));
    // Ten at first, and one for each five calls.
    expect(asked.length).toBeGreaterThanOrEqual(60 + 15);
    expect(asked.length).toBeLessThanOrEqual(60 + 25);
  });

  it('[routing:queue] waits for a place in its turn, and says 429 where no place comes', async () => {
    const capacity = { maxConcurrent: 1, adaptive: true, queue: { size: 1, waitSeconds: 1 } };
    const model = routedModel({ a: { capacity } });
    const { make, gate } = house(() => good);
    const first = await make(model);
    if (first.answered instanceof Error) throw first.answered;
    const second = make(model);
    const third = await make(model);
    expect(third.answered).toMatchObject({ code: 'rate_limited', status: 429, retryAfterMs: 1_000 });
    await pause(5);
    settle(gate, first.turn, first.answered, { usage: undefined, outputBytes: 3, finish: 'stop', outcome: 'ok' });
    const { answered } = await second;
    expect(answered).toMatchObject({ attempts: [{ outcome: 'ok', waitMs: expect.any(Number) }] });
    const { inFlight, queue } = gate.routing.of(model.targets[0] as Model['targets'][number]);
    expect([inFlight, queue.size()]).toEqual([1, 0]);
  });

  it('[routing:places] gives its place up however a call ends', async () => {
    const model = routedModel({ a: {} });
    const { make, gate } = house((_asked, times) => (times % 2 === 0 ? good : failing(500)));
    for (let request = 0; request < 4; request++) {
      const { answered, turn } = await make(model);
      if (answered instanceof Error) continue;
      const outcome = request === 1 ? 'cancelled' : 'error';
      settle(gate, turn, answered, { usage: undefined, outputBytes: 0, finish: '', outcome });
    }
    expect(gate.routing.of(model.targets[0] as Model['targets'][number]).inFlight).toBe(0);
  });

  it('[routing:openrouter] takes the fields out of what is sent, but for OpenRouter', async () => {
    const { make, asked } = house(() => good);
    const provider = { sort: 'price' };
    await make(routedModel({ a: {} }), { body: { provider, models: ['other'], user: 'u' } });
    expect(asked[0]?.body).toMatchObject({ user: 'u' });
    expect(Object.keys(asked[0]?.body ?? {})).toEqual(expect.not.arrayContaining(['provider', 'models']));
    const at = { a: providerOf('openrouter', 'a') };
    await make(routedModel({ a: {} }, {}, { providers: at }), { body: { provider, models: ['other'] } });
    expect(asked[1]?.body).toMatchObject({ provider });
    expect(asked[1]?.body).not.toHaveProperty('models');
  });

  it('[routing:drop][model:fields-of-the-client] leaves out what a target cannot be told where its Model says so, and names it', async () => {
    const at = { a: providerOf('anthropic-compatible', 'a') };
    const said = answerOf(200, message(1, 1));
    const { make, asked } = house(() => said);
    const body = { seed: 7, logit_bias: { '1': 2 } };
    const refused = await make(routedModel({ a: {} }, {}, { providers: at }), { body });
    expect(refused.answered).toMatchObject({ code: 'unsupported', status: 400, details: { param: 'seed' } });
    expect(asked).toHaveLength(0);
    const { heard } = await make(routedModel({ a: {} }, { unsupported: 'Drop' }, { providers: at }), { body });
    expect(heard.headers['sallyport-dropped']).toBe('seed, logit_bias');
    expect(asked[0]?.body).not.toHaveProperty('seed');
    const demanding = { ...body, provider: { require_parameters: true } };
    const strict = await make(routedModel({ a: {} }, { unsupported: 'Drop' }, { providers: at }), { body: demanding });
    expect(strict.answered).toMatchObject({ code: 'unsupported' });
  });

  it('[routing:degrade] asks for fewer tokens where less is given', async () => {
    const model = routedModel({ a: {} }, { degrade: { causes: ['Budget'], maxOutputTokens: 16 } });
    const { make, asked, gate } = house(() => good);
    const { limits } = gate;
    let refused = false;
    const short = {
      ...limits,
      reserve: async (...args: Parameters<typeof limits.reserve>) => {
        if (refused) return await limits.reserve(...args);
        refused = true;
        const { GatewayError } = await import('@sallyport/chassis/errors');
        throw new GatewayError('budget_exceeded', 'No money is left.');
      },
    };
    Object.assign(gate, { limits: short });
    const { answered } = await make(model);
    expect(answered).toMatchObject({
      attempts: [{ error: 'budget_exceeded' }, { why: 'degraded for budget: priority 0' }],
    });
    expect(asked).toHaveLength(1);
    expect(asked[0]?.body).toMatchObject({ max_tokens: 16 });
  });
});

describe("an answer that the provider's filter held back", () => {
  const withheld = (stream: boolean, content = '') => {
    const choice = { index: 0, finish_reason: 'content_filter' };
    if (!stream) return answerOf(200, { id: 'x', choices: [{ ...choice, message: { role: 'assistant', content } }] });
    const delta = content === '' ? {} : { content };
    const chunk = Buffer.from(`data: ${JSON.stringify({ id: 'x', choices: [{ ...choice, delta }] })}\n\n`);
    return {
      ...answerOf(200, ''),
      body: (async function* () {
        yield chunk;
      })(),
    };
  };

  it('[routing:fallback-lists] goes to another target where its Model says so, and to the client elsewhere', async () => {
    for (const stream of [false, true]) {
      const path = async (spec: object) => {
        const { make, asked } = house(() => withheld(stream));
        const { answered } = await make(routedModel({ a: {}, b: {} }, spec), { body: { stream } });
        return [...asked.map(({ provider }) => provider), answered instanceof Error ? 'refused' : 'answered'];
      };
      expect(await path({ fallbackOn: ['ContentPolicy'] })).toEqual(['a', 'b', 'refused']);
      expect(await path({})).toEqual(['a', 'answered']);
    }
  });

  it('[routing:asked-fallbacks] goes to the Model that the client names for refused content', async () => {
    for (const stream of [false, true]) {
      const others = [routedModel({ b: {} }, {}, { name: 'other' })];
      const { make, asked } = house(({ provider }) => withheld(stream, provider === 'a' ? '' : 'Hi.'), [], others);
      const path = async (more: object) => {
        asked.length = 0;
        const { answered } = await make(routedModel({ a: {} }), { body: { stream, ...more } });
        return [...asked.map(({ provider }) => provider), answered instanceof Error ? 'refused' : 'answered'];
      };
      expect(await path({ content_policy_fallbacks: ['other'] })).toEqual(['a', 'b', 'answered']);
      expect(await path({ context_window_fallbacks: ['other'] })).toEqual(['a', 'answered']);
    }
  });
});

describe('a stream that has not yet said anything', () => {
  const frame = (delta: object) =>
    Buffer.from(`data: ${JSON.stringify({ id: 'x', choices: [{ index: 0, delta }] })}\n\n`);
  const empty = Array.from({ length: 5 }, () => frame({ role: 'assistant', content: '' }));
  const broken = Buffer.from(`data: ${JSON.stringify({ error: { message: 'CANARY', code: 500 } })}\n\n`);
  const streaming = (frames: readonly Buffer[]) => ({
    ...answerOf(200, ''),
    body: (async function* () {
      yield* frames;
    })(),
  });
  const provided = async (head: readonly Buffer[]) => {
    const whole = [frame({ content: 'Hi.' }), Buffer.from('data: [DONE]\n\n')];
    const { make, asked } = house(({ provider }) => streaming(provider === 'a' ? [...head, broken] : whole));
    await make(routedModel({ a: {}, b: {} }, { retry: { attempts: 0 } }), { body: { stream: true } });
    return asked.map(({ provider }) => provider);
  };

  it('[routing:head-bounds] falls back when it fails before its first content, and is taken as it is beyond a bound', async () => {
    expect(await provided(empty)).toEqual(['a', 'b']);
    expect(await provided([frame({ content: 'Hel' })])).toEqual(['a']);
    // Much, and nothing said: what is held back is bounded.
    expect(await provided(Array.from({ length: 80 }, () => frame({ role: 'assistant', content: '' })))).toEqual(['a']);
    const large = frame({ role: 'assistant', content: '', padding: 'x'.repeat(300_000) });
    expect(await provided([large, frame({ role: 'assistant', content: '' })])).toEqual(['a']);
  });
});
