import { of, type Requirement } from './requirement.ts';

/** What is promised under `import:`. */
export const imports: readonly Requirement[] = [
  ...of('issue 6, cache and shaping: sallyport import litellm', {
    'import:alike': 'A name that LiteLLM serves has the same targets, order, shares and fallbacks after an import.',
    'import:lints': 'What an import writes passes lint, and is the same each time.',
    'import:providers': 'Each type, place and credential becomes one ModelProvider, whichever deployments have it.',
    'import:secrets':
      'A key that stands in a config goes into a Secret file alone, one of the environment becomes a gap to fill.',
    'import:report': 'Each setting that is not carried over, or otherwise, is named with its path and why.',
    'import:wildcards': 'Wildcards become discovery, and a Model where a fallback names one of their models.',
    'import:limits': 'What LiteLLM enforces becomes Limits; what it only weighs by becomes shares.',
    'import:access': 'Everyone may use what stands in no access group, and the team of its name what does.',
    'import:live': 'A real LiteLLM proxy and the imported resources reach the same model of a provider for each name.',
  }),
  ...of('issue 6, done when: real upstreams', {
    'import:litellm-upstream':
      'A real LiteLLM proxy serves as upstream, keyed per user and told who asks: text, streams and tools.',
    'import:second-sallyport':
      'A second Sallyport serves as upstream, keyed per user; attribution arrives where it may, the run never does.',
  }),
];
