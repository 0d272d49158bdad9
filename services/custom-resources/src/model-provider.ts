import { z } from 'zod';
import { conditionsSchema, observedGenerationSchema } from './conditions.ts';
import { providerCredentials } from './credential-order.ts';
import { defineResource, readyColumns, withRules } from './define-resource.ts';
import { grantedOriginSchema, httpUrl } from './fields.ts';
import { listedModels, providerCatalogueFields, providerCatalogueRules } from './model-provider-catalogue.ts';
import { awsFields, azureFields, cloudBaseUrl, cloudRules, googleFields } from './model-provider-cloud.ts';
import { baseUrlExamples, providerTypes, vendorBaseUrls } from './provider-types.ts';

const needBaseUrl: readonly string[] = Object.keys(baseUrlExamples);
const seconds = z.int().min(1).max(3600);

const timeouts = withRules(
  z.object({
    connectSeconds: seconds.default(5).describe('Longest wait for a connection, TLS included.'),
    firstByteSeconds: seconds.default(60).describe('Longest wait from the request to the first byte of the answer.'),
    idleSeconds: seconds.default(60).describe('Longest silence within an answer.'),
    totalSeconds: seconds.default(600).describe('Longest duration of one call.'),
  }),
  [
    {
      cel: 'self.totalSeconds >= self.firstByteSeconds && self.totalSeconds >= self.connectSeconds',
      message: 'totalSeconds must not be less than connectSeconds or firstByteSeconds',
      fieldPath: '.totalSeconds',
      holds: (t) => t.totalSeconds >= t.firstByteSeconds && t.totalSeconds >= t.connectSeconds,
    },
  ],
);

const spec = withRules(
  z.object({
    type: z.enum(providerTypes).describe('Which API the provider speaks, and whose.'),
    baseURL: httpUrl
      .optional()
      .describe(
        'URL before the paths of the API, for example https://api.example.com/v1. Required where no vendor has one for all: ' +
          `for ${needBaseUrl.join(', ')}. The credential is bound to its scheme, host and port.`,
      ),
    aws: awsFields.optional().describe('Type bedrock: where its models are.'),
    google: googleFields.optional().describe('Type vertex: where its models are, and who pays.'),
    azure: azureFields
      .optional()
      .describe('Type azure-openai: how it is called. Left out: with API version 2024-10-21.'),
    credentials: providerCredentials
      .optional()
      .describe('How Sallyport authenticates to the provider. Left out: without credentials.'),
    ...providerCatalogueFields,
    timeouts: timeouts.prefault({}).describe('Limits on waiting for the provider.'),
    allowPrivateNetwork: z
      .boolean()
      .default(false)
      .describe('Lets baseURL be http or lead to private addresses. Metadata addresses stay closed.'),
  }),
  [
    {
      cel: `has(self.baseURL) || !(self.type in [${needBaseUrl.map((type) => `'${type}'`).join(', ')}])`,
      message: 'baseURL is required for this type',
      holds: (s) => s.baseURL !== undefined || !needBaseUrl.includes(s.type),
    },
    {
      cel: "!has(self.baseURL) || self.baseURL.startsWith('https://') || self.allowPrivateNetwork",
      message: 'baseURL must be https unless allowPrivateNetwork is true',
      fieldPath: '.baseURL',
      holds: (s) => s.baseURL === undefined || s.baseURL.startsWith('https://') || s.allowPrivateNetwork,
    },
    ...cloudRules,
    ...providerCatalogueRules,
  ],
);

/** ModelProvider: a company or server that serves models. */
export const modelProvider = defineResource({
  kind: 'ModelProvider',
  plural: 'modelproviders',
  shortNames: ['mprov'],
  description: 'A provider of models: which API it speaks, where it is, and the credential for it.',
  spec: spec.describe('What is wanted.'),
  status: z
    .object({
      conditions: conditionsSchema,
      observedGeneration: observedGenerationSchema,
      grantedOrigin: grantedOriginSchema,
      ...listedModels,
    })
    .describe('What is known; written by Sallyport.'),
  columns: [
    { name: 'Type', type: 'string', jsonPath: '.spec.type' },
    { name: 'Models', type: 'integer', jsonPath: '.status.modelCount' },
    ...readyColumns,
  ],
  conditions: ['Accepted', 'CredentialsValid', 'Reachable', 'Ready'],
});

/** Spec of a ModelProvider with defaults filled in. */
export type ModelProviderSpec = z.output<typeof spec>;

/** Status of a ModelProvider. */
export type ModelProviderStatus = z.output<typeof modelProvider.status>;

/** Base URL of a provider: as written, else the vendor's own. Ends without a slash. */
export function providerBaseUrl(provider: Pick<ModelProviderSpec, 'type' | 'baseURL' | 'aws' | 'google'>): string {
  return (provider.baseURL ?? cloudBaseUrl(provider) ?? vendorBaseUrls[provider.type] ?? '').replace(/\/+$/, '');
}

/** All URLs that its credential may be sent to: the base URL, and where tokens are had if that is declared. */
export function providerUrls(
  provider: Parameters<typeof providerBaseUrl>[0] & Pick<ModelProviderSpec, 'credentials'>,
): string[] {
  const { tokenURL } = provider.credentials ?? {};
  return [providerBaseUrl(provider), ...(tokenURL === undefined ? [] : [tokenURL])];
}
