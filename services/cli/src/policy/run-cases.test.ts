import { describe, expect, it } from '@jest/globals';
import { type CaseFile, readCases } from './case-file.ts';
import { resource } from './compiled-rules.ts';
import { type CaseRun, runCases } from './run-cases.ts';
import { failureText } from './test-command.ts';

const sending = resource('ToolPolicy', 'sending', 'default', {
  mode: 'Enforce',
  tools: [{ server: '*', tool: 'send' }],
  clientTools: [],
  providerTools: [],
  calls: [
    { name: 'known', when: 'known(args.to)', action: 'Allow', reason: 'Named.' },
    { name: 'unknown', action: 'Ask', reason: 'Not named.' },
  ],
  results: [{ name: 'sent', action: 'Quarantine', quarantine: { structured: 'Mask' }, trust: 'Untrusted' }],
});
const file = (cases: string): CaseFile =>
  readCases({ path: 'tests.yaml', text: `tools: { send: Egress }\ncases:\n${cases}` });
const run = async (cases: string): Promise<CaseRun> => runCases(file(cases), [sending]);
const decided = async (rest: string): Promise<string> => {
  const { outcomes } = await run(`  - { name: one, call: send, expect: allow, ${rest} }\n`);
  const { decision } = outcomes[0]?.answer ?? {};
  return `${decision?.enforced} ${decision?.rule}`;
};

describe('cases of policies', () => {
  it.each([
    ['arguments: { to: a }, origins: { /to: typed }', 'allow sending/known'],
    ['arguments: { to: a }, origins: { /to: system }', 'allow sending/known'],
    ['arguments: { to: a }, origins: { /to: trusted }', 'allow sending/known'],
    ['arguments: { to: a }, origins: { /to: endorsed }', 'allow sending/known'],
    ['arguments: { to: a }, origins: { "": typed }', 'allow sending/known'],
    ['arguments: { to: [a, b] }, origins: { /to: typed, /to/1: handle }', 'ask sending/unknown'],
    ['arguments: { to: a }, origins: { /to: untrusted }', 'ask sending/unknown'],
    ['arguments: { to: a }, origins: { /to: attached }', 'ask sending/unknown'],
    ['arguments: { to: a }, origins: { /to: unknown }', 'ask sending/unknown'],
    ['arguments: { to: a }', 'ask sending/unknown'],
    ['arguments: { to: a }, approval: granted', 'allow sending/unknown'],
    ['arguments: { to: null }', 'allow sending/known'],
    ['arguments: { to: [] }', 'allow sending/known'],
    ['arguments: {}', 'allow sending/known'],
    ['arguments: { to: a }, origins: { /to: { origin: trusted, seen: "tool:x/y" } }', 'ask sending/unknown'],
  ])('[cli:policy-test] %s is %s', async (said, expected) => {
    expect(await decided(said)).toBe(expected);
  });

  it('[cli:policy-test] tell an author what was expected, what came, where from and why', async () => {
    const { outcomes } = await run(
      '  - name: To a stranger\n    call: send\n    arguments: { to: [eve] }\n    expect: { decision: allow, rule: sending/known, asked: [] }\n',
    );
    expect(failureText(outcomes[0] as CaseRun['outcomes'][number])).toBe(
      [
        'tests.yaml:3: To a stranger',
        '    call send {"to":["eve"]}',
        '    decision  expected allow',
        '              but was  ask',
        '    rule      expected sending/known',
        '              but was  sending/unknown',
        '    asked     expected nothing',
        '              but was  /to/0',
        '    origins   /to/0 composed',
        '    because   sending/unknown: Not named. A person is asked, as nobody vouched for args.to.',
        '',
      ].join('\n'),
    );
  });

  it('[cli:policy-test] name the rules that no case shows from both sides', async () => {
    const { untested } = await run('  - { name: one, call: send, expect: allow sending/known }\n');
    expect(untested).toEqual([
      { rule: 'sending/known', phase: 'calls', missing: 'never gives way' },
      { rule: 'sending/unknown', phase: 'calls', missing: 'never decides' },
      { rule: 'sending/sent', phase: 'results', missing: 'never decides' },
    ]);
  });

  it.each([
    ['  - { name: a, call: send, result: send, expect: allow }\n', /tests\.yaml:3: .*exactly one of call, result/],
    ['  - { name: a, call: send, expect: perhaps }\n', /tests\.yaml:3: expect/],
    ['  - { name: a, call: send, origins: { to: typed }, expect: allow }\n', /tests\.yaml:3: origins/],
    ['  - { name: a, call: send, arguments: { a: 1, a: 2 }, expect: allow }\n', /tests\.yaml:3: .*unique/],
    ['  - { name: a, call: send, expects: allow }\n', /expects/],
  ])('[cli:policy-test] refuse %j with its line', (cases, message) => {
    expect(() => file(cases)).toThrow(message);
  });
});
