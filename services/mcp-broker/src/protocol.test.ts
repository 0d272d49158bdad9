import { describe, expect, it } from '@jest/globals';
import { legacyRevision, negotiated, revisionOf } from './protocol.ts';

describe('revisions', () => {
  it.each([
    ['2025-03-26', '2025-03-26'],
    ['2025-06-18', '2025-06-18'],
    ['2025-11-25', '2025-11-25'],
    // A handshake never ends in a revision that has none.
    ['2026-07-28', '2025-11-25'],
    ['2024-11-05', '2025-11-25'],
    [undefined, '2025-11-25'],
    [7, '2025-11-25'],
  ])('answers a handshake for %s with %s', (requested, given) => {
    expect(negotiated(requested).version).toBe(given);
  });

  it.each([
    [undefined, '2025-03-26'],
    ['2025-06-18', '2025-06-18'],
    ['2026-07-28', undefined],
    ['2024-11-05', undefined],
    ['nonsense', undefined],
  ])('takes the header %s of the older line for %s', (header, version) => {
    expect(legacyRevision(header)?.version).toBe(version);
  });

  it('knows what each revision has', () => {
    expect(revisionOf('2025-03-26')).toMatchObject({ structured: false, batches: true, era: 'legacy' });
    expect(revisionOf('2025-11-25')).toMatchObject({ structured: true, batches: false, era: 'legacy' });
    expect(revisionOf('2026-07-28')).toMatchObject({ structured: true, batches: false, era: 'modern' });
  });
});
