import { of, type Requirement } from './requirement.ts';

/** What is promised under `catalog:`. */
export const catalog: readonly Requirement[] = [
  ...of('DESIGN §4, §5, §7, §8; MCP 2025-03-26 to 2026-07-28', {
    'catalog:drop-one': 'A bad definition is left out by itself.',
    'catalog:drift-held': 'A changed definition is neither listed nor callable until it is named.',
    'catalog:pins-durable': 'Pins outlive a restart.',
    'catalog:dead-server': 'A dead tool server delays no list.',
  }),
];
