import { of, type Requirement } from './requirement.ts';

/** What is promised under `schema:`. */
export const schema: readonly Requirement[] = [
  ...of('DESIGN §4, §5, §7, §8; MCP 2025-03-26 to 2026-07-28', {
    'schema:no-foreign-regex': 'No regular expression of a server is run by an engine that backtracks.',
    'schema:patterns': 'Patterns of schemas are run in linear time and mean what JSON Schema says they mean.',
    'schema:patterns-bounded': 'Patterns are bounded in size, and in the time that a check spends on them.',
    'schema:patterns-told': 'Patterns that are not run are counted in the status of their server.',
    'schema:bounded': 'Checks of foreign schemas end.',
  }),
];
