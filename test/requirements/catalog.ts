import { of, type Requirement } from './requirement.ts';

/** What is promised under `catalog:`. */
export const catalog: readonly Requirement[] = [
  ...of('DESIGN §4, §5, §7, §8; MCP 2025-03-26 to 2026-07-28', {
    'catalog:isolation': 'Of 200 servers one that is dead and one that hangs delay no list.',
    'catalog:slices': 'A long list of a server holds up nobody else while it is read.',
    'catalog:report-slices':
      'Looking through all tools of a tenant, and telling what was seen of its servers, hold up nobody else.',
    'catalog:drop-one': 'A bad definition is left out by itself.',
    'catalog:drift-held': 'A changed definition is neither listed nor callable until it is named.',
    'catalog:poison-held':
      'A definition with characters that nobody can see is held until a reviewer names its digest, wherever they stand.',
    'catalog:poison-flagged':
      'What a definition likely says to lead a model astray is told by a stable code, and holds nothing.',
    'catalog:poison-false': 'Nothing is held of ordinary definitions in any script.',
    'catalog:poison-bounded': 'Definitions are looked through in bounded time.',
    'catalog:reviewed-only': 'A server with reviewers offers, once Live, the definitions that they named and no other.',
    'catalog:sandbox':
      'A server in stage Sandbox is there for its reviewers alone; once Live it offers what they pinned.',
    'catalog:search': 'The tools that fit a query best are found by its words.',
    'catalog:search-scope': 'An order of what was found tells nothing of tools that are not theirs.',
    'catalog:search-scale': 'Ten thousand tools are searched within some milliseconds.',
    'catalog:drift-any-list':
      'A definition that changes on any list is held until it is the pinned one again, or named.',
    'catalog:drift-each-person': 'What is another thing for one person is held for that person.',
    'catalog:names': 'Each tool has a name of its own, whatever servers and tools are called.',
    'catalog:found-recorded': 'What is held or flagged is recorded once a day, for all replicas together.',
    'catalog:pins-durable': 'Pins outlive a restart.',
    'catalog:dead-server': 'A dead tool server delays no list.',
  }),
];
