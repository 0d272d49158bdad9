import { of, type Requirement } from './requirement.ts';

/** What is promised under `cli:`. */
export const cli: readonly Requirement[] = [
  ...of('DESIGN §10; issue 3, done when', {
    'cli:story': 'The CLI tells the story of a run, shows status and lints.',
    'cli:key-stays': 'The admin key of a suite goes to that suite only.',
    'cli:approvals': 'The CLI lists approvals, shows one in full, and approves or rejects it.',
  }),
  ...of('issue 4, dynamic tool engine, modes', {
    'cli:policy-test': 'Cases beside policies are decided as the policy service would; a failing one is told in full.',
  }),
];
