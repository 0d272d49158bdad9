import { of, type Requirement } from './requirement.ts';

/** What is promised under `fragments:`. */
export const fragments: readonly Requirement[] = [
  ...of('issue 6: streams as other gateways and providers send them', {
    'fragments:nothing-lost':
      'A stream cut anywhere, with any line ends, comments, missing blank lines, nulls and a double finish loses no tool argument and no usage.',
    'fragments:replayed': 'A stream on record of any provider or gateway says the same to a client of every dialect.',
    'fragments:vercel-ai':
      'The Vercel AI SDK is told texts, runs tools and gets objects, through every front from models of every dialect.',
    'fragments:error-inside': 'An error inside a stream ends it once, and what was said before stands.',
  }),
];
