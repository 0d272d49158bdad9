import { of, type Requirement } from './requirement.ts';

/** What is promised under `passthrough:`. */
export const passthrough: readonly Requirement[] = [
  ...of('DESIGN §8; issue 6', {
    'passthrough:explicit': 'What is passed through is what an AccessPolicy names by provider, method and path.',
  }),
];
