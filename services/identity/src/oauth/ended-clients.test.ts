import { describe, expect, it } from '@jest/globals';
import type { SnapshotItem } from '@sallyport/peers/snapshot';
import { endedSince } from './ended-clients.ts';

const client = (uid: string, spec: object = {}) =>
  ({ uid, tenant: 'acme', name: `client-${uid}`, spec: { disabled: false, ...spec } }) as unknown as SnapshotItem;

describe('clients that ended', () => {
  it('[oauth:client-ended] are those that were disabled or are gone, each once', () => {
    const [a, b, c] = [client('a'), client('b'), client('c', { disabled: true })];
    const names = (before: SnapshotItem[], now: SnapshotItem[]) =>
      endedSince(before, now).map(([{ uid }, reason]) => [uid, reason]);
    expect(names([a, b, c], [a, b, c])).toEqual([]);
    expect(names([a, b, c], [a])).toEqual([['b', 'client deleted']]);
    expect(names([a, b], [client('a', { disabled: true }), b])).toEqual([['a', 'client disabled']]);
    // Of the same name, but another: what the first one had is not its.
    expect(names([a], [client('d')])).toEqual([['a', 'client deleted']]);
    expect(names([], [a, c])).toEqual([]);
  });
});
