import { describe, expect, it } from '@jest/globals';
import { model } from './model.ts';
import { routingReferences } from './model-routing.ts';

const target = { provider: 'p', model: 'm' };
const faults = (spec: object) =>
  (model.spec.safeParse(spec).error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`);

describe('how a Model says where its requests go', () => {
  it('[routing:plain] asks for nothing of a Model that says nothing of routing', () => {
    const spec = model.spec.parse({ targets: [target] });
    expect(spec).toMatchObject({ unsupported: 'Refuse', retry: { attempts: 1, budgetPercent: 20 } });
    expect(spec).toMatchObject({ targets: [{ weight: 1, priority: 0 }] });
    for (const field of ['routing', 'breaker', 'fallbacks', 'degrade', 'shadow'])
      expect(spec).not.toHaveProperty(field);
  });

  it.each([
    [
      'weights of nothing',
      { targets: [{ ...target, weight: 0 }], routing: { strategy: 'Weighted' } },
      /weight above 0/,
    ],
    ['tiers of nothing', { targets: [target], routing: { strategy: 'Auto' } }, /tier of at least one target/],
    [
      'scores out of order',
      {
        targets: [{ ...target, tier: 'Large' }],
        routing: { strategy: 'Auto', auto: { mediumFrom: 50, largeFrom: 10 } },
      },
      /largeFrom must not be less/,
    ],
    ['a class twice', { targets: [target], routing: { classes: [aClass('Batch'), aClass('Batch')] } }, /stands twice/],
    ['a degrade of nothing', { targets: [target], degrade: { causes: ['Budget'] } }, /what is degraded/],
    ['a region of no form', { targets: [target], routing: { residency: [{ regions: ['EU'] }] } }, /lower-case/],
    ['a shadow without a budget', { targets: [target], shadow: [{ ...target, percent: 1 }] }, /usdPerHour/],
  ])('[routing:declared] refuses %s', (_what, spec, message) => {
    expect(faults(spec).join('\n')).toMatch(message);
  });

  it('[routing:declared] names the Models and providers that it refers to, each with its place', () => {
    const shadow = [{ ...target, percent: 1, usdPerHour: '1' }];
    const spec = model.spec.parse({ targets: [target], fallbacks: { errors: ['a', 'b'], budget: ['c'] }, shadow });
    expect(routingReferences(spec)).toEqual([
      { kind: 'Model', path: 'spec.fallbacks.errors[0]', name: 'a' },
      { kind: 'Model', path: 'spec.fallbacks.errors[1]', name: 'b' },
      { kind: 'Model', path: 'spec.fallbacks.budget[0]', name: 'c' },
      { kind: 'ModelProvider', path: 'spec.shadow[0].provider', name: 'p' },
    ]);
  });
});

function aClass(name: string) {
  return { name, strategy: 'Priority' };
}
