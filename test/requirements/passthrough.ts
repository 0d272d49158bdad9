import { of, type Requirement } from './requirement.ts';

/** What is promised under `passthrough:`. */
export const passthrough: readonly Requirement[] = [
  ...of('DESIGN §8; issue 6', {
    'passthrough:residency': 'What must stay in a region goes through nowhere else, whether a model is named or not.',
    'passthrough:as-it-is':
      'A request goes on as it is, with the provider’s credential and nothing that is the caller’s.',
    'passthrough:explicit': 'What is passed through is what an AccessPolicy names by provider, method and path.',
    'passthrough:models':
      'A model of a provider that some Model leads to is asked for only where one of those is allowed.',
    'passthrough:no-tools':
      'Bodies with tools, their calls or results in any dialect, or references to them, are refused.',
    'passthrough:one-reading': 'Targets and requests that could be read in two ways are refused.',
    'passthrough:provider-hidden': 'Answers about the account of the gateway, and redirects, are not passed on.',
    'passthrough:usage': 'Each request is limited, priced where it can be, and leaves one record.',
  }),
];
