import { of, type Requirement } from './requirement.ts';

/** What is promised under `quarantine:`. */
export const quarantine: readonly Requirement[] = [
  ...of('DESIGN §2, §4–§9; issue 3', {
    'quarantine:strict-answer': 'An answer fits its question exactly or is refused.',
    'quarantine:exact-numbers':
      'A number that no double holds stands behind a handle, which is filled with all its digits.',
    'quarantine:strings-are-handles': 'Every string is a handle.',
    'quarantine:handle-binding': 'Handles are for one tenant, run and principal.',
    'quarantine:durable': 'The same content in one run keeps answer and handles.',
    'quarantine:no-sharing': 'Answers are not shared across tenants or users.',
    'quarantine:retry-once': 'A misfit is asked again once, then denied.',
    'quarantine:each-run': 'A question may have content read anew in each run.',
    'quarantine:readable': 'A reading model gets a structured result laid out as text.',
    'quarantine:size': 'Oversized content is denied unread.',
    'quarantine:bit-budget': 'Plain values are bounded per answer and run.',
    'quarantine:detectors': 'Tag characters and credentials do not reach the model.',
    'quarantine:no-content-in-paths': 'Shown paths hold no word of the content.',
    'quarantine:sealed': 'Values are sealed at rest and never logged.',
    'quarantine:callers': 'Only the two proxies are answered.',
  }),
  ...of('DESIGN §5; issue 4', {
    'quarantine:mask': 'Of a structured result the model sees what is typed or declared; all else is a handle.',
    'quarantine:trusted-fields': 'A field that nobody outside can write stands in plain, if it is what it should be.',
    'quarantine:trusted-text': 'Trusted text is one short line without links, mark-up or invisible characters.',
    'quarantine:unseen': 'What a tool was told behind a handle stays behind one, in a trusted field too.',
    'quarantine:echo': 'What the model wrote is shown again as it wrote it.',
    'quarantine:honest-bits': 'Bits are the lengths of a prefix-free code of all that content can choose.',
    'quarantine:ladder': 'Over budget or without a reader less is shown, then nothing.',
    'quarantine:many-values': 'A field may ask for a list of values.',
    'quarantine:fallback': 'Reading models are asked in order.',
    'quarantine:canary': 'An answer that repeats the secret mark is denied.',
    'quarantine:hidden-text': 'Comments and hidden text are reported.',
    'quarantine:few-rows': 'However many handles, a result is one row.',
  }),
];
