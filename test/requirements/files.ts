import { of, type Requirement } from './requirement.ts';

/** What is promised under `files:`. */
export const files: readonly Requirement[] = [
  ...of('DESIGN §5 (provider-side ids); issue 6', {
    'files:content': 'Files are read back as bytes, never as a page, and deleted at the provider and here.',
    'files:in-chat':
      'A file of the caller’s stands under the provider’s id in what goes to that provider, and only there.',
    'files:own-ids': 'Files are known by ids of ours to whoever uploaded them; to others they are not there.',
    'files:refused': 'Files for what a provider would run by itself are refused, and those that no provider keeps.',
    'files:sealed': 'Where a file is stands sealed in the row of its owner, and opens nowhere else.',
  }),
];
