import type { Case } from './case.ts';

const kind = 'ModelProvider';
const secretRef = { name: 'cloud', key: 'key' };
const tokens = (tokenURL: string) => ({ secretRef, tokenURL });

/** At least one accepted and one refused object for each rule on the clouds. */
export const casesOfClouds: readonly Case[] = [
  { name: 'Bedrock in a region', kind, spec: { type: 'bedrock', aws: { region: 'eu-central-1' } } },
  { name: 'Bedrock nowhere', kind, spec: { type: 'bedrock' }, errors: ['aws must be given'] },
  {
    name: 'a region that would lead elsewhere',
    kind,
    spec: { type: 'bedrock', aws: { region: 'evil.example/' } },
    errors: ['spec.aws.region'],
  },
  {
    name: 'Vertex AI with an endpoint for tokens',
    kind,
    spec: {
      type: 'vertex',
      google: { project: 'acme', location: 'europe-west4' },
      credentials: tokens('https://tokens.example/token'),
    },
  },
  {
    name: 'a project for another vendor',
    kind,
    spec: { type: 'openai', google: { project: 'acme' } },
    errors: ['google must be given'],
  },
  {
    name: 'Azure OpenAI of a version',
    kind,
    spec: { type: 'azure-openai', baseURL: 'https://acme.openai.azure.com', azure: { apiVersion: '2024-10-21' } },
  },
  {
    name: 'a version for Foundry',
    kind,
    spec: { type: 'azure-foundry', baseURL: 'https://acme.services.ai.azure.com', azure: { apiVersion: '2024-10-21' } },
    errors: ['azure is for type azure-openai'],
  },
  {
    name: 'Azure without an endpoint',
    kind,
    spec: { type: 'azure-foundry' },
    errors: ['baseURL is required'],
  },
  {
    name: 'an endpoint for tokens of a vendor who has none',
    kind,
    spec: { type: 'openai', credentials: tokens('https://tokens.example/token') },
    errors: ['tokenURL is for the types'],
  },
  {
    name: 'an endpoint for tokens without TLS',
    kind,
    spec: { type: 'vertex', google: { project: 'acme' }, credentials: tokens('http://tokens.example/token') },
    errors: ['tokenURL must be https'],
  },
  {
    name: 'an identity of a vendor who has none',
    kind,
    spec: { type: 'openai', credentials: { workloadIdentity: 'models' } },
    errors: ['workloadIdentity is for the types'],
  },
  {
    name: 'an identity beside a Secret',
    kind,
    spec: { type: 'vertex', google: { project: 'acme' }, credentials: { secretRef, workloadIdentity: 'models' } },
    errors: ['workloadIdentity stands alone'],
  },
];
