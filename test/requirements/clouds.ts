import { of, type Requirement } from './requirement.ts';

/** What is promised under `clouds:`: the models of Amazon, Google and Microsoft behind every front. */
export const clouds: readonly Requirement[] = [
  ...of('issue 6 (wires that providers alone speak)', {
    'clouds:framing': 'A stream in any framing says the same wherever its bytes are cut.',
    'clouds:event-stream':
      "Amazon's event stream is read by its published form; what does not fit its checksums is not believed.",
  }),
];
