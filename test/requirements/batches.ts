import { of, type Requirement } from './requirement.ts';

/** What is promised under `batches:`. */
export const batches: readonly Requirement[] = [
  ...of('DESIGN §5 (provider-side ids); issue 6', {
    'batches:checked':
      'Each line of a batch is checked as a request by itself is, and carries no tools, files or URLs.',
    'batches:own-ids': 'Batches are known by ids of ours to whoever began them; to others they are not there.',
    'batches:priced':
      'A batch takes from limits when it begins, and is counted once at its end by what its answers tell.',
  }),
];
