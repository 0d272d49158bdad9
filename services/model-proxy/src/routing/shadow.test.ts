import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import type { EndSignal } from '@sallyport/chassis/ending';
import type { Model } from '../catalog.ts';
import { providerOf, type TurnInit } from '../turn/testing.ts';
import { good, house } from '../turn/testing-attempts.ts';
import { routedModel } from './testing.ts';

describe('a shadow', () => {
  const shadowed = (more: object = {}) =>
    routedModel(
      { a: {} },
      { shadow: [{ provider: 'b', model: 'new', percent: 100, usdPerHour: '1', maxConcurrent: 1, ...more }] },
    );
  const copies = async (model: Model, init: TurnInit = {}) => {
    const there = providerOf('openai-compatible', 'b');
    const made = house(() => good, [there]);
    const { answered, heard } = await made.make(model, init);
    await pause(5);
    return { ...made, answered, heard, copied: made.asked.filter(({ provider }) => provider === 'b') };
  };

  it('[routing:shadow] gets a copy without tools, whose answer is recorded and reaches nobody', async () => {
    const body = { stream: false, user: 'u' };
    const { copied, heard, records, reserved, answered } = await copies(shadowed(), { body });
    expect(answered).toMatchObject({ target: { provider: { name: 'a' } } });
    expect(copied).toMatchObject([{ body: { model: 'new', user: 'u' } }]);
    expect(heard.text()).toBe('');
    expect(records).toMatchObject([{ endpoint: 'shadow', provider: 'b', outcome: 'ok', feature: 'shadow' }]);
    // No limit of the caller counts it.
    expect(reserved).toHaveLength(1);
  });

  it("[routing:shadow] has its provider's own time, whatever a request gives the call that is answered", async () => {
    const slowly = (signal: EndSignal) =>
      new Promise((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
        setTimeout(resolve, 200, good);
      });
    const made = house(
      ({ provider }, _times, signal) => (provider === 'b' ? slowly(signal) : good),
      [providerOf('openai-compatible', 'b')],
    );
    await made.make(shadowed(), { body: { timeout: 0.01 } });
    await pause(250);
    expect(made.records).toMatchObject([{ endpoint: 'shadow', outcome: 'ok' }]);
  });

  it('[routing:shadow] gets none beyond its budget or region, of requests with tools, or of those that ask for providers', async () => {
    expect((await copies(shadowed({ usdPerHour: '0.000000001' }))).copied).toEqual([]);
    const residency = { routing: { strategy: 'Priority', residency: [{ regions: ['eu'] }] } };
    const model = routedModel({ a: { region: 'eu' } }, { ...shadowed().spec, ...residency });
    expect((await copies(model)).copied).toEqual([]);
    const tools = [{ type: 'function', function: { name: 'f' } }];
    expect((await copies(shadowed(), { body: { tools } })).copied).toEqual([]);
    expect((await copies(shadowed(), { body: { provider: { zdr: false } } })).copied).toEqual([]);
  });
});
