import { of, type Requirement } from './requirement.ts';

/** What is promised under `operations:`. */
export const operations: readonly Requirement[] = [
  ...of('DESIGN §4; issue 6 (endpoints that are no chat)', {
    'operations:priced': 'Images, characters, seconds of sound and searches are priced exactly, beside tokens.',
    'operations:price-unknown': 'Where what is counted has no price, the cost is unknown and says so.',
  }),
];
