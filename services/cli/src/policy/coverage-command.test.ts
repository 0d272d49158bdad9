import { describe, expect, it } from '@jest/globals';
import { coverageText } from './coverage-command.ts';

describe('the text of coverage', () => {
  it('[cli:policy-coverage] counts what is without any gap, then lists the gaps', () => {
    const totals = { keys: 2, clients: 0, models: 1, tools: 3 };
    const gaps = [
      { about: 'key' as const, name: 'k', gap: 'has no owner' },
      { about: 'key' as const, name: 'k', gap: 'names no client' },
    ];
    expect(coverageText({ totals, gaps: [] })).toBe(
      'without gap: 2 of 2 keys, 0 of 0 clients, 1 of 1 models, 3 of 3 tools\n',
    );
    expect(coverageText({ totals, gaps })).toMatch(
      /^without gap: 1 of 2 keys, .*\n\nABOUT +NAME +GAP\nkey +k +has no owner\n/,
    );
  });
});
