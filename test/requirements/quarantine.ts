import { of, type Requirement } from './requirement.ts';

/** What is promised under `quarantine:`. */
export const quarantine: readonly Requirement[] = [
  ...of('DESIGN §2, §4–§9; issue 3', {
    'quarantine:strict-answer': 'An answer fits its question exactly or is refused.',
    'quarantine:strings-are-handles': 'Every string is a handle.',
    'quarantine:handle-binding': 'Handles are for one tenant, run and principal.',
    'quarantine:durable': 'The same content in one run keeps answer and handles.',
    'quarantine:no-sharing': 'Answers are not shared across tenants or users.',
    'quarantine:retry-once': 'A misfit is asked again once, then denied.',
    'quarantine:size': 'Oversized content is denied unread.',
    'quarantine:bit-budget': 'Plain values are bounded per answer and run.',
    'quarantine:detectors': 'Tag characters and credentials do not reach the model.',
    'quarantine:no-content-in-paths': 'Shown paths hold no word of the content.',
    'quarantine:sealed': 'Values are sealed at rest and never logged.',
    'quarantine:callers': 'Only the two proxies are answered.',
  }),
];
