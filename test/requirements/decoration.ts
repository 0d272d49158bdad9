import { of, type Requirement } from './requirement.ts';

/** What is promised under `decoration:`. */
export const decoration: readonly Requirement[] = [
  ...of('issue 6; DESIGN §4.4', {
    'decoration:texts':
      "Texts of a Model stand before and behind the client's instructions, in every dialect, and nothing else changes.",
    'decoration:variables':
      'Only declared variables are filled in, as one plain line of bounded length, and never read again.',
    'decoration:parameters': 'Defaults fill what a request does not say; what is forced stands, whatever it says.',
    'decoration:targets': 'What is put in reaches targets of every dialect, and what one cannot say is left out there.',
    'decoration:labels': 'Nothing that is put in changes a label or becomes the origin of a value.',
    'decoration:record': 'The record says by digest what was put in.',
    'decoration:refused': 'A text with an unknown variable, and a parameter out of bounds, is refused with its path.',
    'decoration:plain': "A Model that declares nothing leaves the client's bytes as they are.",
  }),
  ...of('issue 6; Anthropic, prompt caching', {
    'decoration:cache-marks':
      'Prompts are marked where they are long enough to be kept, at most four times, and never beside marks of the client.',
    'decoration:prompt-savings': 'What the cache of a provider saved stands in the record.',
  }),
];
