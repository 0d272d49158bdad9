import { of, type Requirement } from './requirement.ts';

/** What is promised under `cli:`. */
export const cli: readonly Requirement[] = [
  ...of('DESIGN §10; issue 3, done when', {
    'cli:promote-prompts': 'The prompts of a server are promoted with its tools.',
    'cli:promote-large': 'A server of as many tools as one may have is promoted whole.',
    'cli:promote': 'A server is promoted by the digests of what it offers now; what is suspicious is accepted by name.',
    'cli:story': 'The CLI tells the story of a run, shows status and lints.',
    'cli:key-stays': 'The admin key of a suite goes to that suite only.',
    'cli:approvals': 'The CLI lists approvals, shows one in full, and approves or rejects it.',
  }),
  ...of('issue 4, dynamic tool engine, modes', {
    'cli:policy-test': 'Cases beside policies are decided as the policy service would; a failing one is told in full.',
    'cli:policy-table':
      'The truth table of each tool is worked out from the rules; rows that nothing distinguishes are one.',
    'cli:policy-explain':
      'Of a recorded call or a case, each rule, each origin and what would have let it pass is told.',
    'cli:policy-replay': 'Recorded calls are decided again with other policies, and what would change is counted.',
    'cli:policy-coverage': 'Clients, keys, models and tools outside of the protection are named.',
  }),
];
