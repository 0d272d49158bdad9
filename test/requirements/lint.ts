import { of, type Requirement } from './requirement.ts';

/** What is promised under `lint:`. */
export const lint: readonly Requirement[] = [
  ...of('DESIGN §2, §3, §7, §8', {
    'lint:catalog':
      'Picks that offer nothing, names that mean two things and servers that wait for reviewers are remarked on.',
    'lint:name-taken': 'A public name held by another Model is a fault.',
    'lint:cel': 'Conditions of ToolPolicies are compiled.',
  }),
  ...of('issue 4, sallyport lint; DESIGN §6', {
    'lint:never-holds': 'A rule that can never hold is a fault, one that always does a warning.',
    'lint:tools': 'Policies about tools that no tool server declares are warned of.',
    'lint:coverage': 'Tools that can do harm and of which no rule speaks are warned of.',
    'lint:trusted-fields': 'Trusted fields that are called like addresses are warned of; each says who writes it.',
  }),
];
