import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { brokered, type TestResource } from '../testing.ts';
import { asks, BAD, batchOf, GOOD, memory, settingOf } from './testing-deciding.ts';

describe('decisions under random rules', () => {
  const rule = fc.record({
    action: fc.constantFrom('Allow', 'Deny', 'Ask', 'Hide'),
    when: fc.constantFrom(
      undefined,
      '!known(args.to)',
      'derived(args.to)',
      'args.n > 1',
      'typed(args.to)',
      '1 / 0 == 1',
    ),
    priority: fc.integer({ min: 0, max: 3 }),
    mode: fc.constantFrom('Enforce', 'Observe'),
  });
  const policies = fc.array(fc.array(rule, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 4 });
  const resourcesOf = (all: readonly (readonly object[])[]) =>
    all.map(
      (rules, index): TestResource => ({
        kind: 'ToolPolicy',
        name: `p${index}`,
        spec: {
          tools: [{ server: 'mail', tool: '*' }],
          calls: rules.map((one, at) =>
            JSON.parse(JSON.stringify({ ...one, name: `r${at}`, reason: `Reason ${index}-${at}.` })),
          ),
        },
      }),
    );
  const origin = fc.constantFrom('typed', 'composed', 'result', 'unknown', 'attached', 'handle', 'system');
  const given = { policies, origin, trusted: fc.boolean(), tool: fc.constantFrom('read', 'write', 'egress') };
  const decide = async (resources: readonly TestResource[], of: { origin: string; trusted: boolean; tool: string }) => {
    const origins = [
      { pointer: '/to', origin: of.origin, label: of.trusted ? GOOD : BAD },
      { pointer: '/n', origin: 'typed', label: GOOD },
    ];
    const batch = batchOf({ tool: brokered(of.tool), argumentsJson: '{"to":"x","n":2}', origins });
    const [settled] = await memory().deciding.decide(batch, await settingOf(...resources));
    return settled?.decision;
  };

  it('[policy:deny-overrides] the order of policies and rules decides nothing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.record(given), fc.integer(), async (one, seed) => {
        const resources = resourcesOf(one.policies);
        const shuffled = fc
          .sample(fc.shuffledSubarray(resources, { minLength: resources.length }), { numRuns: 1, seed })
          .flat()
          .map((each) => {
            const spec = each.spec as { calls: object[] };
            return { ...each, spec: { ...spec, calls: [...spec.calls].reverse() } };
          });
        expect(await decide(shuffled, one)).toMatchObject(withoutRevision(await decide(resources, one)));
      }),
      { numRuns: 60 },
    );
  });

  it('[policy:deny-overrides] one Deny that acts is enough, whatever else is allowed or asked', async () => {
    await fc.assert(
      fc.asyncProperty(fc.record(given), async (one) => {
        const denying = asks('zz', { action: 'Deny' });
        expect(await decide([...resourcesOf(one.policies), denying], one)).toMatchObject({ enforced: 'deny' });
      }),
      { numRuns: 60 },
    );
  });

  it('[policy:origins] what is less trusted is never let go where what is more trusted is not', async () => {
    const strictness = { allow: 0, quarantine: 0, hide: 1, ask: 2, deny: 3 } as const;
    // An author may write rules that like strangers; of those that do not, none gets weaker.
    const cautious = fc.array(
      fc.array(
        fc.record({
          action: fc.constantFrom('Deny', 'Ask'),
          when: fc.constantFrom(
            '!known(args.to)',
            'derived(args.to)',
            '!typed(args.to)',
            'origin(args.to) == "handle"',
          ),
        }),
        { minLength: 1, maxLength: 3 },
      ),
      { maxLength: 3 },
    );
    await fc.assert(
      fc.asyncProperty(cautious, fc.constantFrom('write', 'egress', 'sensitive'), async (all, tool) => {
        const resources = resourcesOf(all);
        const good = await decide(resources, { tool, origin: 'typed', trusted: true });
        for (const worse of ['composed', 'result', 'attached', 'handle', 'unknown']) {
          const bad = await decide(resources, { tool, origin: worse, trusted: false });
          const of = (decision: typeof good) => strictness[decision?.enforced ?? 'deny'];
          expect(of(bad)).toBeGreaterThanOrEqual(of(good));
          expect(bad?.enforced).not.toBe('allow');
        }
      }),
      { numRuns: 40 },
    );
  });
});

function withoutRevision(decision: object | undefined) {
  const { policyRevision: _, ...rest } = (decision ?? {}) as { policyRevision?: string };
  return rest;
}
