import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  batchFate,
  classesOf,
  combine,
  type Decision,
  hasSideEffect,
  type RuleOutcome,
  sideEffectRule,
  type ToolClass,
  UNDECLARED_CLASSES,
  type Verdict,
} from './decision.ts';
import { label, TRUSTED, untrusted } from './label.ts';

const VERDICTS: readonly Verdict[] = ['deny', 'ask', 'hide', 'quarantine', 'allow'];
const rule = (verdict: Verdict, more: Partial<RuleOutcome> = {}): RuleOutcome => ({
  verdict,
  mode: 'enforce',
  rule: `r-${verdict}`,
  reason: 'because',
  ...more,
});
const decided = (enforced: Verdict): Decision => combine([rule(enforced)], '1');

describe('combine', () => {
  it('denies where no rule speaks', () => {
    expect(combine([], '7')).toMatchObject({
      verdict: 'deny',
      enforced: 'deny',
      rule: 'default-deny',
      policyRevision: '7',
    });
  });

  it('[turn:deny-overrides] takes the strongest verdict, in any order of rules', () => {
    const outcomes = fc.array(
      fc.record({
        verdict: fc.constantFrom(...VERDICTS),
        mode: fc.constantFrom('enforce' as const, 'observe' as const),
        rule: fc.constantFrom('a', 'b', 'c'),
        reason: fc.constant('because'),
        priority: fc.integer({ min: -100, max: 100 }),
        invariant: fc.boolean(),
      }),
      { minLength: 1, maxLength: 6 },
    );
    fc.assert(
      fc.property(outcomes, (rules) => {
        const decision = combine(rules, '1');
        const strongest = (of: readonly RuleOutcome[]): Verdict =>
          VERDICTS.find((verdict) => of.some((one) => one.verdict === verdict)) ?? 'allow';
        expect(decision.verdict).toBe(strongest(rules));
        expect(decision.enforced).toBe(strongest(rules.filter((one) => one.mode === 'enforce' || one.invariant)));
        expect(combine([...rules].reverse(), '1')).toEqual(decision);
      }),
    );
  });

  it('names the rule of the highest priority inside a verdict', () => {
    expect(combine([rule('deny', { rule: 'low' }), rule('deny', { rule: 'high', priority: 9 })], '1').rule).toBe(
      'high',
    );
  });

  it('keeps verdict and enforced apart in Observe mode', () => {
    expect(combine([rule('deny', { mode: 'observe' }), rule('ask', { rule: 'asks' })], '1')).toMatchObject({
      verdict: 'deny',
      enforced: 'ask',
      mode: 'observe',
      enforcedBy: { rule: 'asks' },
    });
    expect(combine([rule('deny', { mode: 'observe' })], '1')).toMatchObject({ verdict: 'deny', enforced: 'allow' });
  });

  it('[turn:invariant] enforces invariants in Observe mode too', () => {
    expect(combine([rule('deny', { mode: 'observe', invariant: true })], '1').enforced).toBe('deny');
  });
});

describe('classes', () => {
  it.each<[readonly string[] | undefined, readonly ToolClass[]]>([
    [['read'], ['read']],
    [
      ['read', 'egress'],
      ['read', 'egress'],
    ],
    [[], UNDECLARED_CLASSES],
    [undefined, UNDECLARED_CLASSES],
    [['read', 'harmless'], UNDECLARED_CLASSES],
    [['constructor'], UNDECLARED_CLASSES],
  ])('of %j are %j', (declared, classes) => expect(classesOf(declared)).toEqual(classes));

  it('tell of side effects', () => {
    expect(hasSideEffect(['read'])).toBe(false);
    expect(hasSideEffect(['read', 'sensitive'])).toBe(true);
    expect(hasSideEffect([])).toBe(true);
  });
});

// T8: written from DESIGN, not from the class table.
describe('the side-effect rule', () => {
  const all: readonly (readonly ToolClass[])[] = [
    [],
    ['read'],
    ['write'],
    ['egress'],
    ['sensitive'],
    ['read', 'egress'],
  ];
  const cases = all.flatMap((classes) =>
    [TRUSTED, label('trusted', ['a'], []), untrusted('mail')].flatMap((inPlay) =>
      (['request', 'call'] as const).map((phase) => ({ classes, inPlay, phase })),
    ),
  );
  it.each(cases)(
    '[turn:side-effects] $classes in $phase with $inPlay.integrity in play',
    ({ classes, inPlay, phase }) => {
      const harmless = classes.length === 1 && classes[0] === 'read';
      const expected = inPlay.integrity === 'trusted' || harmless ? 'allow' : phase === 'call' ? 'deny' : 'hide';
      expect(combine([sideEffectRule(inPlay, classes, phase, 'enforce')], '1').enforced).toBe(expected);
      const observed = combine([sideEffectRule(inPlay, classes, phase, 'observe')], '1');
      expect([observed.verdict, observed.enforced]).toEqual([expected, 'allow']);
    },
  );
});

describe('batchFate', () => {
  it.each<[Verdict[], string, string[]]>([
    [['allow', 'allow'], 'release', ['released', 'released']],
    [['allow', 'quarantine'], 'release', ['released', 'released']],
    [['allow', 'deny', 'allow'], 'refuse', ['not run', 'refused', 'not run']],
    [['hide', 'ask'], 'refuse', ['refused', 'not run']],
    [['allow', 'ask'], 'ask', ['waiting', 'waiting']],
    [[], 'release', []],
  ])('[turn:batch] %j: %s', (verdicts, outcome, calls) => {
    expect(batchFate(verdicts.map(decided))).toEqual({ outcome, calls });
  });
});
