import { describe, expect, it } from '@jest/globals';
import { weighedCache } from './weighed-cache.ts';

describe('weighedCache', () => {
  it('[chassis:weighed-cache] lets go of what was asked for least recently, by weight', () => {
    const cache = weighedCache<string>(10);
    cache.put('a', 'A', 4);
    cache.put('b', 'B', 4);
    expect(cache.get('a')).toBe('A');
    cache.put('c', 'C', 4);
    expect([cache.get('a'), cache.get('b'), cache.get('c'), cache.weight]).toEqual(['A', undefined, 'C', 8]);
    cache.put('a', 'AA', 6);
    expect([cache.get('a'), cache.get('c'), cache.weight]).toEqual(['AA', 'C', 10]);
  });

  it('[chassis:weighed-cache] keeps nothing that is heavier than all may be, and weighs what is replaced once', () => {
    const cache = weighedCache<string>(10);
    cache.put('a', 'A', 4);
    cache.put('a', 'too much', 11);
    expect([cache.get('a'), cache.weight]).toEqual([undefined, 0]);
    for (let i = 0; i < 100; i++) cache.put('b', 'B', 3);
    expect(cache.weight).toBe(3);
  });
});
