import { describe, expect, it } from '@jest/globals';
import { usageStatement } from './usage.ts';

const question = { tenant: 'default', fromMs: 0, toMs: 1, groupBy: [], filters: {}, principalIds: [] };

describe('usageStatement', () => {
  it('passes every value as a parameter', () => {
    const { text, values } = usageStatement({
      ...question,
      groupBy: ['model', 'day'],
      filters: { customer: "x' or true" },
    });
    expect(values).toEqual(['default', 0, 1, "x' or true"]);
    expect(text).toContain('r.customer = $4');
    expect(text).not.toContain('or true');
  });

  it.each([
    { groupBy: ['1; drop table records'], filters: {} },
    { groupBy: ['constructor'], filters: {} },
    { groupBy: [], filters: { 'r.tenant': 'other' } },
  ])('refuses names that are no dimension: %j', (bad) => {
    expect(() => usageStatement({ ...question, ...bad })).toThrow(expect.objectContaining({ code: 'invalid_request' }));
  });
});
