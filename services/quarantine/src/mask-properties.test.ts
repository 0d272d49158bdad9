import { describe, expect, it } from '@jest/globals';
import type { JsonValue } from '@sallyport/turn/canonical-json';
import fc from 'fast-check';
import { createEcho } from './echo.ts';
import { mask } from './mask.ts';
import { rootPlace } from './place.ts';
import { indexPointers } from './pointers.ts';
import { presentAnswer } from './present-answer.ts';
import { asked, askedMany, countedIds, questionOf } from './testing.ts';

const SEED = 20260102;
const RUNS = 300;
// Words that stand nowhere else: whatever of them is seen came out of the content.
const word = fc.stringMatching(/^(qz|QZ)[a-zA-Z ]{4,12}(ü|é|h_|\$handle|"|\n|<b>|\u202e)?$/);
const leaf = fc.oneof(
  word,
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.boolean(),
  fc.constant(null),
);
const { tree } = fc.letrec<{ tree: JsonValue }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    leaf,
    fc.array(tie('tree'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(word, fc.constantFrom('name', 'when', 'state', 'list')), tie('tree'), { maxKeys: 4 }),
  ),
}));
const SCHEMA: JsonValue = {
  $defs: {
    node: {
      properties: {
        name: { type: 'string' },
        when: { type: 'string', format: 'date-time' },
        state: { enum: ['open', 'paid'] },
        list: { type: 'array', items: { $ref: '#/$defs/node' } },
      },
      additionalProperties: { $ref: '#/$defs/node' },
      items: { $ref: '#/$defs/node' },
    },
  },
  $ref: '#/$defs/node',
};
const maskOf = (result: JsonValue, closed = false, args = '') =>
  mask(result, rootPlace(SCHEMA, []), { from: 'tool', echo: createEcho(args, []), closed, newId: countedIds() });

// Another word of the same kind for each string that is a handle; names stay, as the order of JSON members hangs on them.
function reworded(value: JsonValue): JsonValue {
  if (typeof value === 'string') return `${[...value].reverse().join('')} qzother`;
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(reworded);
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, reworded(child)]));
}

describe('whatever stands in a result', () => {
  it('[quarantine:mask] no word of it is seen by the privileged model', () => {
    fc.assert(
      fc.property(tree, fc.boolean(), (result, closed) => {
        expect(JSON.stringify(maskOf(result, closed)?.shown)).not.toMatch(/qz/i);
      }),
      { seed: SEED, numRuns: RUNS },
    );
  });

  it('[quarantine:mask] what differs behind handles only is shown byte for byte alike', () => {
    fc.assert(
      fc.property(tree, (result) => {
        const [one, other] = [maskOf(result), maskOf(reworded(result))];
        expect(JSON.stringify(other?.shown)).toBe(JSON.stringify(one?.shown));
        expect(other?.bits).toBe(one?.bits);
      }),
      { seed: SEED, numRuns: RUNS },
    );
  });

  it('[quarantine:echo] what the model wrote is all that it can read again, whatever the result repeats', () => {
    fc.assert(
      fc.property(tree, word, (result, own) => {
        const text = JSON.stringify(maskOf(result, false, JSON.stringify({ own }))?.shown);
        expect(text.replaceAll(JSON.stringify(own), '')).not.toMatch(/qz/i);
      }),
      { seed: SEED, numRuns: RUNS },
    );
  });

  it('[quarantine:honest-bits] what is closed tells no more than what is open', () => {
    fc.assert(
      fc.property(tree, (result) => {
        expect(maskOf(result, true)?.bits).toBeLessThanOrEqual(maskOf(result)?.bits ?? 0);
      }),
      { seed: SEED, numRuns: RUNS },
    );
  });
});

describe('how a result is laid out', () => {
  const FIELDS = ['a', 'b', 'c', 'd'];
  const schema: JsonValue = {
    type: 'object',
    required: FIELDS,
    properties: Object.fromEntries(FIELDS.map((name) => [name, { type: 'boolean' }])),
  };
  const orders = (left: readonly string[]): string[][] =>
    left.length === 0
      ? [[]]
      : left.flatMap((one) => orders(left.filter((x) => x !== one)).map((rest) => [one, ...rest]));

  it('[quarantine:honest-bits] tells nothing by the order of its members that is not counted', () => {
    const seen = new Map<string, number>();
    for (const order of orders(FIELDS)) {
      for (let bits = 0; bits < 16; bits++) {
        const result = Object.fromEntries(order.map((name) => [name, ((bits >> FIELDS.indexOf(name)) & 1) === 1]));
        const masked = mask(result, rootPlace(schema, []), {
          from: 'tool',
          echo: createEcho('', []),
          closed: false,
          newId: countedIds(),
        });
        seen.set(JSON.stringify(masked?.shown), masked?.bits ?? 0);
      }
    }
    expect([...seen.values()].reduce((sum, bits) => sum + 2 ** -bits, 0)).toBeLessThanOrEqual(1);
  });

  it('[quarantine:honest-bits] names what the model wrote itself in an order of its own', () => {
    const own = ['one', 'two', 'six'];
    const shown = orders(own).map((order) => {
      const result = Object.fromEntries(order.map((name) => [name, 1]));
      return JSON.stringify(maskOf(result, false, JSON.stringify({ own }))?.shown);
    });
    expect(new Set(shown).size).toBe(1);
  });
});

describe('a reading model that lies', () => {
  const question = questionOf(
    [
      asked('who', 'String'),
      askedMany('values', 'String'),
      asked('kind', 'Enum', ['a', 'b', 'c']),
      asked('n', 'Integer'),
    ],
    false,
    4,
  );
  const items = fc.record({
    who: fc.option(word),
    values: fc.array(word, { maxLength: 4 }),
    kind: fc.constantFrom('a', 'b', 'c', null),
    n: fc.option(fc.integer({ min: -999, max: 999 })),
  });
  const shown = (item: object) => {
    const place = rootPlace(undefined, []);
    const pointers = indexPointers({ list: ['qzaaaa', 'qzbbbb'] }, place, new Set());
    return presentAnswer(question, [item as never], 'tool', pointers, countedIds());
  };

  it('[quarantine:honest-bits] changes the declared slots only, and no word of it is seen', () => {
    fc.assert(
      fc.property(items, (item) => {
        const { shown: answer, bits } = shown(item);
        expect(Object.keys(answer as object)).toEqual(['who', 'values', 'kind', 'n']);
        expect(JSON.stringify(answer)).not.toMatch(/qz/i);
        expect(bits).toBeGreaterThan(0);
      }),
      { seed: SEED, numRuns: RUNS },
    );
  });

  it('[quarantine:honest-bits] can make the model see no more different answers than the bits that were counted', () => {
    const seen = new Map<string, number>();
    for (const who of [null, 'qzaaaa', 'qzcccc']) {
      for (const values of [[], ['qzaaaa'], ['qzcccc'], ['qzaaaa', 'qzbbbb'], ['qzcccc', 'qzdddd']]) {
        for (const kind of [null, 'a', 'b', 'c']) {
          for (const n of [null, ...Array.from({ length: 41 }, (_, i) => i - 20)]) {
            const { shown: answer, bits } = shown({ who, values, kind, n });
            seen.set(JSON.stringify(answer), bits);
          }
        }
      }
    }
    // Kraft's inequality: answers with these code lengths can be told apart by a prefix-free code, so none is cheaper.
    expect([...seen.values()].reduce((sum, bits) => sum + 2 ** -bits, 0)).toBeLessThanOrEqual(1);
  });
});
