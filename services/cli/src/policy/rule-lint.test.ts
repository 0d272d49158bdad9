import { describe, expect, it } from '@jest/globals';
import { constancyOf } from '@sallyport/custom-resources/condition-logic';
import { stringify } from 'yaml';
import { lintFiles } from '../lint.ts';

const SERVER = { remote: { url: 'https://s.example/mcp' }, tools: [{ name: 'send', class: 'Egress' }] };
const resource = (kind: string, name: string, spec: object) => ({
  apiVersion: 'sallyport.dev/v1alpha1',
  kind,
  metadata: { name },
  spec,
});
const lint = (...documents: object[]) =>
  lintFiles([{ path: 'a.yaml', text: documents.map((one) => stringify(one)).join('---\n') }]).map(
    ({ severity, path, message }) => `${severity} ${path}: ${message}`,
  );
const policy = (spec: object) => resource('ToolPolicy', 'p', { tools: [{ server: 's', tool: 'send' }], ...spec });
const rule = (when: string | undefined, action = 'Deny') => ({ name: 'r', action, reason: 'x', ...(when && { when }) });
const calls = (when: string) => lint(resource('ToolServer', 's', SERVER), policy({ calls: [rule(when)] }));

describe('lint of rules', () => {
  it.each([
    ['args.n + 1', /gives a number/],
    ['isError', /not known here/],
    ['known(args.list.map(x, x))', /known wants a path below args/],
    ['args.to.from("mail", "/x")', /from wants a tool as "server\/tool"/],
    ['knwon(args.to)', /no such function: knwon; did you mean known\?/],
    ['args.a.all(x, args.b.all(y, args.c.all(z, x == y)))', /steps; at most/],
  ])('[lint:cel] finds what is wrong with %s', (when, message) => {
    expect(calls(when)).toEqual([expect.stringMatching(message)]);
  });

  it('[lint:cel] takes no question about arguments in a rule on results', () => {
    const results = [{ name: 'r', action: 'Deny', when: 'known(args.to)' }];
    expect(lint(resource('ToolServer', 's', SERVER), policy({ calls: [rule(undefined)], results }))).toEqual([
      expect.stringMatching(/results\[0\]\.when: known is about arguments of a call/),
    ]);
  });

  it.each([
    'false',
    'known(args.to) && !known(args.to)',
    'typed(args.to) && !known(args.to)',
    'typed(args.to) && origin(args.to) == "handle"',
    'origin(args.to) == "typed" && origin(args.to) == "result"',
    'origin(args.to) == "user"',
    'tool.class == "Egress"',
    'tool.class in ["Egress", "Sensitive"]',
    'tool.name == "sned"',
    'tool.server == "other" && context.trusted',
    'principal.origin == "person"',
    'context.trusted ? false : !context.trusted && context.trusted',
  ])('[lint:never-holds] finds that %s can never hold', (when) => {
    expect(calls(when)).toEqual([expect.stringMatching(/^error spec\.calls\[0\]\.when: rule "r" can never hold/)]);
  });

  it.each([
    'known(args.to) && !typed(args.to)',
    'origin(args.to) in ["handle", "result"]',
    'tool.class in ["egress", "Sensitive"]',
    'tool.name == "send"',
    'args.a == "x" || args.a == "y"',
    'typed(args.to) && origin(args.to) == "absent"',
    'principal.origin != "human"',
    'args.amount > 5 && args.amount < 3',
  ])('[lint:never-holds] says nothing of %s', (when) => {
    expect(calls(when)).toEqual([]);
  });

  it('[lint:never-holds] warns of a condition that always holds, and gives up on one too long to tell', () => {
    expect(calls('context.trusted || !context.trusted')).toEqual([expect.stringMatching(/^warning .*always holds/)]);
    const long = Array.from({ length: 13 }, (_, index) => `args.a${index}`).join(' && ');
    expect(constancyOf(`${long} && !args.a0`, {})).toBeUndefined();
  });

  it('[lint:tools] warns of tools that no tool server declares', () => {
    const of = (tools: object[]) =>
      lint(resource('ToolServer', 's', SERVER), policy({ tools, calls: [rule('!known(args.to)')] }));
    const other = { server: 's', tool: 'sned' };
    expect(of([other, { server: 's', tool: 'send' }])).toEqual([expect.stringMatching(/declares no tool sned/)]);
    expect(
      of([
        { server: '*', tool: 'send' },
        { server: '*', tool: 'other' },
      ]),
    ).toEqual([]);
    expect(of([{ server: '*', tool: 'other' }])).toContainEqual(expect.stringMatching(/declares any of these tools/));
  });

  it.each(['Egress', 'Sensitive'])(
    '[lint:coverage] warns of %s tools of which no rule on calls speaks',
    (toolClass) => {
      const server = (enabled: boolean) =>
        resource('ToolServer', 's', { ...SERVER, tools: [{ name: 'send', class: toolClass, enabled }] });
      expect(lint(server(true))).toEqual([
        expect.stringMatching(/^warning spec\.tools\[0\]: no rule speaks of calls of send/),
      ]);
      expect(lint(server(false))).toEqual([]);
      expect(lint(server(true), policy({ calls: [rule('!known(args.to)')] }))).toEqual([]);
    },
  );

  it('[lint:trusted-fields] warns of trusted addresses, and takes no trusted field without a writer', () => {
    const fields = (path: string, field: object) =>
      lint(
        resource('ToolServer', 's', {
          ...SERVER,
          tools: [{ name: 'read', class: 'Read', fields: [{ path, type: 'String', ...field }] }],
        }),
      );
    const said = { trusted: true, writer: 'Somebody.' };
    for (const path of ['/items/*/url', '/callbackUrl', '/web_link', '/urls/*', '/host']) {
      expect(fields(path, said)).toEqual([expect.stringMatching(/called like an address and is trusted/)]);
    }
    for (const path of ['/id', '/curl', '/ghost', '/email']) expect(fields(path, said)).toEqual([]);
    expect(fields('/id', { trusted: true })).toEqual([
      expect.stringMatching(/^error .*a trusted field says who can write it/),
    ]);
  });
});
