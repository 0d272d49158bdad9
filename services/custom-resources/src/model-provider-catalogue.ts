import { z } from 'zod';
import type { Rule } from './define-resource.ts';
import { glob, setOf } from './fields.ts';
import { fixedHeaders, fixedHeadersRule } from './fixed-headers.ts';
import { attributingTypes } from './provider-types.ts';

const modelName = z.string().min(1).max(256).regex(/^\S+$/);

/** Most names of models that a status lists. */
export const MOST_LISTED = 500;

/** What is told of the caller, a word each. */
export const attributedFact = z.enum(['User', 'Customer', 'Teams', 'Key', 'Tags']);

/** Headers by which providers know who calls, beside those that nothing may set. */
const KEY_HEADERS = ['api-key', 'apikey', 'x-goog-api-key', 'x-portkey-api-key', 'x-litellm-api-key'];

/** Fields of a ModelProvider that say which of its models are found without a Model, and what it is told of callers. */
export const providerCatalogueFields = {
  headers: fixedHeaders,
  discovery: z
    .object({
      mode: z
        .enum(['Enabled', 'Disabled'])
        .default('Enabled')
        .describe('Enabled: the provider is asked for its models. Disabled: only those named here can be called.'),
      models: setOf(modelName, 256).default([]).describe('Models that are there without being asked for.'),
      include: setOf(glob, 64)
        .default(['*'])
        .describe('Only models that fit one of these; * stands for any characters.'),
      exclude: setOf(glob, 64).default([]).describe('Never models that fit one of these.'),
    })
    .optional()
    .describe(
      'Lets models be called as <provider>:<model>, or by the bare name of the model, without a Model, where an ' +
        'AccessPolicy allows <provider>:<model>. A Model of the same name always wins. Left out: not at all.',
    ),
  attribution: setOf(attributedFact, 5)
    .optional()
    .describe(
      `What a gateway at the provider (types ${attributingTypes.join(', ')}) is told of who asks, in its own fields. ` +
        'Left out: nothing. The run of an agent is never told.',
    ),
};

interface CatalogueSpec {
  readonly type: string;
  readonly attribution?: unknown;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** What these fields demand of a ModelProvider. */
export const providerCatalogueRules: readonly Rule<CatalogueSpec>[] = [
  fixedHeadersRule('sallyport-', KEY_HEADERS),
  {
    cel: `!has(self.attribution) || self.type in [${attributingTypes.map((type) => `'${type}'`).join(', ')}]`,
    message: `attribution is for the types ${attributingTypes.join(', ')}`,
    fieldPath: '.attribution',
    holds: (s) => s.attribution === undefined || attributingTypes.some((type) => type === s.type),
  },
];

/** Fields of the status: what the provider listed when it was asked. */
export const listedModels = {
  models: z
    .array(modelName)
    .max(MOST_LISTED)
    .optional()
    .meta({ 'x-kubernetes-list-type': 'atomic' })
    .describe(`Models that may be called without a Model, in order; the first ${MOST_LISTED}.`),
  modelCount: z.int().min(0).max(100_000).optional().describe('How many models may be called without a Model.'),
};
