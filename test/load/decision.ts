// Measures one decision of policy among many rules. Alone: make bench NAMES=decision
import { judgeCalls } from '../../services/policy/src/evaluate.ts';
import type { OriginFields } from '../../services/policy/src/rules/provenance.ts';
import { createCompiler } from '../../services/policy/src/snapshot/compile.ts';
import { brokered, heldOf, MAIL, OPEN_ACCESS, principalOfTest } from '../../services/policy/src/testing.ts';
import { TRUSTED } from '../../services/turn/src/label.ts';
import { median } from './measuring.ts';
import type { Measure } from './report.ts';

/** First bar of DESIGN section 9: one decision with 1,000 rules of which at most 20 apply, at the median. */
const BAR_US = 150;
const APPLYING = 20;
const WARM = 2_000;
const ROUNDS = 5_000;

// What rules of the shipped policies look like: a destination has to be known, a size bounded, a domain ours.
const CONDITIONS = [
  '!known(args.to)',
  'derived(args.body) && !context.trusted',
  'size(args.to) > 25',
  'args.to.exists(one, !one.endsWith("@example.com")) && !known(args.to)',
  'origin(args.subject) == "attached"',
];

/** Rules in policies of four, those of one tool first; all others are about tools of other servers. */
function policies(rules: number) {
  return Array.from({ length: rules / 4 }, (_, index) => {
    const applies = index * 4 < APPLYING;
    const calls = Array.from({ length: 4 }, (_rule, at) => ({
      name: `r${at}`,
      when: CONDITIONS[(index + at) % CONDITIONS.length],
      action: 'Deny',
      reason: 'No.',
    }));
    const tool = applies ? { server: 'mail', tool: 'egress' } : { server: `other-${index}`, tool: '*' };
    return { kind: 'ToolPolicy' as const, name: `p${index}`, spec: { mode: 'Enforce', tools: [tool], calls } };
  });
}

/** A mail to ten people out of a contact list, with a body that the model wrote. */
function call() {
  const to = Array.from({ length: 10 }, (_, index) => `person-${index}@example.com`);
  const body = 'Dear all, the meeting is moved to Thursday. '.repeat(40);
  const label = { trusted: true, sources: ['tool:contacts/list'], public: true, audience: [] };
  const origins: OriginFields[] = to.map((_, index) => ({
    pointer: `/to/${index}`,
    origin: 'result',
    from: 'contacts/list',
    path: `/items/${index}/email`,
    label,
  }));
  origins.push({ pointer: '/subject', origin: 'typed', label }, { pointer: '/body', origin: 'composed', label });
  return { tool: brokered('egress'), argumentsJson: JSON.stringify({ to, subject: 'Thursday', body }), origins };
}

async function medianOf(rules: number): Promise<number> {
  const snapshot = await createCompiler(() => undefined).compile(heldOf([OPEN_ACCESS, MAIL, ...policies(rules)]), true);
  const request = { principal: principalOfTest(), context: TRUSTED, calls: [call()] };
  const once = () => {
    const [judged] = judgeCalls(request, { snapshot, posture: 'enforce' });
    if (judged?.decision.enforced !== 'allow') throw new Error(`the call is not allowed: ${judged?.decision.rule}`);
  };
  for (let i = 0; i < WARM; i++) once();
  const times = Array.from({ length: ROUNDS }, () => {
    const from = performance.now();
    once();
    return (performance.now() - from) * 1000;
  });
  return median(times);
}

/** One decision in this process: 1,000 rules, beside the same with only the 20 that apply. */
export async function measureDecision(): Promise<Measure> {
  const few = await medianOf(APPLYING);
  const value = await medianOf(1_000);
  const note = `1,000 rules of which ${APPLYING} apply, 12 origins; ratio to ${APPLYING} rules alone (${few.toFixed(0)} us)`;
  return { name: 'decision', value, unit: 'us', ratio: value / few, bar: BAR_US, note };
}
