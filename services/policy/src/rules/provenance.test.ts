import { describe, expect, it } from '@jest/globals';
import type { JsonValue } from '@sallyport/turn/canonical-json';
import { label, TRUSTED } from '@sallyport/turn/label';
import { CALL_VARIABLES, ConditionFault, compileCondition, RESULT_VARIABLES, ruleValue } from './expression.ts';
import { type OriginFields, provenanceOf } from './provenance.ts';

const GOOD = { trusted: true, sources: [], public: true, audience: [] };
const BAD = { trusted: false, sources: ['tool:mail/read'], public: true, audience: [] };
const at = (pointer: string, origin: string, fields: Partial<OriginFields> = {}): OriginFields => ({
  pointer,
  origin,
  label: GOOD,
  ...fields,
});
const EMAIL = { from: 'contacts/list', path: '/items/3/email' };

interface Given {
  readonly args?: JsonValue;
  readonly origins?: readonly OriginFields[];
  readonly endorsed?: readonly string[];
  readonly tainted?: readonly string[];
}

function holds(text: string, { args = { to: 'x' }, origins = [], endorsed = [], tainted = [] }: Given) {
  const vouching = { endorsed: new Set(endorsed), tainted: new Map(tainted.map((one) => [one, 'tool:mail/read'])) };
  const provenance = provenanceOf(args, origins, TRUSTED, vouching);
  const values = { args: ruleValue(args), origins: ruleValue({}), context: ruleValue({ trusted: true, sources: [] }) };
  return compileCondition(text, CALL_VARIABLES).evaluate(values, provenance);
}

describe('what rules ask about origins', () => {
  const typed = [at('/to', 'typed')];
  const field = [at('/to', 'result', EMAIL)];
  const stranger = [at('/to', 'result', { ...EMAIL, label: BAD })];
  const handle = [at('/to', 'handle', { ...EMAIL, handle: 'h_1' } as Partial<OriginFields>)];
  const composed = [at('/to', 'composed')];
  const unknown = [at('/to', 'unknown')];
  it.each<[string, readonly OriginFields[], boolean[]]>([
    // origin of args.to, and whether known, typed, derived hold
    ['typed', typed, [true, true, false]],
    ['system', [at('/to', 'system')], [true, false, false]],
    ['a trusted field', field, [true, false, false]],
    ['a field that outsiders write', stranger, [false, false, true]],
    ['a handle', handle, [false, false, true]],
    ['composed from what is trusted', composed, [false, false, false]],
    ['composed while a stranger is in play', [at('/to', 'composed', { label: BAD })], [false, false, true]],
    ['user text that nobody declared to be typed', unknown, [false, false, false]],
    ['attached', [at('/to', 'attached')], [false, false, true]],
    ['typed, marked as untrusted by the client', [at('/to', 'typed', { label: BAD })], [false, false, true]],
    ['a word that is not known', [at('/to', 'handled')], [false, false, false]],
    ['nothing that was told', [], [false, false, true]],
  ])('[policy:origins] of a value that is %s', (_, origins, [known, isTyped, derived]) => {
    const said = ['known(args.to)', 'typed(args.to)', 'derived(args.to)'].map((text) => holds(text, { origins }));
    expect(said).toEqual([known, isTyped, derived]);
    // A person's word makes it known, and nothing else.
    const after = ['known(args.to)', 'endorsed(args.to)', 'derived(args.to)'];
    expect(after.map((text) => holds(text, { origins, endorsed: ['/to'] }))).toEqual([true, true, false]);
    // What untrusted content brought before is never known, whatever it looks like now.
    expect(holds('known(args.to)', { origins, tainted: ['/to'] })).toBe(false);
  });

  it.each<[string, Given, boolean]>([
    ['known(args.cc)', {}, true],
    ['typed(args.cc) && endorsed(args.cc) && !derived(args.cc)', {}, true],
    ['origin(args.cc) == "absent" && readers(args.cc) == ["*"]', {}, true],
    ['known(args.to)', { args: { to: '' } }, true],
    ['known(args.to)', { args: { to: null } }, true],
    ['known(args.to)', { args: { to: false } }, false],
    ['known(args.to)', { args: { to: ['a', 'b'] }, origins: [at('/to/0', 'typed'), at('/to/1', 'typed')] }, true],
    ['known(args.to)', { args: { to: ['a', 'b'] }, origins: [at('/to/0', 'typed'), at('/to/1', 'composed')] }, false],
    ['origin(args.to) == "mixed"', { args: { to: ['a', 'b'] }, origins: [at('/to/0', 'typed')] }, true],
    ['origin(args.to) == "typed"', { origins: typed }, true],
    ['known(args)', { args: { to: 'x', n: 1 }, origins: typed }, false],
    ['known(args.to[1].id)', { args: { to: [{}, { id: 'x' }] }, origins: [at('/to/1/id', 'typed')] }, true],
    ['known(args["a/b"])', { args: { 'a/b': 'x' }, origins: [at('/a~1b', 'typed')] }, true],
    ['known(args.to.constructor)', { origins: typed }, true],
    // A handle may stand for a whole object, and a name that no schema declares is a value too.
    ['derived(args.to.name)', { args: { to: { name: 'x' } }, origins: handle }, true],
    ['known(args.to)', { args: { to: { k: '' } }, origins: [at('/to/k', 'composed', { name: true })] }, false],
    ['known(args.to)', { args: { to: 'x' }, origins: [...typed, at('/to', 'composed', { name: true })] }, true],
    ['args.to.from("contacts/list", "/items/*/email")', { origins: field }, true],
    ['args.to.from("contacts/*", "/items/*/email")', { origins: handle }, true],
    ['args.to.from("contacts/list", "/items/*/name")', { origins: field }, false],
    ['args.to.from("contacts/list", "/items/3")', { origins: field }, false],
    ['args.to.from("contacts/list", "/items/*/email")', { origins: typed }, false],
    ['args.cc.from("contacts/list", "/items/*/email")', { origins: [] }, true],
    [
      'readers(args.to) == ["user:ann"]',
      { origins: [at('/to', 'result', { label: { ...GOOD, public: false, audience: ['user:ann'] } })] },
      true,
    ],
    ['size(readers(args.to)) == 0', { origins: [] }, true],
    ['!known(args.to) && args.to.endsWith("x")', { origins: unknown }, true],
  ])('[policy:origins] %s of %j is %s', (text, given, expected) => {
    expect(holds(text, given)).toBe(expected);
  });

  it.each([
    ['known(args.items.map(i, i.id))', /path below args that is written out/],
    ['args.items.all(i, known(i.id))', /path below args/],
    ['["a"].all(args, known(args.to))', /path below args/],
    ['args.to.known()', /called as known\(args\.x\)/],
    ['known(args.to, args.cc)', /called as/],
    ['known(context)', /path below args/],
    ['from(args.to, "a/b", "/c")', /called as args\.x\.from/],
    ['args.to.from(args.cc, "/c")', /two texts/],
    ['args.to.from("contacts", "/email")', /"server\/tool"/],
    ['args.to.from("contacts/list", "email")', /JSON pointer/],
  ])('[policy:origins] %s is refused', (text, message) => {
    expect(() => compileCondition(text, CALL_VARIABLES)).toThrow(ConditionFault);
    expect(() => compileCondition(text, CALL_VARIABLES)).toThrow(message);
  });

  it('[policy:origins] rules on results do not ask about arguments, and without origins a condition fails', () => {
    expect(() => compileCondition('known(args.to)', RESULT_VARIABLES)).toThrow(/rules on calls only/);
    const condition = compileCondition('known(args.to)', CALL_VARIABLES);
    expect(condition.evaluate({ args: ruleValue({ to: 'x' }) })).toBeUndefined();
  });

  it('[policy:origins] more values than can be told apart count as one that nobody vouches for', () => {
    const to = Array.from({ length: 10_001 }, () => 'x');
    const origins = to.map((_, index) => at(`/to/${index}`, 'typed'));
    expect(holds('known(args.to)', { args: { to }, origins })).toBe(false);
    expect(holds('known(args.to)', { args: { to: to.slice(1) }, origins })).toBe(true);
    const provenance = provenanceOf({ to: 'x' }, [], label('untrusted', ['a']), {
      endorsed: new Set(),
      tainted: new Map(),
    });
    expect(provenance.leaves([])[0]?.label.integrity).toBe('untrusted');
  });
});
