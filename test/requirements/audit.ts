import { of, type Requirement } from './requirement.ts';

/** What is promised under `audit:`. */
export const audit: readonly Requirement[] = [
  ...of('DESIGN §2, §3, §7, §8', {
    'audit:group-commit': 'What comes while a commit is under way is written in the next one.',
    'audit:poison-record': 'A record that the database refuses takes no others with it.',
    'audit:bounded': 'Too many waiting records are refused as unavailable.',
    'audit:idempotent': 'A record is kept once, however often it is sent.',
    'audit:acknowledged-survives': 'What was acknowledged survives a kill.',
    'audit:inputs-sealed': 'Decision inputs are sealed per tenant.',
    'audit:secrets-long': 'Secrets of any length are taken out, in time linear in the text.',
    'audit:secrets-redacted': 'Credentials are taken out before storage.',
    'audit:insert-only': "The service's role cannot change or delete records.",
    'audit:tenants': 'One tenant sees nothing of another.',
    'audit:unknown-outcome': 'An intent without an outcome shows unknown after a bound.',
    'audit:principals': 'Who sees some principals only sees no other runs, and no other use.',
    'audit:model-calls': 'The model calls of a turn are found by its id, for the principal that asked for them alone.',
    'audit:generation':
      'What an answer took and cost is told afterwards as OpenRouter does, by the id of its turn, to whoever asked for it; a foreign id is as one that is none, and what no record says is null.',
    'audit:entered': 'A run is untrusted by what entered the context of a model; quarantined results count apart.',
    'audit:one-view': 'The totals of a run are those of the records shown with it.',
    'audit:usage-exact': 'Usage adds up to the nano-dollar by any group.',
    'audit:callers': 'Only named services may write or ask.',
  }),
];
