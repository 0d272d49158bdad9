import type { Case } from './case.ts';

const target = { provider: 'a', model: 'b' };
const key = (name: string) => ({ name, key: 'key' });

/** At least one accepted and one refused object for each rule of routing. */
export const casesOfRouting: readonly Case[] = [
  {
    name: 'a routed model',
    kind: 'Model',
    spec: {
      targets: [
        { ...target, weight: 3, region: 'eu', tier: 'Small', forTags: ['a'], capacity: { maxConcurrent: 4 } },
        { ...target, model: 'c', variant: 'arm-b', zeroDataRetention: true },
      ],
      routing: {
        strategy: 'Auto',
        classes: [{ name: 'Batch', strategy: 'LowestCost', endpoints: ['messages'] }],
        residency: [{ regions: ['eu'], forTags: ['gdpr'] }],
        weightBounds: { minPercent: 20 },
      },
      retry: { attempts: 2, causes: ['RateLimit'], failedWithinSeconds: 3 },
      breaker: { openSeconds: 2 },
      fallbacks: { errors: ['other'], contextWindow: ['long'] },
      degrade: { causes: ['Budget'], maxOutputTokens: 100 },
      shadow: [{ provider: 'p', model: 'new', percent: 5, usdPerHour: '0.5' }],
      unsupported: 'Drop',
    },
  },
  {
    name: 'weights of nothing',
    kind: 'Model',
    spec: { targets: [{ ...target, weight: 0 }], routing: { strategy: 'Weighted' } },
    errors: ['weight above 0'],
  },
  {
    name: 'tiers of nothing',
    kind: 'Model',
    spec: { targets: [target], routing: { strategy: 'Auto' } },
    errors: ['tier of at least one target'],
  },
  {
    name: 'scores out of order',
    kind: 'Model',
    spec: { targets: [target], routing: { auto: { mediumFrom: 60, largeFrom: 50 } } },
    errors: ['largeFrom must not be less'],
  },
  {
    name: 'a degrade of nothing',
    kind: 'Model',
    spec: { targets: [target], degrade: { causes: ['Budget'] } },
    errors: ['what is degraded'],
  },
  {
    name: 'several keys',
    kind: 'ModelProvider',
    spec: { type: 'openai', credentials: { secretRef: key('a'), furtherSecretRefs: [key('b'), key('c')] } },
  },
  {
    name: 'several keys without a first',
    kind: 'ModelProvider',
    spec: { type: 'openai', credentials: { perPrincipal: { order: ['User'] }, furtherSecretRefs: [key('b')] } },
    errors: ['beside a secretRef'],
  },
  {
    name: 'a key twice',
    kind: 'ModelProvider',
    spec: { type: 'openai', credentials: { secretRef: key('a'), furtherSecretRefs: [key('a')] } },
    errors: ['each key may stand'],
  },
];
