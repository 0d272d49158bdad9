import { of, type Requirement } from './requirement.ts';

/** What is promised under `routing:`. */
export const routing: readonly Requirement[] = [
  ...of('issue 6 (routing); DESIGN §6', {
    'routing:plain': 'A Model that says nothing of routing is routed as before, by priority.',
    'routing:declared': 'What a Model says of routing is checked with the path of the fault.',
  }),
];
