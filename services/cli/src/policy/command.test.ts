import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { CommandError } from '../arguments.ts';
import { run } from './command.ts';

const MAIN = new URL('../main.ts', import.meta.url).pathname;
const POLICY = (when: string) => `
apiVersion: sallyport.dev/v1alpha1
kind: ToolPolicy
metadata: { name: p }
spec:
  mode: Enforce
  tools: [{ server: "*", tool: send }]
  calls: [{ name: known, when: '${when}', action: Allow, reason: Known. }, { name: unknown, action: Ask, reason: Unknown. }]
`;
const CASES = (expected: string) => `
tools: { send: Egress }
cases:
  - { name: typed, call: send, arguments: { to: a }, origins: { /to: typed }, expect: ${expected} }
`;
let folder: string;

// In this process: starting one for each line of the table would take most of a minute.
const policy = async (...args: string[]): Promise<{ code: number; out: string }> => {
  const said: string[] = [];
  const spies = [process.stdout, process.stderr].map((stream) =>
    jest.spyOn(stream, 'write').mockImplementation((text) => said.push(String(text)) > 0),
  );
  const at = (arg: string) =>
    /^[a-z]+(?:\/tests)?(?:\.yaml)?$/.test(arg) && !WORDS.has(arg) ? join(folder, arg) : arg;
  try {
    const code = await run(args.map(at));
    return { code, out: said.join('').replaceAll(`${folder}/`, '') };
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    return { code: error.exitCode, out: error.message.replaceAll(`${folder}/`, '') };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
};
const WORDS: ReadonlySet<string> = new Set([
  'test',
  'table',
  'explain',
  'replay',
  'coverage',
  'guess',
  'other',
  'worse',
  'lax',
  'prod',
  'sned',
]);
const write = (name: string, when: string, expected: string) => {
  mkdirSync(join(folder, name));
  writeFileSync(join(folder, name, 'policy.yaml'), POLICY(when));
  writeFileSync(join(folder, name, 'tests.yaml'), CASES(expected));
};

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-policy-'));
  write('good', 'known(args.to)', 'allow p/known');
  write('failing', 'known(args.to)', 'ask');
  write('broken', 'knwon(args.to)', 'ask');
  mkdirSync(join(folder, 'empty'));
  write('elsewhere', 'known(args.to)', 'allow');
  writeFileSync(join(folder, 'elsewhere', 'tests.yaml'), `namespace: prod${CASES('allow')}`);
  write('misspelt', 'known(args.to)', 'allow');
  writeFileSync(join(folder, 'misspelt', 'more-tests.yaml'), CASES('allow').replace('cases:', 'case:'));
  write('mistaken', 'known(args.to)', 'deny');
  writeFileSync(join(folder, 'mistaken', 'tests.yaml'), CASES('deny').replace('call: send', 'call: sned'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('sallyport policy', () => {
  it.each([
    [['test', 'good'], 0, /1 cases, 0 failed, 2 rules not shown from both sides/],
    [['test', 'good', '--every-rule'], 1, /p\/unknown \(calls\) never decides in any case/],
    [['test', 'failing'], 1, /failing\/tests\.yaml:4: typed\n.*\n {4}decision {2}expected ask\n {14}but was {2}allow/],
    [
      ['test', 'broken'],
      1,
      /broken\/policy\.yaml:2: spec\.calls\[0\]\.when: no such function: knwon; did you mean known\?/,
    ],
    [['test', 'empty'], 1, /there is no file of cases \(tests\.yaml\) at empty/],
    [['test', 'elsewhere'], 1, /its namespace is prod, and the policies beside it are of default/],
    [['test', 'misspelt'], 1, /misspelt\/more-tests\.yaml:1: .*case/],
    [['test', 'mistaken'], 1, /tool {6}expected one that tools or a ToolServer declare\n {14}but was {2}sned/],
    [['table', 'good', '--namespace', 'prod'], 1, /there is no policy or tool server of namespace prod at good/],
    [['table', 'good', '--tool', 'sned'], 1, /there is no tool sned with a policy/],
    [['test', 'nowhere'], 2, /nowhere is not there/],
    [['test', '--all'], 2, /--all/],
    [['table', 'good'], 0, /\*\/send\n.*\n {2}typed trusted absent .* allow {5}p\/known/],
    [['explain', '--case', 'good/tests.yaml'], 0, /✓ p\/known {2}Allow {2}holds: known\(args\.to\)/],
    [['explain', '--case', 'good/tests.yaml', '--name', 'other'], 1, /no case of good\/tests\.yaml/],
    [['explain', '--case', 'nowhere.yaml'], 2, /nowhere\.yaml is not there/],
    [['explain'], 2, /--trajectory ID \[--step N\] or --case FILE/],
    [['replay'], 2, /--policies DIR/],
    [['replay', '--policies', 'good', '--fail-on', 'worse'], 2, /--fail-on is one of/],
    [['replay', '--policies', 'good', '--posture', 'lax'], 2, /--posture is enforce or observe/],
    [['replay', '--policies', 'good', '--limit', '0'], 2, /--limit must be a whole number/],
    [['replay', '--policies', 'good', '--data', 'empty'], 1, /dev\.json is not there/],
    [['coverage', 'good'], 0, /^without gap: 0 of 0 keys/],
    [['guess'], 2, /say policy test, policy table, policy explain, policy replay, policy coverage/],
  ])('[cli:policy-test] %j exits with %d and says so', async (args, code, said) => {
    const told = await policy(...args);
    expect(told.out).toMatch(said);
    expect(told.code).toBe(code);
  });

  it('[cli:policy-test] ends the process with that code', async () => {
    const ran = promisify(execFile)(process.execPath, [MAIN, 'policy', 'test', 'failing'], { cwd: folder });
    await expect(ran).rejects.toMatchObject({ code: 1, stdout: expect.stringContaining('1 cases, 1 failed') });
  }, 30_000);

  it('[cli:policy-test] tells the same as JSON', async () => {
    const { out } = await policy('test', 'failing', '--json');
    expect(JSON.parse(out)).toMatchObject({
      cases: 1,
      failed: [{ line: 4, name: 'typed', decision: 'allow', rule: 'p/known', differences: [{ what: 'decision' }] }],
      untested: [{ rule: 'p/known' }, { rule: 'p/unknown' }],
    });
    expect(JSON.parse((await policy('table', 'good', '--json')).out)[0]).toMatchObject({ arguments: ['/to'] });
  });
});
