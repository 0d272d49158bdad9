import { describe, expect, it } from '@jest/globals';
import { keptShares } from './kept-shares.ts';
import { shares } from './shares.ts';

const who = (tenant: string, id: string) => ({ tenant, id });

describe('what there is room for', () => {
  it('[mcp:shares] no principal takes from its tenant, and no tenant from the others; what is given back is given back once', () => {
    const places = shares({ all: 5, tenant: 3, principal: 2 });
    const leave = places.take(who('acme', 'a')) as () => void;
    expect(places.take(who('acme', 'a'))).toBeInstanceOf(Function);
    expect(places.take(who('acme', 'a'))).toBe('principal');
    expect(places.take(who('acme', 'b'))).toBeInstanceOf(Function);
    expect(places.take(who('acme', 'c'))).toBe('tenant');
    expect(places.take(who('rival', 'a'))).toBeInstanceOf(Function);
    expect(places.take(who('third', 'a'))).toBeInstanceOf(Function);
    expect(places.take(who('fourth', 'a'))).toBe('all');
    leave();
    leave();
    expect(places.take(who('acme', 'c'))).toBeInstanceOf(Function);
    expect(places.take(who('acme', 'd'))).toBe('tenant');
  });

  it('[mcp:shares] who keeps too much loses their own first', () => {
    const kept = keptShares<string>({ all: 100, tenant: 4, principal: 2 });
    for (const key of ['1', '2', '3']) kept.put(who('acme', 'a'), key, `a${key}`);
    kept.put(who('rival', 'a'), 'r', 'r');
    expect(['1', '2', '3', 'r'].map((key) => kept.get(key))).toEqual([undefined, 'a2', 'a3', 'r']);
    for (const id of ['b', 'c', 'd']) kept.put(who('acme', id), id, id);
    expect(['2', '3', 'b', 'c', 'd', 'r'].map((key) => kept.get(key))).toEqual([undefined, 'a3', 'b', 'c', 'd', 'r']);
    kept.put(who('acme', 'b'), 'b', 'again');
    expect([kept.get('3'), kept.get('b')]).toEqual(['a3', 'again']);
    kept.drop('b');
    expect(kept.get('b')).toBeUndefined();
  });
});
