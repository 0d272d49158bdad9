import { of, type Requirement } from './requirement.ts';

/** What is promised under `bootstrap:`. */
export const bootstrap: readonly Requirement[] = [
  ...of('DESIGN §8; issue 3, stage c', {
    'bootstrap:certificates':
      'The bootstrap Job issues one a service under one authority, and none again while they hold.',
    'bootstrap:fill': 'The bootstrap Job makes what is missing, in the forms that services read.',
    'bootstrap:keep': 'The bootstrap Job never changes what is there, at an upgrade either.',
    'bootstrap:least': 'The bootstrap Job makes no Secret that the chart did not.',
  }),
];
