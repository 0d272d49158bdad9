import { of, type Requirement } from './requirement.ts';

/** What is promised under `house:`. */
export const house: readonly Requirement[] = [
  ...of('the house', {
    'house:imports': 'Imports go in the agreed directions.',
    'house:policies':
      'Shipped policies decide their cases, which show each rule from both sides; at most three rules a tool.',
    'house:saw-files': 'The checks of the tree see its files.',
    'house:top-level': 'The top level holds what was agreed and nothing else.',
    'house:file-size': 'No file of ours has more than 600 lines.',
    'house:names': 'No file is named for nothing.',
    'house:no-environment': 'Only config files read the environment.',
    'house:no-module-mocks': 'No test mocks a module.',
    'house:five-files': 'Every deployable has a main and a config, and no library has a main.',
    'house:stages': 'The stages of a turn stand in files of their names.',
    'house:no-hosts': 'Nothing names a registry host or a machine path.',
    'house:readme': 'Resources in the README are valid as they are printed.',
    'house:requirements': 'Requirements and tests agree, both ways.',
  }),
];
