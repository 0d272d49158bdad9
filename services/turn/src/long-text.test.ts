import { describe, expect, it } from '@jest/globals';
import { findLinks } from './links.ts';
import { isEven } from './normalise.ts';

describe('long texts of prompts and results', () => {
  it('[turn:long-text] are looked through in time linear in them, without running out of a stack', () => {
    const started = process.cpuUsage();
    expect(isEven(`${'ab '.repeat(10_000_000)}c`)).toBe(true);
    for (const text of ['', ' a', 'a ', 'a  b', 'é', 'a\tb']) expect(isEven(text)).toBe(false);
    // Each of these ends in a run that would be tried at each of its places.
    expect(findLinks(`http://a.b/${'.'.repeat(1_990)}x `.repeat(5_000))).toHaveLength(5_000);
    expect(findLinks('see http://a.b/c...')[0]).toMatchObject({ start: 4, end: 16 });
    expect(process.cpuUsage(started).user / 1_000).toBeLessThan(4_000);
  });
});
