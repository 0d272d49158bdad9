import { describe, expect, it } from '@jest/globals';
import { parseExact } from '@sallyport/turn';
import type { JsonObject } from '../catalog/definition.ts';
import { compileSchema } from './schema-check.ts';
import { boundArguments } from './value-bounds.ts';

const check = (schema: JsonObject, value: unknown) => compileSchema(schema)(value);
/** Takes an engine that backtracks twice as long for each letter more. */
const EVIL = { type: 'string', pattern: '^(a+)+$' };
const LONG = parseExact('{"a":12345678901234567890}');
const object = (properties: JsonObject, more: JsonObject = {}): JsonObject => ({ type: 'object', properties, ...more });

describe('values against schemas of strangers', () => {
  it.each<[string, JsonObject, unknown, unknown]>([
    ['what fits', object({ a: { type: 'string' } }), { a: 'x' }, undefined],
    ['a wrong type', object({ a: { type: 'string' } }), { a: 1 }, { pointer: '/a', keyword: 'type' }],
    ['what is missing', object({}, { required: ['to'] }), {}, { pointer: '', keyword: 'required' }],
    [
      'what is not foreseen',
      object({ a: {} }, { additionalProperties: false }),
      { b: 1 },
      expect.objectContaining({ pointer: '/b' }),
    ],
    [
      'a reference',
      object({ a: { $ref: '#/$defs/n' } }, { $defs: { n: { type: 'integer' } } }),
      { a: 'x' },
      { pointer: '/a', keyword: 'type' },
    ],
    // Kept as its text, it looks like an object, to which no bound of numbers applies.
    ['a long number', object({ a: { maximum: 1000 } }), LONG, { pointer: '/a', keyword: 'maximum' }],
    [
      'a long number that may be an object, too',
      object({ a: { anyOf: [{ type: 'object' }, { type: 'number', maximum: 1000 }] } }),
      LONG,
      expect.objectContaining({ pointer: '/a' }),
    ],
    ['a reference into nowhere', object({ a: { $ref: '#/$defs/none' } }), { a: 1 }, undefined],
    [
      'a property called $ref-like names',
      object({ pattern: { type: 'string' }, id: { type: 'string' } }),
      { pattern: 1 },
      { pointer: '/pattern', keyword: 'type' },
    ],
  ])('[mcp:exact-numbers] tells of %s', (_name, schema, value, misfit) => {
    expect(check(schema, value)).toEqual(misfit);
  });

  it('[schema:no-foreign-regex] runs no regular expression of a server in an engine that backtracks', () => {
    const started = process.cpuUsage();
    const evil = { type: 'string', pattern: '^(a+)+$' };
    const misfit = { pointer: '/a', keyword: 'pattern' };
    expect(check(object({ a: evil }), { a: `${'a'.repeat(40)}!` })).toEqual(misfit);
    expect(check(object({ a: evil }), { a: `${'a'.repeat(500_000)}!` })).toEqual(misfit);
    expect(check(object({ a: evil }), { a: 'a'.repeat(40) })).toBeUndefined();
    const covered = object({}, { patternProperties: { '^(x+)+$': { type: 'string' } }, additionalProperties: false });
    expect(check(covered, { [`${'x'.repeat(40)}y`]: 1 })).toBeUndefined();
    expect(process.cpuUsage(started).user / 1_000).toBeLessThan(1_000);
  });

  it.each<[string, JsonObject]>([
    ['examples', { examples: EVIL, properties: { a: { $ref: '#/examples' } } }],
    ['a default', { default: EVIL, properties: { a: { $ref: '#/default' } } }],
    ['values', { enum: EVIL, properties: { a: { $ref: '#/enum' } } }],
    ['a value', { const: EVIL, properties: { a: { $ref: '#/const' } } }],
    ['examples of a member', { properties: { a: { $ref: '#/properties/b/examples' }, b: { examples: EVIL } } }],
    ['what no standard has', { 'x-y': { examples: { z: EVIL } }, properties: { a: { $ref: '#/x-y/examples/z' } } }],
    ['older names', { dependencies: { a: { properties: { a: EVIL } } } }],
    ['older names for values', { dependencies: { enum: EVIL }, properties: { a: { $ref: '#/dependencies/enum' } } }],
    ['names of members', { dependencies: { pattern: [EVIL.pattern] }, properties: { a: { $ref: '#/dependencies' } } }],
    ['names', { properties: { pattern: { pattern: EVIL.pattern }, a: { $ref: '#/properties' } } }],
  ])('[schema:no-foreign-regex] runs none that %s hold and a reference leads to', (_where, more) => {
    const started = process.cpuUsage();
    const value = { a: `${'a'.repeat(27)}!`, enum: 1 };
    check({ type: 'object', ...more }, value);
    expect(process.cpuUsage(started).user / 1_000).toBeLessThan(300);
  });

  it('[schema:patterns] tells of texts without the pattern they should have, wherever the schema stands', () => {
    const id = { type: 'string', pattern: '^[A-Z]{2}-\\d+$' };
    const listed = object({ a: { type: 'array', items: { $ref: '#/$defs/id' } } }, { $defs: { id } });
    expect(check(listed, { a: ['AB-1'] })).toBeUndefined();
    expect(check(listed, { a: ['ab-1'] })).toEqual({ pointer: '/a/0', keyword: 'pattern' });
    const either = object({ a: { anyOf: [id, { pattern: '^x$' }] } });
    for (const a of ['AB-1', 'x', 7]) expect(check(either, { a })).toBeUndefined();
    expect(check(either, { a: 'y' })).toMatchObject({ pointer: '/a' });
    const both = object({ a: { pattern: '^x', allOf: [{ pattern: 'y$' }] } });
    for (const a of ['zy', 'xz']) expect(check(both, { a })).toEqual({ pointer: '/a', keyword: 'pattern' });
    expect(check(both, { a: 'xy' })).toBeUndefined();
    // A format is still no check of ours, whatever it is called.
    for (const format of ['date', 'sallyport-pattern']) {
      expect(check(object({ a: { type: 'string', format } }), { a: 'x' })).toBeUndefined();
    }
    expect(check(object({ pattern: { type: 'string' } }), { pattern: '(' })).toBeUndefined();
    expect(check(object({ a: { pattern: '(?=x)' } }), { a: 'y' })).toBeUndefined();
  });

  it('[schema:patterns-told] refuses nothing because of a pattern that is not run', () => {
    const one = { pattern: '^(?=a)' };
    const other = { pattern: '^(?!a)' };
    const unsure: JsonObject[] = [
      { not: one },
      { oneOf: [one, other] },
      { oneOf: [{ pattern: '^a' }, one] },
      Object.fromEntries<JsonObject>([
        ['if', one],
        ['then', { maxLength: 0 }],
      ]),
      { allOf: [{ not: { anyOf: [one] } }] },
    ];
    for (const a of unsure) expect(check(object({ a: { type: 'string', ...a } }), { a: 'abc' })).toBeUndefined();
    const known = object({ a: { not: { pattern: '^a' } }, b: { not: one, maxLength: 2 } });
    expect(check(known, { a: 'abc' })).toMatchObject({ pointer: '/a' });
    expect(check(known, { b: 'abc' })).toMatchObject({ pointer: '/b' });
    // What they would have looked at is not what is left over.
    const rest = { oneOf: [{ properties: { a: one } }, { properties: { b: one } }], unevaluatedProperties: false };
    expect(check({ type: 'object', ...rest }, { a: 'abc' })).toBeUndefined();
  });

  it('[schema:patterns-bounded] ends where patterns would take too long', () => {
    const started = process.cpuUsage();
    const many = object({ a: { type: 'array', items: { type: 'string', pattern: '^[ab]*a[ab]{899}$' } } });
    const texts = Array.from({ length: 500 }, () => 'ab'.repeat(500));
    expect(() => check(many, { a: texts })).toThrow('too complex');
    const all = Array.from({ length: 1_000 }, (_, at) => ({ pattern: `^[ab]{900}${at}` }));
    expect(() => check(object({ a: { anyOf: all } }), { a: 'a' })).toThrow('too complex');
    expect(process.cpuUsage(started).user / 1_000).toBeLessThan(4_000);
  });

  it('[schema:bounded] stops schemas whose branches multiply', () => {
    const $defs: JsonObject = { d0: { type: 'boolean' } };
    for (let i = 1; i < 40; i++)
      $defs[`d${i}`] = { anyOf: [{ $ref: `#/$defs/d${i - 1}` }, { $ref: `#/$defs/d${i - 1}` }] };
    const started = process.cpuUsage();
    expect(() => check(object({ a: { $ref: '#/$defs/d39' } }, { $defs }), { a: 1 })).toThrow('too complex');
    expect(() => check({ type: 'object', allOf: [{ $ref: '#' }] }, {})).toThrow('too complex');
    expect(process.cpuUsage(started).user / 1_000).toBeLessThan(3_000);
  });

  it.each<[string, JsonObject, unknown]>([
    [
      'names of properties',
      { properties: Object.fromEntries(Array.from({ length: 1_900 }, (_, at) => [`k${at}`, {}])) },
      {},
    ],
    [
      'names that depend',
      { dependentRequired: Object.fromEntries(Array.from({ length: 5_000 }, (_, at) => [`k${at}`, []])) },
      {},
    ],
    ['values to choose from', { enum: Array.from({ length: 11_000 }, (_, at) => at) }, 10_999],
    ['any members', { additionalProperties: true }, Object.fromEntries(Array.from({ length: 5 }, (_, at) => [at, 1]))],
  ])('[schema:bounded] stops one evaluation of many %s, made for each of many items', (_name, items, item) => {
    const schema = object({ a: { type: 'array', items: { anyOf: [items, items] } } });
    const started = process.cpuUsage();
    const value = { a: Array.from({ length: 90_000 }, () => item) };
    expect(() => check(schema, value)).toThrow('too complex');
    expect(process.cpuUsage(started).user / 1_000).toBeLessThan(2_500);
  });

  it('bounds arguments by size and depth', () => {
    const deep = JSON.parse(`${'{"a":'.repeat(60)}1${'}'.repeat(60)}`) as unknown;
    expect(() => boundArguments(deep, '')).toThrow('deeper');
    expect(() => boundArguments({}, 'x'.repeat(2_000_000))).toThrow('larger');
    expect(() => boundArguments({ a: [1, { b: 2 }] }, '{}')).not.toThrow();
  });
});
