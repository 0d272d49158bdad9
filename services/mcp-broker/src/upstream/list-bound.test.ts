import { describe, expect, it } from '@jest/globals';
import { listBound } from './list-bound.ts';

describe('a list of a server', () => {
  it('[broker:list-bound] is bounded over all its pages, however few are in each', () => {
    const page = [{ name: 'large', inputSchema: { type: 'object', description: 'x'.repeat(1024 * 1024) } }];
    const bound = listBound();
    for (let pages = 0; pages < 3; pages++) bound(page);
    expect(() => bound(page)).toThrow('longer than');
  });

  it('[broker:list-bound] is refused where it nests without end', () => {
    const deep = JSON.parse(`${'['.repeat(200_000)}${']'.repeat(200_000)}`) as unknown[];
    expect(() => listBound()(deep)).toThrow('too deep');
  });
});
