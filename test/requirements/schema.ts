import { of, type Requirement } from './requirement.ts';

/** What is promised under `schema:`. */
export const schema: readonly Requirement[] = [
  ...of('DESIGN §4, §5, §7, §8; MCP 2025-03-26 to 2026-07-28', {
    'schema:no-foreign-regex': 'No regular expression of a server runs in the gate.',
    'schema:bounded': 'Checks of foreign schemas end.',
  }),
];
