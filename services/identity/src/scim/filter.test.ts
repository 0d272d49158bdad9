import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import fc from 'fast-check';
import { parseFilter, parsePath } from './filter.ts';
import { holds } from './matching.ts';
import { ENTERPRISE } from './schema-names.ts';

const ANN = {
  userName: 'ann@example.com',
  externalId: 'Ext-1',
  active: true,
  name: { givenName: 'Ann', familyName: 'Example' },
  emails: [
    { type: 'work', value: 'ann@example.com', primary: true },
    { type: 'home', value: 'ann@home.example' },
  ],
  [ENTERPRISE]: { department: 'Finance', costCenter: '4711' },
  meta: { lastModified: '2026-11-21T10:00:00.000Z' },
};

const TRUE_OF_ANN = [
  'userName eq "ANN@example.com"',
  'USERNAME Eq "ann@example.com"',
  'urn:ietf:params:scim:schemas:core:2.0:User:userName sw "ann"',
  `${ENTERPRISE}:department co "nan"`,
  'name.familyName ew "ple" and active eq true',
  'active eq "True"',
  'externalId eq "Ext-1" and not (externalId eq "ext-1")',
  'emails[type eq "work" and value co "@example.com"]',
  'emails[type eq "home"].value eq "ann@home.example"',
  'emails co "home.example" or title pr',
  'not (title pr) and title eq null',
  'userName ne "bob"',
  'meta.lastModified gt "2026-01-01T00:00:00Z"',
  '(userName eq "x" or (userName eq "y" or userName pr))',
];
const UNTRUE_OF_ANN = [
  'title eq "boss"',
  'emails[type eq "work" and value co "home"]',
  'userName eq "x" and userName pr or title pr',
  'active eq false',
  'externalId eq "ext-1"',
  'userName lt 7',
  'urn:example:other:thing eq "x"',
];
const UNREADABLE = [
  'userName',
  'userName eq',
  'userName eq "x',
  'userName eq "x" and',
  'userName eq x',
  'userName == "x"',
  'userName eq "x" userName eq "y"',
  'userName eq 12345678901234567890',
  '(userName eq "x"',
  'emails[type eq "work"',
  'a.b.c.d eq "x"',
  '__proto__ pr',
  'constructor.name eq "Object"',
  'userName eq "\\u0000"',
  'userName eq "\\ud800"',
  'userName eq "\\x"',
  "userName eq 'x'",
  'userName eq "x"; drop table users',
];

const codeOf = (work: () => unknown) => {
  try {
    work();
    return 'none';
  } catch (error) {
    return error instanceof GatewayError ? error.details?.scimType : error;
  }
};

describe('filters', () => {
  it.each(TRUE_OF_ANN)('[scim:filter] finds by %s', (text) => {
    expect(holds(parseFilter(text), ANN)).toBe(true);
  });

  it.each(UNTRUE_OF_ANN)('[scim:filter] does not find by %s', (text) => {
    expect(holds(parseFilter(text), ANN)).toBe(false);
  });

  it.each(UNREADABLE)('[scim:filter] refuses %s', (text) => {
    expect(codeOf(() => parseFilter(text))).toBe('invalidFilter');
  });

  it('[scim:filter-bounds] are bounded in length, terms and depth, so that none takes long', () => {
    const began = process.cpuUsage();
    const nested = (depth: number) => `${'('.repeat(depth)}userName pr${')'.repeat(depth)}`;
    const inner = (depth: number): string => (depth === 0 ? 'value pr' : `emails[${inner(depth - 1)}]`);
    for (const text of [
      nested(900),
      `${'not ('.repeat(300)}a pr${')'.repeat(300)}`,
      inner(200),
      Array.from({ length: 150 }, () => 'a pr').join(' or '),
      'a'.repeat(1_000_000),
      `a eq "${'\\'.repeat(2_000)}`,
    ]) {
      expect(codeOf(() => parseFilter(text))).toBe('invalidFilter');
    }
    expect(holds(parseFilter(nested(7)), ANN)).toBe(true);
    expect(process.cpuUsage(began).user / 1_000).toBeLessThan(500);
  });

  it('[scim:filter-bounds] whatever is written is refused as such, or told of any resource', () => {
    const word = fc.constantFrom(
      ...[
        'userName',
        'emails',
        'name.givenName',
        ENTERPRISE,
        '.value',
        'eq',
        'ne',
        'co',
        'pr',
        'and',
        'or',
        'not',
        '(',
        ')',
      ],
      ...['[', ']', '"x"', '"\\""', 'true', 'null', '1', '-1.5', '"', '\\', '__proto__', 'toString', ':', '$ref', ' '],
    );
    const text = fc.oneof(
      fc.array(word, { maxLength: 60 }).map((words) => words.join(' ')),
      fc.array(word, { maxLength: 60 }).map((words) => words.join('')),
      fc.string({ maxLength: 300, unit: 'binary' }),
    );
    fc.assert(
      fc.property(text, fc.object({ maxDepth: 4, maxKeys: 8 }), (written, resource) => {
        const began = process.cpuUsage();
        const told = codeOf(() => {
          const filter = parseFilter(written);
          for (const one of [ANN, resource]) expect(typeof holds(filter, one)).toBe('boolean');
        });
        expect(['none', 'invalidFilter']).toContain(told);
        expect(['none', 'invalidPath']).toContain(codeOf(() => parsePath(written)));
        expect(process.cpuUsage(began).user / 1_000).toBeLessThan(1_000);
      }),
      { numRuns: 2_000 },
    );
  });
});
