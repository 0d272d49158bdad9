import { describe, expect, it } from '@jest/globals';
import { label } from '@sallyport/turn';
import { decideCalls } from '../../services/policy/src/evaluate.ts';
import { brokered, OPEN_ACCESS, principalOfTest, snapshotOf } from '../../services/policy/src/testing.ts';
import { shippedPolicies } from '../support/security-house.ts';

type Bit = 'untrusted' | 'private' | 'outward';
const BITS: readonly Bit[] = ['untrusted', 'private', 'outward'];
/** The sets of what is already in play, all eight. */
const STATES = Array.from({ length: 8 }, (_, bits) => BITS.filter((_bit, index) => bits & (1 << index)));
/** What a call of which tool brings. */
const TRANSITIONS: readonly (readonly [string, string, Bit])[] = [
  ['read', 'Read', 'untrusted'],
  ['open', 'Sensitive', 'private'],
  ['write', 'Write', 'outward'],
  ['send', 'Egress', 'outward'],
];
const SOURCES = { untrusted: 'tool:desk/read', private: 'tool:private-desk/open', outward: 'tool:outward-desk/send' };

/** Decides a call of a tool in a state; also without the policy, and with what it was told that it only observed. */
async function decided(mode: 'Enforce' | 'Observe' | undefined, state: readonly Bit[], tool: string, derived = false) {
  const tools = TRANSITIONS.map(([name, kind]) => ({ name, class: kind }));
  const desk = { remote: { url: 'https://desk.example' }, tools };
  const policies = shippedPolicies('rule-of-two').map(({ name, spec }) => ({
    kind: 'ToolPolicy' as const,
    name,
    spec: { ...spec, mode },
  }));
  const snapshot = await snapshotOf([
    OPEN_ACCESS,
    { kind: 'ToolServer', name: 'desk', spec: desk },
    ...(mode === undefined ? [] : policies),
  ]);
  const inPlay = label(
    state.includes('untrusted') ? 'untrusted' : 'trusted',
    state.map((bit) => SOURCES[bit]),
  );
  const body = derived ? { origin: 'handle', from: 'desk/read' } : { origin: 'typed' };
  const calls = [
    { tool: brokered(tool, 'desk'), argumentsJson: '{"body":"x"}', origins: [{ pointer: '/body', ...body }] },
  ];
  const request = { principal: principalOfTest(), context: inPlay, calls };
  const observed: string[] = [];
  const onObserved = (_principal: unknown, _policy: unknown, rule: string) => void observed.push(rule);
  const [decision] = decideCalls(request, { snapshot, posture: 'enforce', onObserved });
  return { rule: decision?.rule, enforced: decision?.enforced, observed };
}
const THIRD = 'rule-of-two/third-of-three';
const isThird = (state: readonly Bit[], bit: Bit) => new Set([...state, bit]).size === 3;

describe('the Rule of Two', () => {
  it.each(TRANSITIONS)(
    '[security:rule-of-two] enforced on %s lets any two come together and asks about the third',
    async (tool, _kind, bit) => {
      for (const state of STATES) {
        const third = isThird(state, bit);
        const wanted = {
          rule: third ? THIRD : 'rule-of-two/two-at-most',
          enforced: third ? 'ask' : 'allow',
          observed: [],
        };
        expect([state, await decided('Enforce', state, tool)]).toEqual([state, wanted]);
      }
    },
  );

  it.each(TRANSITIONS)(
    '[security:rule-of-two] observed on %s changes nothing and counts each time that it would have asked',
    async (tool, _kind, bit) => {
      for (const state of STATES) {
        const { enforced, observed } = await decided('Observe', state, tool);
        const without = await decided(undefined, state, tool);
        expect([state, enforced, observed]).toEqual([state, without.enforced, isThird(state, bit) ? [THIRD] : []]);
      }
    },
  );

  it('[security:rule-of-two] counts a value behind a handle as untrusted content', async () => {
    expect((await decided('Enforce', ['private'], 'send', true)).enforced).toBe('ask');
    expect((await decided('Enforce', ['private'], 'send')).enforced).toBe('allow');
  });
});
