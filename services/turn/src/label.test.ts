import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  endorse,
  flowsTo,
  fromJson,
  join,
  joinAll,
  type Label,
  label,
  MAX_SOURCES,
  MORE_SOURCES,
  mayRead,
  sameLabel,
  TRUSTED,
  toJson,
  UNLABELLED,
  untrusted,
} from './label.ts';

const principal = fc.constantFrom('user:ann', 'user:bob', 'user:cy', 'team:a', 'team:b');
const labels: fc.Arbitrary<Label> = fc
  .tuple(
    fc.constantFrom('trusted' as const, 'untrusted' as const),
    fc.array(fc.oneof(fc.string({ maxLength: 4 }), fc.integer({ min: 0, max: 40 }).map(String)), { maxLength: 30 }),
    fc.oneof(fc.constant('public' as const), fc.array(principal, { maxLength: 5 })),
  )
  .map(([integrity, sources, audience]) => label(integrity, sources, audience));

describe('join', () => {
  it('[turn:label-lattice] is associative', () => {
    fc.assert(
      fc.property(labels, labels, labels, (a, b, c) => {
        expect(join(join(a, b), c)).toEqual(join(a, join(b, c)));
      }),
    );
  });

  it('[turn:label-lattice] is commutative and idempotent, and TRUSTED is neutral', () => {
    fc.assert(
      fc.property(labels, labels, (a, b) => {
        expect(join(a, b)).toEqual(join(b, a));
        expect(join(a, label(a.integrity, a.sources, a.audience))).toEqual(a);
        expect(join(a, TRUSTED)).toEqual(a);
        expect(join({ ...TRUSTED }, a)).toEqual(a);
      }),
    );
  });

  it('never raises: both sides flow to the join', () => {
    fc.assert(
      fc.property(labels, labels, (a, b) => {
        expect(flowsTo(a, join(a, b))).toBe(true);
        expect(flowsTo(b, join(a, b))).toBe(true);
      }),
    );
  });

  it('names at most so many sources and says that there are more', () => {
    const all = joinAll(Array.from({ length: 40 }, (_, i) => untrusted(`tool:${i}`)));
    expect(all.sources).toHaveLength(MAX_SOURCES + 1);
    expect(all.sources.at(-1)).toBe(MORE_SOURCES);
  });

  it('intersects audiences down to nobody', () => {
    const both = join(label('trusted', [], ['ann', 'bob']), label('trusted', [], ['bob', 'cy']));
    expect(both.audience).toEqual(['bob']);
    const nobody = join(both, label('trusted', [], ['ann']));
    expect(nobody.audience).toEqual([]);
    expect(mayRead(nobody, 'ann')).toBe(false);
    expect(mayRead(TRUSTED, 'ann')).toBe(true);
  });
});

describe('endorse', () => {
  const given = { id: 'e1', by: 'user:boss', reason: 'checked', expiresAtMs: 1000 };
  it('is the only raise, and leaves its own id as the source', () => {
    const raised = endorse(untrusted('mail', ['ann']), given, 999);
    expect(raised).toEqual({ integrity: 'trusted', sources: ['endorsed:e1'], audience: ['ann'] });
  });
  it.each([
    ['expired', given, 1000],
    ['read at no time', given, Number.NaN],
    ['without an expiry', { ...given, expiresAtMs: Number.NaN }, 1],
    ['without an id', { ...given, id: '' }, 1],
    ['without an author', { ...given, by: '' }, 1],
  ])('changes nothing when %s', (_name, endorsement, now) => {
    const before = untrusted('mail');
    expect(endorse(before, endorsement, now)).toBe(before);
  });
  it('widens the audience only when it says so', () => {
    expect(endorse(untrusted('mail', ['ann']), { ...given, audience: ['bob'] }, 1).audience).toEqual(['ann', 'bob']);
    expect(endorse(untrusted('mail', ['ann']), { ...given, audience: 'public' }, 1).audience).toBe('public');
    expect(endorse(untrusted('mail'), { ...given, audience: ['bob'] }, 1).audience).toBe('public');
  });
});

describe('trust over a run', () => {
  type Event = { kind: 'join' | 'reload' | 'expired' | 'malformed' | 'endorse'; with: Label };
  const events = fc.array(
    fc.record({
      kind: fc.constantFrom(
        'join' as const,
        'reload' as const,
        'expired' as const,
        'malformed' as const,
        'endorse' as const,
      ),
      with: labels,
    }),
    { maxLength: 30 },
  );
  const step = (now: Label, event: Event): Label => {
    if (event.kind === 'join') return join(now, event.with);
    if (event.kind === 'reload') return fromJson(toJson(now));
    if (event.kind === 'expired') return endorse(now, { id: 'e', by: 'b', reason: '', expiresAtMs: 5 }, 6);
    if (event.kind === 'malformed') return endorse(now, { id: '', by: 'b', reason: '', expiresAtMs: 5 }, 1);
    return endorse(now, { id: 'e', by: 'b', reason: '', expiresAtMs: 5 }, 1);
  };

  it('[turn:latch] no sequence of events raises a label but a valid endorsement', () => {
    fc.assert(
      fc.property(labels, events, (start, sequence) => {
        let now = start;
        for (const event of sequence) {
          const after = step(now, event);
          if (event.kind !== 'endorse') expect(flowsTo(now, after)).toBe(true);
          now = after;
        }
      }),
    );
  });
});

describe('the stored form', () => {
  it('comes back as it was', () => {
    fc.assert(fc.property(labels, (one) => expect(sameLabel(fromJson(toJson(one)), one)).toBe(true)));
  });
  it.each([
    '',
    'null',
    '[]',
    '"trusted"',
    '{}',
    '{"integrity":"trusted"}',
    '{"integrity":"trusted","sources":[]}',
    '{"integrity":"Trusted","sources":[],"audience":"public"}',
    '{"integrity":"trusted","sources":[1],"audience":"public"}',
    '{"integrity":"trusted","sources":[],"audience":"everyone"}',
    '{"integrity":"trusted","sources":[],"audience":[null]}',
    '{"integrity":"trusted","sources":[],"audience":"public","until":"tomorrow"}',
    '{"integrity":"untrusted","integrity":"trusted","sources":[],"audience":"public"}',
    '{"integrity":"trusted","sources":[],"audience":"public"} ',
  ])('[turn:label-unknown] reads %j as what it may be, never as more', (text) => {
    const expected = text.endsWith(' ') ? TRUSTED : UNLABELLED;
    expect(fromJson(text)).toEqual(expected);
  });
});
