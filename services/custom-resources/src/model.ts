import { z } from 'zod';
import { conditionsSchema, observedGenerationSchema } from './conditions.ts';
import { defineResource, readyColumns, withRules } from './define-resource.ts';
import { decimalUsd, resourceName, setOf } from './fields.ts';
import { cacheFields } from './model-cache.ts';
import { catalogueFields, datedPrices } from './model-catalogue.ts';
import { decorationFields } from './model-decoration.ts';
import { routingFields, routingRules, routingTargetFields } from './model-routing.ts';
import { unitPriceFields } from './model-unit-price.ts';

const providerModel = z.string().min(1).max(256).regex(/^\S+$/);

const target = z.object({
  provider: resourceName.describe('ModelProvider in this namespace.'),
  model: providerModel.describe('Name of the model at the provider.'),
  priority: z.int().min(0).max(100).default(0).describe('Lower is tried first; equal ones in the order written.'),
  ...catalogueFields,
  ...routingTargetFields,
});

const price = z.object({
  inputPerMillionTokens: decimalUsd.describe('USD for a million input tokens, as a decimal string.'),
  outputPerMillionTokens: decimalUsd.describe('USD for a million output tokens, as a decimal string.'),
  cacheReadPerMillionTokens: decimalUsd
    .optional()
    .describe('USD for a million input tokens read from the cache of the provider. Left out: the input price.'),
  cacheWritePerMillionTokens: decimalUsd
    .optional()
    .describe('USD for a million input tokens written to the cache of the provider. Left out: the input price.'),
  ...unitPriceFields,
});

const unique = (targets: readonly { provider: string; model: string }[]) =>
  new Set(targets.map((t) => `${t.provider}\n${t.model}`)).size === targets.length;

const spec = withRules(
  z.object({
    publicName: z
      .string()
      .max(128)
      .regex(/^[A-Za-z0-9]([A-Za-z0-9._:/@-]*[A-Za-z0-9])?$/)
      .optional()
      .describe('Name that clients ask for. Default: metadata.name. Unique in the namespace; the oldest holds it.'),
    targets: z
      .array(
        target.extend({
          price: price.optional().describe('What a call of this target costs, before `price` of the Model.'),
        }),
      )
      .min(1)
      .max(8)
      .meta({ 'x-kubernetes-list-type': 'atomic' })
      .describe('Where requests go: the first by priority that can serve; the others are its fallbacks.'),
    fallbackOn: setOf(z.enum(['Error', 'RateLimit', 'ContextWindow', 'ContentPolicy', 'Budget']), 5)
      .default(['Error', 'RateLimit'])
      .describe('Failures of a target after which the next one is tried.'),
    ...routingFields,
    price: price.optional().describe('What a call costs. Left out: the public price list.'),
    prices: datedPrices(price),
    maxOutputTokens: z
      .int()
      .min(1)
      .max(10_000_000)
      .optional()
      .describe('Most output tokens of one answer; a request that asks for more is lowered to it.'),
    ...cacheFields,
    ...decorationFields,
  }),
  [
    {
      cel: 'self.targets.all(t, self.targets.exists_one(u, u.provider == t.provider && u.model == t.model))',
      message: 'each pair of provider and model may stand in targets once',
      fieldPath: '.targets',
      holds: (s) => unique(s.targets),
    },
    ...routingRules,
  ],
);

const status = z.object({
  conditions: conditionsSchema,
  observedGeneration: observedGenerationSchema,
  liveTargets: z.int().min(0).max(8).optional().describe('How many targets can serve.'),
  targets: z
    .array(
      z.object({
        provider: resourceName.describe('ModelProvider of the target.'),
        model: providerModel.describe('Name of the model at the provider.'),
        live: z.boolean().describe('Whether the target can serve.'),
        reason: z.string().max(128).optional().describe('Why it cannot.'),
      }),
    )
    .max(8)
    .optional()
    .meta({ 'x-kubernetes-list-type': 'atomic' })
    .describe('The targets, in the order in which they are tried.'),
});

/** Model: a public name and what serves it. */
export const model = defineResource({
  kind: 'Model',
  plural: 'models',
  shortNames: ['mdl'],
  description: 'A model that clients may ask for by name, and the targets that serve it.',
  spec: spec.describe('What is wanted.'),
  status: status.describe('What is known; written by Sallyport.'),
  columns: [
    { name: 'Public name', type: 'string', jsonPath: '.spec.publicName' },
    { name: 'Live', type: 'integer', jsonPath: '.status.liveTargets' },
    ...readyColumns,
  ],
  conditions: ['Accepted', 'ResolvedRefs', 'Ready'],
  complete: (s, name) => ({ ...s, publicName: s.publicName ?? name }),
});

/** Spec of a Model with defaults filled in; `parse` has set `publicName`. */
export type ModelSpec = z.output<typeof spec>;

/** Status of a Model. */
export type ModelStatus = z.output<typeof model.status>;

/** Targets in the order in which they are tried: by priority, then as written. */
export function orderedTargets(spec: Pick<ModelSpec, 'targets'>): ModelSpec['targets'] {
  return spec.targets
    .map((entry, index) => ({ entry, index }))
    .sort((a, b) => a.entry.priority - b.entry.priority || a.index - b.index)
    .map(({ entry }) => entry);
}
