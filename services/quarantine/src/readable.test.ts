import { describe, expect, it } from '@jest/globals';
import { readableText } from './readable.ts';

describe('what a reading model gets', () => {
  it('[quarantine:readable] lays a structured result out with its line breaks', () => {
    const text = readableText(
      '',
      JSON.stringify({ result: [{ subject: 'Bill', body: 'Dear all,\n\tpay 98.70\nto AB12' }] }),
      1000,
    );
    expect(text).toContain('pay 98.70\n');
    expect(text).not.toContain('\\n');
  });

  it.each([
    ['plain words', ''],
    ['{"a": 1, "a": 2}', '{"a": 1, "a": 2}'],
  ])('[quarantine:readable] gives %j as it is where there is no structured result', (content, structured) => {
    expect(readableText(content, structured, 1000)).toBe(content);
  });

  it('[quarantine:exact-numbers] leaves a result as it is that has a number which no double holds', () => {
    const structured = '{"id":9007199254740993}';
    expect(readableText('', structured, 1000)).toBe(structured);
  });

  it('[quarantine:size] lays out nothing that is too large to be read', () => {
    const structured = JSON.stringify(Array.from({ length: 2_000_000 }, () => 1));
    const began = process.cpuUsage();
    expect(readableText('', structured, 256 * 1024)).toBe(structured);
    expect(process.cpuUsage(began).user / 1_000).toBeLessThan(200);
  });
});
