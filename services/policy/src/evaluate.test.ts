import { describe, expect, it } from '@jest/globals';
import type { Mode } from '@sallyport/turn/decision';
import fc from 'fast-check';
import { type CallFields, decideCalls, decideTools, type OriginFields } from './evaluate.ts';
import type { ToolRefFields } from './rules/tool.ts';
import {
  brokered,
  CONTEXTS,
  clientTool,
  MAIL,
  OPEN_ACCESS,
  principalOfTest,
  providerTool,
  snapshotOf,
  type TestResource,
} from './testing.ts';

const toolPolicy = (name: string, spec: Record<string, unknown>): TestResource => ({
  kind: 'ToolPolicy',
  name,
  spec: { tools: [{ server: 'mail', tool: '*' }], ...spec },
});
const rule = (action: string, when?: string, name = 'r') => ({
  name,
  action,
  reason: `${action} it`,
  ...(when === undefined ? {} : { when }),
});
const ALLOW = { mode: 'Enforce', calls: [rule('Allow')] };

interface Given {
  readonly resources?: readonly TestResource[];
  readonly tool?: ToolRefFields;
  readonly context?: keyof typeof CONTEXTS;
  readonly posture?: Mode;
  readonly args?: string;
  readonly origins?: readonly OriginFields[];
  readonly principal?: Parameters<typeof principalOfTest>[0];
  readonly caughtUp?: boolean;
}

async function decide(phase: 'call' | 'list', given: Given) {
  const { resources = [], tool = brokered('read'), context = 'trusted', posture = 'enforce' } = given;
  const snapshot = await snapshotOf([OPEN_ACCESS, MAIL, ...resources], given.caughtUp);
  const principal = principalOfTest(given.principal);
  const call: CallFields = { tool, argumentsJson: given.args ?? '{}', origins: given.origins ?? [] };
  const state = { principal, context: CONTEXTS[context] };
  const setting = { snapshot, posture };
  const [decision] =
    phase === 'call'
      ? decideCalls({ ...state, calls: [call] }, setting)
      : decideTools({ ...state, tools: [tool] }, setting);
  if (decision === undefined) throw new Error('no decision');
  return decision;
}
const said = async (phase: 'call' | 'list', given: Given) => {
  const { verdict, enforced } = await decide(phase, given);
  return `${verdict}/${enforced}`;
};

describe('the built-in side-effect rule', () => {
  // Written out apart from the code: class × label × rule × mode.
  const classes = ['read', 'write', 'egress', 'sensitive'] as const;
  const rules = ['none', 'Allow', 'Deny', 'Hide'] as const;
  const oracle = (phase: string, effect: boolean, tainted: boolean, one: string, enforce: boolean): string => {
    const builtin = phase === 'call' ? 'deny' : 'hide';
    let verdict = effect && tainted ? builtin : 'allow';
    if (one === 'Allow') verdict = 'allow';
    if (one === 'Hide') verdict = phase === 'call' && verdict === 'deny' ? 'deny' : 'hide';
    if (one === 'Deny' && phase === 'call') verdict = 'deny';
    return `${verdict}/${enforce ? verdict : 'allow'}`;
  };
  const rows = (['call', 'list'] as const).flatMap((phase) =>
    classes.flatMap((name) =>
      (['trusted', 'untrusted'] as const).flatMap((context) =>
        rules.flatMap((one) => (['enforce', 'observe'] as const).map((mode) => ({ phase, name, context, one, mode }))),
      ),
    ),
  );

  it.each(rows)(
    '[policy:truth-table] $phase of a $name tool, $context context, rule $one, $mode',
    async ({ phase, name, context, one, mode }) => {
      const resources = one === 'none' ? [] : [toolPolicy('p', { calls: [rule(one)] })];
      const expected = oracle(phase, name !== 'read', context === 'untrusted', one, mode === 'enforce');
      expect(await said(phase, { resources, tool: brokered(name), context, posture: mode })).toBe(expected);
    },
  );

  it('[policy:handle-arguments] a handle in an argument of a tool with side effects is denied unless a rule allows it', async () => {
    const origins = [{ pointer: '/to', origin: 'handle' }];
    expect(await said('call', { tool: brokered('egress'), origins })).toBe('deny/deny');
    expect(await said('call', { tool: brokered('write'), origins })).toBe('deny/deny');
    expect(await said('call', { tool: brokered('read'), origins })).toBe('allow/allow');
    expect(await said('call', { tool: brokered('egress'), origins, posture: 'observe' })).toBe('deny/allow');
    const resources = [toolPolicy('p', { mode: 'Enforce', calls: [rule('Allow', 'args.to.endsWith("@acme.com")')] })];
    const args = '{"to":"x@acme.com"}';
    expect(await said('call', { tool: brokered('egress'), origins, resources, args })).toBe('allow/allow');
    expect(await said('call', { tool: brokered('egress'), origins, resources, args: '{"to":"x@evil.com"}' })).toBe(
      'deny/deny',
    );
  });

  it.each([
    ['result', undefined, 'deny/deny'],
    ['attached', undefined, 'deny/deny'],
    ['typed', undefined, 'allow/allow'],
    ['a new word', undefined, 'deny/deny'],
    ['', undefined, 'deny/deny'],
    ['result', { trusted: true, sources: [], public: true, audience: [] }, 'allow/allow'],
    ['composed', { trusted: false, sources: [], public: true, audience: [] }, 'deny/deny'],
  ])('a value of origin %s labelled %j in an argument of a tool that sends is %s', async (origin, label, expected) => {
    const origins = [{ pointer: '/to', origin, label }] as OriginFields[];
    expect(await said('call', { tool: brokered('egress'), origins })).toBe(expected);
  });

  it('an Allow that only observes relaxes nothing that is enforced', async () => {
    const resources = [toolPolicy('p', { mode: 'Observe', calls: [rule('Allow')] })];
    expect(await said('call', { tool: brokered('egress'), context: 'untrusted', resources })).toBe('deny/deny');
  });
});

describe('what no mode relaxes', () => {
  const evil = 'x'.repeat(64);
  it.each<[string, Given, string, string]>([
    ['an unknown server', { tool: brokered('read', 'nowhere') }, 'hide', 'builtin/unknown-tool'],
    ['a disabled tool', { tool: brokered('off') }, 'hide', 'builtin/unknown-tool'],
    ['a replaced server', { tool: { ...brokered('read'), serverUid: 'other' } }, 'hide', 'builtin/unknown-tool'],
    ['a changed definition', { tool: { ...brokered('pinned'), digest: evil } }, 'deny', 'builtin/definition-drift'],
    ['one that pins name', { tool: { ...brokered('listed'), digest: evil } }, 'deny', 'builtin/definition-drift'],
    ['a definition that is not said', { tool: brokered('pinned') }, 'deny', 'builtin/definition-drift'],
    ['a tool outside the scope of the key', { principal: { tools: ['calendar/*'] } }, 'hide', 'builtin/access'],
    ['another tenant', { principal: { tenant: 'other' } }, 'hide', 'builtin/unknown-tool'],
    ['arguments that are no JSON', { args: '{"a":' }, 'deny', 'builtin/invalid-arguments'],
    ['a key twice', { args: '{"a":1,"a":2}' }, 'deny', 'builtin/invalid-arguments'],
    ['a tool that a provider runs', { tool: providerTool('web_search') }, 'deny', 'builtin/provider-tool'],
    [
      'a side effect on a stored snapshot',
      { tool: brokered('egress'), caughtUp: false },
      'deny',
      'builtin/not-caught-up',
    ],
    ['no kind of tool', { tool: { ...brokered('read'), kind: 0 } }, 'hide', 'builtin/unknown-tool'],
  ])('[policy:invariants] %s is refused in Observe too', async (_, given, enforced, name) => {
    expect(await decide('call', { posture: 'observe', ...given })).toMatchObject({ enforced, rule: name });
    // Not even an explicit Allow helps.
    const resources = given.tool?.kind === 3 ? [] : [toolPolicy('p', ALLOW)];
    expect(await decide('call', { ...given, resources })).toMatchObject({ enforced, rule: name });
  });

  it('[policy:no-snapshot-denies] without a snapshot everything is denied', () => {
    const principal = principalOfTest();
    const setting = { snapshot: undefined, posture: 'observe' as const };
    const calls = [{ tool: brokered('read'), argumentsJson: '{}', origins: [] }];
    const [call] = decideCalls({ principal, context: CONTEXTS.trusted, calls }, setting);
    const [tool] = decideTools({ principal, context: CONTEXTS.trusted, tools: [brokered('read')] }, setting);
    expect(call?.enforced).toBe('deny');
    expect(tool?.enforced).toBe('deny');
  });

  it('[policy:invariants] a tool that a provider runs is taken away on a stored snapshot, as the gate never sees its calls', async () => {
    const spec = { providerTools: [{ provider: 'openai', type: 'web_search' }], calls: [rule('Allow')] };
    const given = { tool: providerTool('web_search'), resources: [{ kind: 'ToolPolicy', name: 'p', spec } as const] };
    expect(await said('list', given)).toBe('allow/allow');
    for (const posture of ['enforce', 'observe'] as const) {
      expect(await decide('list', { ...given, posture, caughtUp: false })).toMatchObject({
        enforced: 'hide',
        rule: 'builtin/not-caught-up',
      });
    }
    expect(await said('list', { tool: brokered('egress'), caughtUp: false })).toBe('allow/allow');
  });

  it('a read on a stored snapshot is allowed', async () => {
    expect(await said('call', { caughtUp: false })).toBe('allow/allow');
  });
});

describe('tools of clients and providers', () => {
  const named = (spec: Record<string, unknown>): TestResource => ({
    kind: 'ToolPolicy',
    name: 'client',
    spec: { clientTools: [{ client: 'agent', tool: 'note' }], ...spec },
  });

  it('[policy:client-tools] a function that a client declares is egress until a ToolPolicy names it', async () => {
    expect(await decide('call', { tool: clientTool('note') })).toMatchObject({
      enforced: 'allow',
      toolClass: 'egress',
    });
    expect(await said('call', { tool: clientTool('note'), context: 'untrusted' })).toBe('deny/deny');
    const resources = [named({ class: 'Read' })];
    expect(await said('call', { tool: clientTool('note'), context: 'untrusted', resources })).toBe('allow/allow');
    expect(await said('call', { tool: clientTool('note', 'x'), context: 'untrusted', resources })).toBe('deny/deny');
  });

  it('never inherits what a brokered tool of the same name was given', async () => {
    const resources = [toolPolicy('p', ALLOW)];
    expect(await said('call', { tool: clientTool('egress', 'mail'), context: 'untrusted', resources })).toBe(
      'deny/deny',
    );
  });

  it('one AccessPolicy that says Deny takes them away', async () => {
    const spec = { subjects: { users: ['ann'] }, clientTools: 'Deny' };
    const resources: TestResource[] = [{ kind: 'AccessPolicy', name: 'no-client-tools', spec }];
    expect(await decide('call', { tool: clientTool('note'), resources })).toMatchObject({ rule: 'builtin/access' });
  });

  const search = (calls: unknown[]): TestResource => ({
    kind: 'ToolPolicy',
    name: 'search',
    spec: { providerTools: [{ provider: 'openai', type: 'web_search' }], calls },
  });
  it.each<[string, TestResource[], string]>([
    ['without a rule', [], 'hide'],
    ['with an Allow', [search([rule('Allow')])], 'allow'],
    ['with an Allow over arguments, which the gate will not see', [search([rule('Allow', 'args.q == "x"')])], 'hide'],
    ['with a Deny over arguments', [search([rule('Allow'), rule('Deny', 'args.q == "x"', 'd')])], 'hide'],
  ])('[policy:provider-tools] a tool that the provider runs, %s: %s', async (_, resources, enforced) => {
    expect((await decide('list', { tool: providerTool('web_search'), resources })).enforced).toBe(enforced);
  });
});

describe('rules', () => {
  it('[policy:cel-errors-deny] a condition that fails or cannot be compiled denies', async () => {
    for (const when of ['args.missing == 1', 'args.to ==', 'nothing == 1', 'args.to']) {
      const resources = [
        toolPolicy('p', { mode: 'Enforce', calls: [rule('Allow', when), rule('Allow', undefined, 'b')] }),
      ];
      expect(await decide('call', { resources, args: '{"to":"x"}' })).toMatchObject({ enforced: 'deny', rule: 'p/r' });
    }
  });

  it('a ToolPolicy that cannot be read denies what it might select', async () => {
    const resources: TestResource[] = [{ kind: 'ToolPolicy', name: 'broken', spec: { tools: 3 } }];
    expect(await decide('call', { resources, posture: 'observe' })).toMatchObject({ enforced: 'deny' });
  });

  it.each<[string, string, string]>([
    ['args.to == "a"', '{"to":"a"}', 'deny/deny'],
    ['args.to == "a"', '{"to":"b"}', 'allow/allow'],
    ['context.trusted', '{}', 'deny/deny'],
    ['principal.user == "ann" && "x" in principal.tags', '{}', 'deny/deny'],
    ['tool.server == "mail" && tool.name == "read" && tool.class == "read"', '{}', 'deny/deny'],
    ['origins["/to"] == "typed"', '{"to":"a"}', 'deny/deny'],
  ])('Deny when %s, arguments %s: %s', async (when, args, expected) => {
    const resources = [toolPolicy('p', { mode: 'Enforce', calls: [rule('Deny', when)] })];
    const origins = [{ pointer: '/to', origin: 'typed' }];
    expect(await said('call', { resources, args, origins, principal: { tags: ['x'] } })).toBe(expected);
  });

  it.each<[string, string, unknown[]]>([
    ['a rule that holds', 'allow/allow', [rule('Allow', 'args.a == 1'), rule('Deny', undefined, 'd')]],
    ['the default where none holds', 'deny/deny', [rule('Allow', 'args.a == 2'), rule('Deny', undefined, 'd')]],
    ['the stricter of two that hold', 'deny/deny', [rule('Allow', 'args.a == 1'), rule('Deny', 'args.a < 2', 'd')]],
    ['one that fails', 'deny/deny', [rule('Allow', 'args.x == 1'), rule('Allow', undefined, 'd')]],
    ['the stricter of two defaults', 'deny/deny', [rule('Allow'), rule('Deny', 'true', 'd')]],
  ])('[policy:default-rule] of the rules of a policy, in any order, %s decides: %s', async (_, expected, calls) => {
    for (const ordered of [calls, [...calls].reverse()]) {
      const resources = [toolPolicy('p', { mode: 'Enforce', calls: ordered })];
      expect(await said('call', { resources, args: '{"a":1}', context: 'untrusted' })).toBe(expected);
    }
  });

  it('a default that hides gives way, in lists, to a rule over arguments that may allow', async () => {
    const calls = [rule('Allow', 'args.a == 1'), rule('Hide', undefined, 'd')];
    const resources = [toolPolicy('p', { mode: 'Enforce', calls })];
    expect(await said('list', { resources })).toBe('allow/allow');
    expect(await said('call', { resources, args: '{"a":2}' })).toBe('hide/hide');
  });

  it('a hidden tool is hidden in lists and unknown when it is called', async () => {
    const resources = [toolPolicy('p', { mode: 'Enforce', calls: [rule('Hide')] })];
    expect(await said('list', { resources })).toBe('hide/hide');
    expect(await said('call', { resources })).toBe('hide/hide');
  });

  it('a tool stays in the list of a tainted run where a rule over arguments may allow it', async () => {
    const resources = [toolPolicy('p', { mode: 'Enforce', calls: [rule('Allow', 'args.to == "a"')] })];
    expect(await said('list', { resources, tool: brokered('egress'), context: 'untrusted' })).toBe('allow/allow');
  });

  it('[policy:deny-overrides] no order of rules or policies lets a denied call pass', async () => {
    const one = fc.record({
      action: fc.constantFrom('Allow', 'Deny', 'Hide'),
      when: fc.constantFrom(undefined, 'true', 'false', 'args.a == 1', 'args.none == 1'),
      mode: fc.constantFrom('Enforce', 'Observe', undefined),
    });
    const arbitrary = fc.array(one, { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(
        arbitrary,
        fc.constantFrom<Mode>('enforce', 'observe'),
        fc.infiniteStream(fc.nat()),
        async (rules, posture, dice) => {
          const policies = rules.map(({ action, when, mode }, index) =>
            toolPolicy(`p${index}`, { calls: [rule(action, when)], ...(mode === undefined ? {} : { mode }) }),
          );
          const shuffled = [...policies].sort(() => ((dice.next().value ?? 0) % 2) - 0.5);
          const given = { tool: brokered('egress'), context: 'untrusted', posture, args: '{"a":1}' } as const;
          const decision = await decide('call', { ...given, resources: policies });
          expect(await decide('call', { ...given, resources: shuffled })).toEqual(decision);
          const acts = (mode: string | undefined) => (mode === undefined ? posture === 'enforce' : mode === 'Enforce');
          const refuses = rules.some(
            ({ action, when, mode }) =>
              acts(mode) && (when === 'args.none == 1' || (action !== 'Allow' && when !== 'false')),
          );
          const merged = (order: typeof rules) =>
            toolPolicy('one', {
              mode: 'Enforce',
              calls: order.map(({ action, when }, i) => rule(action, when, `r${i}`)),
            });
          const together = await decide('call', { ...given, resources: [merged(rules)] });
          const reversed = await decide('call', { ...given, resources: [merged([...rules].reverse())] });
          expect(reversed.enforced).toBe(together.enforced);
          if (refuses) expect(['deny', 'hide']).toContain(decision.enforced);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('[policy:index] 1,000 policies on other tools cost a decision nothing that shows', async () => {
    const many = Array.from({ length: 1000 }, (_, index) => ({
      ...toolPolicy(`other-${index}`, { calls: [rule('Deny', 'args.a.all(x, x == "b")')] }),
      spec: { tools: [{ server: `s${index}`, tool: '*' }], calls: [rule('Deny')] },
    }));
    const principal = principalOfTest();
    const calls = [{ tool: brokered('egress'), argumentsJson: '{"to":"a"}', origins: [] }];
    const time = async (resources: readonly TestResource[]) => {
      const snapshot = await snapshotOf([OPEN_ACCESS, MAIL, toolPolicy('p', ALLOW), ...resources]);
      const run = () => decideCalls({ principal, context: CONTEXTS.trusted, calls }, { snapshot, posture: 'enforce' });
      for (let i = 0; i < 500; i++) run();
      const from = process.cpuUsage();
      for (let i = 0; i < 1000; i++) run();
      return process.cpuUsage(from).user / 1_000;
    };
    const few = await time([]);
    // Generous, since other work shares the machine: without the index this is hundreds of times as much.
    expect(await time(many)).toBeLessThan(few * 5 + 20);
  });
});
