import { of, type Requirement } from './requirement.ts';

/** What is promised under `provenance:`. */
export const provenance: readonly Requirement[] = [
  ...of('DESIGN §4 (ask), §5; issue 4', {
    'provenance:masked': 'Of a result the model sees what nobody outside can write, and handles for the rest.',
    'provenance:known': 'What is typed or stands in a trusted field may be a destination without asking.',
    'provenance:content': 'Values behind handles are sent as content, their links inert.',
    'provenance:final': 'Links behind handles stand in the final text as code, on both fronts, streaming or not.',
    'provenance:approved': 'A call that a rule asks about is made once a person approves it, and only once.',
    'provenance:rejected': 'A rejected call is not made, and the model is told.',
    'provenance:later': 'A turn does not wait for ever; a later approval lets the same call pass once in the same run.',
  }),
];
