import type { Case } from './case.ts';

const price = { inputPerMillionTokens: '1', outputPerMillionTokens: '2' };
const target = { provider: 'a', model: 'b' };

/** Objects for the rules on what a provider adds, tells and lists, and on what a Model says of its targets and prices. */
export const casesOfProviders: readonly Case[] = [
  {
    name: 'attribution, discovery and headers',
    kind: 'ModelProvider',
    spec: {
      type: 'litellm',
      baseURL: 'https://llm.example/v1',
      attribution: ['Customer', 'Teams'],
      discovery: { include: ['gpt-*'], exclude: ['*-audio'] },
      headers: { 'X-Title': 'Agents' },
    },
  },
  {
    name: 'attribution to a provider that takes none',
    kind: 'ModelProvider',
    spec: { type: 'openai', attribution: ['Customer'] },
    errors: ['attribution is for the types'],
  },
  {
    name: 'a credential among the headers',
    kind: 'ModelProvider',
    spec: { type: 'openai', headers: { Authorization: 'Bearer x' } },
    errors: ['may not set credentials'],
  },
  {
    name: 'a header of the gateway',
    kind: 'ModelProvider',
    spec: { type: 'openai', headers: { 'sallyport-user': 'ann' } },
    errors: ['may not set credentials'],
  },
  {
    name: 'a self-run server without a URL',
    kind: 'ModelProvider',
    spec: { type: 'vllm' },
    errors: ['baseURL is required'],
  },
  {
    name: 'what a target can do, and prices by date',
    kind: 'Model',
    spec: {
      targets: [
        { ...target, capabilities: { tools: false, input: ['Text', 'Image'] }, region: 'eu', dataCollection: 'Deny' },
      ],
      price,
      prices: [{ effectiveFrom: '2026-12-01T00:00:00Z', price }],
    },
  },
  {
    name: 'a price from no time',
    kind: 'Model',
    spec: { targets: [target], prices: [{ effectiveFrom: '2026-12-01', price }] },
    errors: ['effectiveFrom'],
  },
  {
    name: 'an unknown kind of content',
    kind: 'Model',
    spec: { targets: [{ ...target, capabilities: { input: ['Smell'] } }] },
    errors: ['capabilities.input'],
  },
];
