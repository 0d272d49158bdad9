import { describe, expect, it } from '@jest/globals';
import { detect, REMOVED } from './detect.ts';

describe('detectors', () => {
  it.each([
    [`AKIA${'A'.repeat(16)}`],
    [`xoxb-${'1'.repeat(12)}`],
    [`AIza${'x'.repeat(35)}`],
    [`eyJ${'a'.repeat(20)}.eyJ${'b'.repeat(20)}.${'c'.repeat(20)}`],
    [`-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----`],
  ])('%s is taken out', (secret) => {
    expect(detect(`a ${secret} b`)).toEqual({ content: `a ${REMOVED} b`, tagCharacters: 0, secrets: 1 });
  });

  it('ordinary text stays as it is', () => {
    const text = 'Dear Ann, task-list 2026 is ready: see sk-42. Grüße 🎉';
    expect(detect(text)).toEqual({ content: text, tagCharacters: 0, secrets: 0 });
  });

  it('takes time in proportion to the content, also for what is made to be slow', () => {
    const from = performance.now();
    for (const piece of ['sk-', 'eyJ', 'eyJaaaaaaaaaaaa.', '-----BEGIN ', 'ghp_', '-----BEGIN PRIVATE KEY-----\n']) {
      detect(piece.repeat(Math.ceil(256_000 / piece.length)));
    }
    expect(performance.now() - from).toBeLessThan(3000);
  });
});
