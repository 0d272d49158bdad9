import { describe, expect, it } from '@jest/globals';
import { expressionFault } from './rule-expression.ts';
import { toolPolicyFaults } from './tool-policy-faults.ts';

describe('expressionFault', () => {
  it.each([
    'args.to.all(x, x.endsWith("@example.com"))',
    '!context.trusted && tool.class in ["Egress", "Sensitive"]',
    'origins["/to"] != "typed"',
    'principal.teams.exists(t, t == "finance") || "x" in principal.tags',
    'has(args.cc) && size(args.cc) > 3',
    'args.amount > 100 ? context.trusted : true',
    'type(args.n) == string',
    'args.s.matches("^[a-z]+$") && args.s.lowerAscii() == "x"',
    'args.l.map(x, x.id).exists_one(i, i == args.id)',
    'args.flag',
    'args.x == null',
    '!known(args.to) && !endorsed(args["a-b"].c[0])',
    'origin(args.to) == "typed" && "user:ann" in readers(args)',
    'args.to.from("contacts/list", "/items/*/email") || derived(args.body)',
  ])('accepts %s', (text) => {
    expect(expressionFault(text, 'calls')).toBeUndefined();
  });

  it.each([
    ['args.to ==', /^syntax error at character 9/],
    ['result.x == 1', /^result is not known here/],
    ['argz.x == 1', /did you mean args\?/],
    ['tool.clas == "Read"', /no such field: clas; did you mean class\?/],
    ['tool.name', /gives a string, not true or false/],
    ['args.n + 1', /gives a number/],
    ['tool.name == 3', /== between a string and a number/],
    ['context.trusted > 3', /> between a bool and a number/],
    ['!tool.name', /! cannot take a string/],
    ['tool.name.startWith("x")', /no such function: startWith; did you mean startsWith\?/],
    ['args.s.replace("a", "bb") == "x"', /no such function: replace/],
    ['tool.name.startsWith(1)', /startsWith wants a string, not a number/],
    ['startsWith(tool.name, "x")', /called as x\.startsWith/],
    ['context.trusted.all(x, x)', /a bool has no elements/],
    ['principal.teams.exists(t, t > 3)', /> between a string and a number/],
    ['args.a.all(x, args.b.all(y, args.c.all(z, x == y && y == z)))', /at most 150000/],
    ['known(args.items.map(i, i.id))', /known wants a path below args that is written out/],
    ['args.to.known()', /known is called as known\(args\.x\)/],
    ['origin(args.to)', /gives a string, not true or false/],
    ['origin(args.to) == 3', /== between a string and a number/],
    ['args.to.from("contacts", "/email")', /from wants a tool as "server\/tool"/],
    ['knwon(args.to)', /did you mean known\?/],
    [`${'('.repeat(2000)}true${')'.repeat(2000)}`, /./],
  ])('[operator:tool-policy-cel] refuses %s', (text, message) => {
    expect(expressionFault(text, 'calls')).toMatch(message);
  });

  it('knows isError and sizeBytes in results only', () => {
    expect(expressionFault('isError || sizeBytes > 1000', 'results')).toBeUndefined();
    expect(expressionFault('isError', 'calls')).toMatch(/not known here/);
    expect(expressionFault('context.trusted', 'results')).toMatch(/not known here/);
    expect(expressionFault('known(args.to)', 'results')).toMatch(/rules on calls only/);
    expect(expressionFault('answers.city.action == "accept" && typed(answers.city.content)', 'calls')).toBeUndefined();
    expect(expressionFault('answers.city.action == "accept"', 'results')).toMatch(/not known here/);
    expect(expressionFault('answer.city.action == "accept"', 'calls')).toMatch(/did you mean answers\?/);
    expect(expressionFault('typed(answers.city[args.n])', 'calls')).toMatch(/written out, or below answers/);
  });
});

describe('toolPolicyFaults', () => {
  it('[operator:tool-policy-shadowed] refuses rules after one that always decides', () => {
    const call = (name: string, when?: string) => ({
      name,
      action: 'Deny' as const,
      reason: 'r',
      ...(when === undefined ? {} : { when }),
    });
    expect(toolPolicyFaults({ calls: [call('a', 'args.x == 1'), call('b')], results: [] })).toEqual([]);
    const [observing, some] = [
      { ...call('a'), mode: 'Observe' as const },
      { ...call('a'), rollout: 10 },
    ];
    expect(toolPolicyFaults({ calls: [observing, call('b')], results: [] })).toEqual([]);
    expect(toolPolicyFaults({ calls: [some, call('b')], results: [] })).toEqual([]);
    expect(toolPolicyFaults({ calls: [call('a', 'true'), call('b', 'args.x == 1')], results: [] })).toEqual([
      {
        path: 'spec.calls[1]',
        message: 'rule "b" never comes up: "a" before it always decides',
        reason: 'Shadowed',
      },
    ]);
  });
});
