import { describe, expect, it } from '@jest/globals';
import { decideCalls, decideTools, type Setting } from '../evaluate.ts';
import { decideResult } from '../evaluate-result.ts';
import {
  brokered,
  CONTEXTS,
  MAIL,
  OPEN_ACCESS,
  principalOfTest,
  providerTool,
  snapshotOf,
  type TestResource,
} from '../testing.ts';
import { inRollout } from './reach.ts';

const policy = (name: string, calls: readonly object[], spec: object = {}): TestResource => ({
  kind: 'ToolPolicy',
  name,
  spec: {
    tools: [{ server: 'mail', tool: '*' }],
    mode: 'Enforce',
    calls: calls.map((one, index) => ({ name: `r${index}`, reason: `Reason ${index}.`, ...one })),
    ...spec,
  },
});
const TYPED = [{ pointer: '/to', origin: 'typed' }];

interface Given {
  readonly context?: keyof typeof CONTEXTS;
  readonly posture?: Setting['posture'];
  readonly user?: string;
  readonly tool?: string;
}

async function call(resources: readonly TestResource[], given: Given = {}) {
  const { context = 'trusted', posture = 'enforce', user = 'ann', tool = 'egress' } = given;
  const snapshot = await snapshotOf([OPEN_ACCESS, MAIL, ...resources]);
  const calls = [{ tool: brokered(tool), argumentsJson: '{"to":"x"}', origins: TYPED }];
  const request = { principal: principalOfTest({ user }), context: CONTEXTS[context], calls };
  return decideCalls(request, { snapshot, posture })[0];
}
async function list(resources: readonly TestResource[], context: keyof typeof CONTEXTS, tool = brokered('egress')) {
  const snapshot = await snapshotOf([OPEN_ACCESS, MAIL, ...resources]);
  const request = { principal: principalOfTest(), context: CONTEXTS[context], tools: [tool] };
  return decideTools(request, { snapshot, posture: 'enforce' })[0];
}

describe('what several rules want', () => {
  const ACTIONS = ['Deny', 'Ask', 'Hide', 'Allow'] as const;
  const pairs = ACTIONS.flatMap((a, i) => ACTIONS.slice(i).map((b) => [a, b] as const));
  it.each(pairs)('[policy:ask] %s goes before %s, in one policy and in two', async (stronger, weaker) => {
    const [a, b] = [
      { action: stronger, when: 'args.to == "x"' },
      { action: weaker, when: 'args.to != "y"' },
    ];
    for (const resources of [[policy('p', [a, b])], [policy('p', [b, a])], [policy('p', [b]), policy('q', [a])]]) {
      expect((await call(resources))?.enforced).toBe(stronger.toLowerCase());
    }
  });

  it.each([
    ['an Ask lets a person decide while strangers are in play', [{ action: 'Ask' }], 'ask'],
    [
      'an Ask whose condition does not hold leaves the built-in rule',
      [{ action: 'Ask', when: 'args.to == "y"' }],
      'deny',
    ],
    ['an Ask that only observes leaves the built-in rule', [{ action: 'Ask', mode: 'Observe' }], 'deny'],
  ])('[policy:ask] %s', async (_, rules, enforced) => {
    expect((await call([policy('p', rules)], { context: 'untrusted' }))?.enforced).toBe(enforced);
  });

  it('a rule has a mode of its own, and the highest priority names the reason', async () => {
    const observed = await call([policy('p', [{ action: 'Deny', mode: 'Observe' }])]);
    expect(observed).toMatchObject({ verdict: 'deny', enforced: 'allow', mode: 'observe' });
    const acting = [policy('p', [{ action: 'Deny', mode: 'Enforce' }], { mode: 'Observe' })];
    expect(await call(acting, { posture: 'observe' })).toMatchObject({ enforced: 'deny' });
    const two = [policy('p', [{ action: 'Ask' }, { action: 'Ask', priority: 3 }])];
    expect(await call(two)).toMatchObject({ rule: 'p/r1', reason: 'Reason 1. A person is asked about this call.' });
  });

  it('[policy:rollout] a rule acts for its share of users and observes the others', async () => {
    const resources = [policy('p', [{ action: 'Deny', rollout: 30 }])];
    const users = Array.from({ length: 400 }, (_, index) => `user-${index}`);
    const inside = users.filter((user) => inRollout('p/r0', 30, principalOfTest({ user })));
    expect(inside.length).toBeGreaterThan(80);
    expect(inside.length).toBeLessThan(160);
    for (const user of users.slice(0, 12)) {
      const expected = inside.includes(user) ? 'deny' : 'allow';
      expect(await call(resources, { user })).toMatchObject({ verdict: 'deny', enforced: expected });
    }
    // Another key of the same user is the same person; a larger share keeps those who are in already.
    const other = (user: string) => principalOfTest({ user, id: 'key:other' });
    expect(inside.every((user) => inRollout('p/r0', 30, other(user)) && inRollout('p/r0', 50, other(user)))).toBe(true);
  });
});

describe('what a model is offered', () => {
  it.each([
    ['an Ask', [{ action: 'Ask' }], 'allow'],
    ['an Ask over arguments', [{ action: 'Ask', when: '!known(args.to)' }], 'allow'],
    ['an Ask that only observes', [{ action: 'Ask', mode: 'Observe' }], 'hide'],
    ['a Deny', [{ action: 'Deny' }], 'hide'],
    ['an Ask, but Hide', [{ action: 'Ask' }, { action: 'Hide', when: '!context.trusted' }], 'hide'],
  ])('[policy:ask] while strangers are in play, with %s', async (_, rules, enforced) => {
    expect((await list([policy('p', rules)], 'untrusted'))?.enforced).toBe(enforced);
  });

  it('a tool that the provider runs is not offered for a person to be asked', async () => {
    const spec = { tools: [], providerTools: [{ provider: 'openai', type: 'web_search' }] };
    const resources = [policy('p', [{ action: 'Ask' }], spec)];
    expect((await list(resources, 'trusted', providerTool('web_search')))?.enforced).toBe('hide');
  });

  it('tells where a handle may stand, as all policies on the tool say together', async () => {
    const resources = [
      policy('p', [{ action: 'Allow' }], { handlePositions: ['/url'] }),
      policy('q', [{ action: 'Allow' }], { handlePositions: ['/url', '/to/*'] }),
    ];
    expect((await list(resources, 'trusted'))?.handlePositions).toEqual(['/url', '/to/*']);
    expect((await list([], 'trusted'))?.handlePositions).toBeUndefined();
  });
});

describe('what only observes', () => {
  it('[policy:observed] is told of each rule that would have done something, and of no other', async () => {
    const results = [{ name: 'r', action: 'Deny' }];
    const resources = [
      policy('p', [
        { action: 'Deny', mode: 'Observe' },
        { action: 'Ask', mode: 'Observe', when: 'args.to == "y"' },
      ]),
      policy('q', [{ action: 'Allow', mode: 'Observe' }], { mode: 'Observe', results }),
    ];
    const snapshot = await snapshotOf([OPEN_ACCESS, MAIL, ...resources]);
    const told: string[] = [];
    const setting: Setting = {
      snapshot,
      posture: 'enforce',
      onObserved: (_principal, { name }, rule) => told.push(`${name}:${rule}`),
    };
    const principal = principalOfTest();
    const calls = [{ tool: brokered('read'), argumentsJson: '{"to":"x"}', origins: TYPED }];
    decideCalls({ principal, context: CONTEXTS.trusted, calls }, setting);
    const result = {
      principal,
      tool: brokered('read'),
      argumentsJson: '{}',
      resultJson: '',
      isError: false,
      sizeBytes: 0,
    };
    decideResult(result, setting);
    expect(told).toEqual(['p:p/r0', 'q:q/r']);
  });
});
