import { describe, expect, it } from '@jest/globals';
import { contradictsItself } from './contradiction.ts';

const answer = (structuredContent: unknown, texts: readonly string[]) => ({
  content: texts.map((text) => ({ type: 'text', text })),
  structuredContent,
  isError: false,
});

describe('a result of which text and data are held against each other', () => {
  it('[broker:contradiction] may say parts at any depth, in any order of members, one by one', () => {
    const rows = Array.from({ length: 3_000 }, (_, id) => ({ id, name: `row ${id}`, more: { even: id % 2 === 0 } }));
    const whole = { result: rows, deep: { deeper: { deepest: [{ a: 1, b: [2, {}] }] } } };
    const told = rows.map((row) => JSON.stringify(row, undefined, 2));
    expect(contradictsItself(answer(whole, told))).toBe(false);
    expect(contradictsItself(answer(whole, ['{"b":[2,{}],"a":1}', '[]  x']))).toBe(false);
    for (const other of ['{"b":[2,{}],"a":2}', '{"a":1}', '[2]', '{"0":2,"1":{}}']) {
      expect(contradictsItself(answer(whole, [other]))).toBe(true);
    }
  });

  it('[broker:contradiction] is looked through for so long only, and then not used', () => {
    const whole = { a: { b: { c: [...Array.from({ length: 2_000 }, () => 0), [1]] } } };
    const told = Array.from({ length: 1_000 }, () => '[ 1 ]');
    expect(contradictsItself(answer(whole, told.slice(0, 10)))).toBe(false);
    expect(contradictsItself(answer(whole, told))).toBe(true);
  });
});
