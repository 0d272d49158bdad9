import { describe, expect, it } from '@jest/globals';
import type { JsonValue } from '@sallyport/turn/canonical-json';
import { CALL_VARIABLES, ConditionFault, compileCondition, ruleValue } from './expression.ts';
import { readJson } from './values.ts';

const evaluate = (text: string, args: JsonValue) =>
  compileCondition(text, CALL_VARIABLES).evaluate({ args: ruleValue(args) });

describe('conditions', () => {
  it.each<[string, JsonValue, boolean | undefined]>([
    ['args.to.endsWith("@example.com")', { to: 'a@example.com' }, true],
    ['args.to.lowerAscii().endsWith("@example.com")', { to: 'a@EXAMPLE.com' }, true],
    ['args.n > 3', { n: 4 }, true],
    ['args.n == 4', { n: 4 }, true],
    ['args.l.all(x, x in ["a", "b"])', { l: ['a', 'b'] }, true],
    ['has(args.cc)', {}, false],
    ['type(args.n) == string', { n: 1 }, false],
    ['args.missing == 1', {}, undefined],
    ['args.constructor == 1', {}, undefined],
    ['args.n', { n: 4 }, undefined],
    ['args.s.matches("(a+)+$")', { s: `${'a'.repeat(60)}!` }, false],
  ])('%s on %j is %s', (text, args, expected) => {
    expect(evaluate(text, args)).toBe(expected);
  });

  it.each<[string, string, boolean | undefined]>([
    ['args.id == 1234567890123456789', '{"id":1234567890123456789}', true],
    ['args.id == 1234567890123456788', '{"id":1234567890123456789}', false],
    ['args.id == 1234567890123456800', '{"id":1234567890123456789}', false],
    ['args.id == 1234567890123456800', '{"id":1234567890123456800}', true],
    ['args.id == 1234567890123456768', '{"id":1234567890123456800}', false],
    ['args.id in [1234567890123456788, 5]', '{"id":1234567890123456789}', false],
    ['args.id > 9007199254740992', '{"id":9007199254740993}', true],
    ['args.id == 1234567890123456789', '{"id":1234567890123456789.0}', true],
    ['args.l.exists(x, x == 9007199254740992)', '{"l":[1,9007199254740993]}', false],
    // Nothing is true of what CEL cannot hold: rules that look at it fail.
    ['args.id == 18446744073709551615', '{"id":18446744073709551615}', undefined],
    ['args.id != 5', '{"id":18446744073709551615}', undefined],
    ['has(args.id)', '{"id":18446744073709551615}', undefined],
    ['args.n == 100', '{"n":100.00000000000000000001}', undefined],
    ['args.n > 99.0', '{"n":100.00000000000000000001}', undefined],
    ['5 in args.l', '{"l":[1e-400]}', undefined],
    ['args.to == "x"', '{"to":"x","n":100.00000000000000000001}', true],
    ['args.n == 0.1', '{"n":0.10000000000000001}', true],
    ['args.n < 1e40', '{"n":1e30}', true],
  ])('[policy:exact-numbers] %s on %s is %s', (text, json, expected) => {
    const args = readJson(json) as JsonValue;
    expect(compileCondition(text, CALL_VARIABLES).evaluate({ args: ruleValue(args) })).toBe(expected);
  });

  it('[policy:cel-errors-deny] a list longer than the bound makes a condition that walks it fail', () => {
    const long = Array.from({ length: 129 }, () => 'a');
    expect(evaluate('args.l.all(x, x == "a")', { l: long })).toBeUndefined();
    expect(evaluate('size(args.l) == 129', { l: long })).toBe(true);
  });

  it.each([
    ['args.to ==', /found/],
    ['result.x == 1', /result is not known here/],
    ['nothing', /nothing is not known here/],
    ['true || exfiltrate(args.to)', /no such function: exfiltrate/],
    ['args.to.replace("a", "b") == "b"', /no such function: replace/],
    ['tool.nmae == "send"', /no such field: nmae/],
    ['1 + "a" == 2', /\+/],
  ])('[policy:cel-cost] %s is refused before it is used', (text, message) => {
    expect(() => compileCondition(text, CALL_VARIABLES)).toThrow(ConditionFault);
    expect(() => compileCondition(text, CALL_VARIABLES)).toThrow(message);
  });

  it('[policy:cel-cost] an expression that nests without end is refused, not a crash', () => {
    for (const [open, close] of [
      ['(', ')'],
      ['[', ']'],
    ] as const) {
      const text = `${open.repeat(5_000)}true${close.repeat(5_000)}`;
      expect(() => compileCondition(text, CALL_VARIABLES)).toThrow(ConditionFault);
    }
  });

  it('[policy:cel-cost] the dearest condition that is accepted does not hold up a decision for seconds', () => {
    const condition = compileCondition('args.a.all(x, args.b.all(y, x + y >= 0.0))', CALL_VARIABLES);
    const list = Array.from({ length: 128 }, (_, index) => index);
    const before = process.cpuUsage();
    expect(condition.evaluate({ args: ruleValue({ a: list, b: list }) })).toBe(true);
    expect(process.cpuUsage(before).user / 1_000).toBeLessThan(2000);
  });
});
