import { describe, expect, it } from '@jest/globals';
import { combine, type Mode, type ToolClass, type Verdict } from './decision.ts';
import { TRUSTED, untrusted } from './label.ts';
import { type OfferedTool, visibleTools } from './visible-tools.ts';

const offer = (
  tool: string,
  classes: ToolClass[],
  verdict: Verdict | undefined = 'allow',
  mode: Mode = 'enforce',
): OfferedTool<string> => ({
  tool,
  classes,
  decision: combine([{ verdict, mode, rule: `rule-${tool}`, reason: 'because' }], '1'),
});
const enforce = { sideEffects: 'enforce' as const, policyRevision: '1' };
const names = (hidden: readonly { tool: string; decision: { rule: string } }[]): string[] =>
  hidden.map((one) => `${one.tool}:${one.decision.rule}`);

describe('visibleTools', () => {
  const tools = [offer('send', ['egress']), offer('read', ['read']), offer('note', ['write'])];

  it('shows all in order while nothing untrusted is in play', () => {
    expect(visibleTools(tools, TRUSTED, enforce).visible).toEqual(['send', 'read', 'note']);
  });

  it('[turn:hide] hides tools with side effects while something untrusted is', () => {
    const shown = visibleTools(tools, untrusted('mail'), enforce);
    expect(shown.visible).toEqual(['read']);
    expect(names(shown.hidden)).toEqual(['send:builtin/side-effects', 'note:builtin/side-effects']);
  });

  it('shows and counts them in Observe mode', () => {
    const shown = visibleTools(tools, untrusted('mail'), { ...enforce, sideEffects: 'observe' });
    expect(shown.visible).toEqual(['send', 'read', 'note']);
    expect(names(shown.observed)).toEqual(['send:builtin/side-effects', 'note:builtin/side-effects']);
  });

  it('leaves to a ToolPolicy the tools for which it speaks', () => {
    const governed = { ...offer('send', ['egress'], 'ask'), governed: true };
    expect(visibleTools([governed], untrusted('mail'), enforce).visible).toEqual(['send']);
  });

  it.each<[Verdict, boolean]>([
    ['allow', true],
    ['ask', true],
    ['quarantine', true],
    ['hide', false],
    ['deny', false],
  ])('with %s is visible: %s', (verdict, seen) => {
    expect(visibleTools([offer('x', ['read'], verdict)], TRUSTED, enforce).visible).toHaveLength(seen ? 1 : 0);
  });

  it('keeps hidden what a policy hides, though the built-in rule only observes', () => {
    const shown = visibleTools([offer('x', ['egress'], 'hide')], untrusted('mail'), {
      ...enforce,
      sideEffects: 'observe',
    });
    expect([shown.visible, names(shown.hidden)]).toEqual([[], ['x:rule-x']]);
  });

  it('hides what policy does not know', () => {
    expect(names(visibleTools([{ tool: 'x', classes: ['read'] }], TRUSTED, enforce).hidden)).toEqual([
      'x:default-deny',
    ]);
  });

  it('reports what Observe rules would have hidden', () => {
    const shown = visibleTools([offer('x', ['read'], 'deny', 'observe')], TRUSTED, enforce);
    expect([shown.visible, names(shown.observed)]).toEqual([['x'], ['x:rule-x']]);
  });
});
