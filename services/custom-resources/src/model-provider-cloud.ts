import { z } from 'zod';
import type { Rule } from './define-resource.ts';

/** `spec.aws` of a ModelProvider. */
export const awsFields = z.object({
  region: z
    .string()
    .max(32)
    .regex(/^[a-z]{2}(-[a-z]+)+-[0-9]{1,2}$/, 'must be a region such as eu-central-1')
    .describe('Region whose models are called, and for which calls are signed.'),
});

/** `spec.google` of a ModelProvider. */
export const googleFields = z.object({
  project: z
    .string()
    .max(63)
    .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'must be the id or number of a project')
    .describe('Project that is billed.'),
  location: z
    .string()
    .max(32)
    .regex(/^(global|us|eu|[a-z]+-[a-z]+[0-9]{1,2})$/, 'must be a location such as europe-west4, eu or global')
    .default('global')
    .describe('Location at which models are called.'),
});

/** `spec.azure` of a ModelProvider. */
export const azureFields = z.object({
  apiVersion: z
    .string()
    .max(32)
    .regex(/^[0-9]{4}-[0-9]{2}-[0-9]{2}(-preview)?$/, 'must be a version such as 2024-10-21')
    .describe('Version of the API, sent as api-version.'),
});

/** The fields of one cloud, which stand in a ModelProvider of its types and of no other. */
interface CloudSpec {
  readonly type: string;
  readonly allowPrivateNetwork: boolean;
  readonly aws?: unknown;
  readonly google?: unknown;
  readonly azure?: unknown;
  readonly credentials?:
    | { readonly tokenURL?: string | undefined; readonly workloadIdentity?: string | undefined }
    | undefined;
}

const AZURE: readonly string[] = ['azure-openai', 'azure-foundry'];

/** What these fields demand of a ModelProvider. */
export const cloudRules: readonly Rule<CloudSpec>[] = [
  {
    cel: "(self.type == 'bedrock') == has(self.aws)",
    message: 'aws must be given for type bedrock, and for no other',
    fieldPath: '.aws',
    holds: (s) => (s.type === 'bedrock') === (s.aws !== undefined),
  },
  {
    cel: "(self.type == 'vertex') == has(self.google)",
    message: 'google must be given for type vertex, and for no other',
    fieldPath: '.google',
    holds: (s) => (s.type === 'vertex') === (s.google !== undefined),
  },
  {
    cel: "self.type == 'azure-openai' || !has(self.azure)",
    message: 'azure is for type azure-openai only',
    fieldPath: '.azure',
    holds: (s) => s.type === 'azure-openai' || s.azure === undefined,
  },
  {
    cel: "!has(self.credentials) || !has(self.credentials.tokenURL) || self.type in ['vertex', 'azure-openai', 'azure-foundry']",
    message: 'tokenURL is for the types vertex, azure-openai and azure-foundry only',
    fieldPath: '.credentials.tokenURL',
    holds: ({ type, credentials }) => credentials?.tokenURL === undefined || type === 'vertex' || AZURE.includes(type),
  },
  {
    cel: "!has(self.credentials) || !has(self.credentials.workloadIdentity) || self.type in ['bedrock', 'vertex', 'azure-openai', 'azure-foundry']",
    message: 'workloadIdentity is for the types bedrock, vertex, azure-openai and azure-foundry only',
    fieldPath: '.credentials.workloadIdentity',
    holds: ({ type, credentials }) =>
      credentials?.workloadIdentity === undefined || ['bedrock', 'vertex', ...AZURE].includes(type),
  },
  {
    cel: "!has(self.credentials) || !has(self.credentials.tokenURL) || self.credentials.tokenURL.startsWith('https://') || self.allowPrivateNetwork",
    message: 'tokenURL must be https unless allowPrivateNetwork is true',
    fieldPath: '.credentials.tokenURL',
    holds: ({ credentials, allowPrivateNetwork }) =>
      credentials?.tokenURL === undefined || credentials.tokenURL.startsWith('https://') || allowPrivateNetwork,
  },
];

/** Base URL of a provider whose vendor has one for each region; undefined for other types. */
export function cloudBaseUrl({
  aws,
  google,
}: {
  readonly aws?: z.output<typeof awsFields> | undefined;
  readonly google?: z.output<typeof googleFields> | undefined;
}): string | undefined {
  if (aws) {
    const domain = aws.region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com';
    return `https://bedrock-runtime.${aws.region}.${domain}`;
  }
  return google && `https://${vertexHost(google.location)}`;
}

function vertexHost(location: string): string {
  if (location === 'global') return 'aiplatform.googleapis.com';
  if (location === 'us' || location === 'eu') return `aiplatform.${location}.rep.googleapis.com`;
  return `${location}-aiplatform.googleapis.com`;
}
