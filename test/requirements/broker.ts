import { of, type Requirement } from './requirement.ts';

/** What is promised under `broker:`. */
export const broker: readonly Requirement[] = [
  ...of('DESIGN §4, §5, §7, §8; MCP 2025-03-26 to 2026-07-28', {
    'broker:memory-apart': 'What policy refuses to remember of one call withholds no result of another.',
    'broker:lying-server': 'Garbage, 500, cut and hang end in a clean error, and the next call works.',
    'broker:session-per-principal': 'Upstream sessions are never shared between principals.',
    'broker:result-bound': 'Too large answers are cut.',
    'broker:ssrf': 'Tool servers lead to no private address unless allowed.',
    'broker:breaker': 'A server whose calls fail is left alone for a while, then tried again by one call.',
    'broker:breaker-others':
      'Calls that some make fail keep nobody from calling who has not failed: only a server that cannot be reached is closed to all.',
    'broker:breaker-apart': 'What fails for one principal alone keeps nobody else from calling.',
    'broker:while-down': 'While a server cannot be called its tools are answered for, or not listed, as declared.',
    'broker:hostile-result': 'Results that are huge, endless, binary or of another request end in a clean error.',
    'broker:list-bound': 'A list of a server is bounded over all its pages.',
    'broker:contradiction': 'A result whose text contradicts its structured content is not used.',
    'broker:bounded': 'Whatever is sent to a tool server has an end.',
  }),
];
