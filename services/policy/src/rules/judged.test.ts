import { describe, expect, it } from '@jest/globals';
import { decideCalls } from '../evaluate.ts';
import { brokered, CONTEXTS, MAIL, OPEN_ACCESS, principalOfTest, snapshotOf, type TestResource } from '../testing.ts';

const asks = (when?: string): TestResource => ({
  kind: 'ToolPolicy',
  name: 'p',
  spec: {
    tools: [{ server: 'mail', tool: '*' }],
    mode: 'Enforce',
    calls: [
      ...(when === undefined ? [] : [{ name: 'known', action: 'Allow', when, reason: 'The receivers are known.' }]),
      { name: 'ask', action: 'Ask', reason: 'Nobody said who may receive this.' },
    ],
  },
});

async function decided(policy: TestResource, args: unknown) {
  const snapshot = await snapshotOf([OPEN_ACCESS, MAIL, policy]);
  const call = { tool: brokered('egress'), argumentsJson: JSON.stringify(args), origins: [] };
  const [decision] = decideCalls(
    { principal: principalOfTest(), context: CONTEXTS.trusted, calls: [call] },
    { snapshot, posture: 'enforce' },
  );
  return decision;
}
const DENIED = {
  enforced: 'deny',
  rule: 'builtin/beyond-judging',
  reason: 'A person would be asked (p/ask), but it is about more than 1000 values, which nobody looks at one by one.',
};
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);

describe('how much a person can be asked about', () => {
  it.each([1_001, 9_000, 40_000])(
    '[approval:judgeable] refuses a call about which %i values would be asked',
    async (count) => {
      expect(await decided(asks('known(args.to)'), { to: numbers(count) })).toMatchObject(DENIED);
      expect(await decided(asks(), { to: 'x@example.com', rows: numbers(count) })).toMatchObject(DENIED);
    },
  );

  it('[approval:judgeable] asks about a thousand, and about few whatever else the call holds', async () => {
    expect(await decided(asks('known(args.to)'), { to: numbers(1_000) })).toMatchObject({ enforced: 'ask' });
    expect(await decided(asks(), { rows: numbers(1_000) })).toMatchObject({ enforced: 'ask' });
    const few = await decided(asks('known(args.to)'), { to: 'x@example.com', rows: numbers(9_000) });
    expect(few).toMatchObject({ enforced: 'ask', asked: ['/to'] });
  });
});
