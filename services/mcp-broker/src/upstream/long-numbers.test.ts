import { describe, expect, it } from '@jest/globals';
import { markedNumbers, unmarked } from './long-numbers.ts';

async function through(text: string, isStream: boolean, cut = 3): Promise<string> {
  const bytes = Buffer.from(text);
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += cut) yield bytes.subarray(at, at + cut);
  }
  let told = '';
  for await (const part of markedNumbers(chunks(), isStream)) told += part.toString();
  return told;
}

describe('numbers that the official client would change', () => {
  it('[mcp:exact-numbers] leaves lines of a stream alone that are no JSON, however they are cut', async () => {
    const text = 'event: ping\ndata: 2026-11-22 10:00:00\n\ndata: -\n\ndata: 00000000000000000001\n\ndata: hello\n\n';
    for (const cut of [1, 2, 7, 1_000]) expect(await through(text, true, cut)).toBe(text);
  });

  it('[mcp:exact-numbers] brings a number back as it was written', async () => {
    const text = '{"result":{"id":1234567890123456789,"text":"1234567890123456789","n":7}}';
    for (const cut of [1, 5, 1_000]) {
      expect(JSON.stringify(unmarked(JSON.parse(await through(text, false, cut))))).toBe(text);
    }
  });
});
