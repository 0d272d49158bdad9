import { describe, expect, it } from '@jest/globals';
import { readableText } from './readable.ts';

describe('what a reading model gets', () => {
  it('[quarantine:readable] lays a structured result out with its line breaks', () => {
    const text = readableText(
      '',
      JSON.stringify({ result: [{ subject: 'Bill', body: 'Dear all,\n\tpay 98.70\nto AB12' }] }),
    );
    expect(text).toContain('pay 98.70\n');
    expect(text).not.toContain('\\n');
  });

  it.each([
    ['plain words', ''],
    ['{"a": 1, "a": 2}', '{"a": 1, "a": 2}'],
  ])('[quarantine:readable] gives %j as it is where there is no structured result', (content, structured) => {
    expect(readableText(content, structured)).toBe(content);
  });
});
