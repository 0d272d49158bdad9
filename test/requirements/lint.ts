import { of, type Requirement } from './requirement.ts';

/** What is promised under `lint:`. */
export const lint: readonly Requirement[] = [
  ...of('DESIGN §2, §3, §7, §8', {
    'lint:name-taken': 'A public name held by another Model is a fault.',
    'lint:cel': 'Conditions of ToolPolicies are compiled.',
  }),
];
