import { describe, expect, it } from '@jest/globals';
import { chat, house } from './testing-provider.ts';

const tools = [{ type: 'function', function: { name: 'f', parameters: { type: 'object' } } }];
const called = (n: number) =>
  chat(
    n,
    {
      content: null,
      tool_calls: [{ id: 'call_abcdefghijkl', type: 'function', function: { name: 'f', arguments: '{"a":1}' } }],
    },
    'tool_calls',
  );

/** A policy that shows every tool and decides as `action` says, counting how often it is asked. */
function policy(action: () => 'ALLOW' | 'DENY') {
  const asked = { calls: 0 };
  const word = (allowed: boolean) => ({
    verdict: allowed ? 1 : 2,
    enforced: allowed ? 1 : 2,
    rule: 'r',
    reason: 'because',
    policyRevision: '1',
    toolClass: 'read',
  });
  const decisions = {
    decideTools: async ({ tools: list }: { tools: unknown[] }) => ({
      policyRevision: '1',
      decisions: list.map(() => word(true)),
    }),
    decideCalls: async ({ calls }: { calls: unknown[] }) => {
      asked.calls++;
      return { decisions: calls.map(() => word(action() === 'ALLOW')) };
    },
  };
  return { asked, clients: { decisions } };
}

describe('tool calls of an answer that is kept', () => {
  it('[cache:decided-anew] are decided at each hit, and have ids of their own', async () => {
    let allowed: 'ALLOW' | 'DENY' = 'ALLOW';
    const { asked, clients } = policy(() => allowed);
    const { ask, calls } = house((n) => (n > 1 ? chat(n) : called(n)), { clients });
    const idOf = (text: string) =>
      (JSON.parse(text) as { choices: { message: { tool_calls: { id: string }[] } }[] }).choices[0]?.message
        .tool_calls[0]?.id;
    const one = await ask({ body: { tools } });
    const two = await ask({ body: { tools } });
    expect([one.cache, two.cache, calls(), asked.calls]).toEqual(['miss', 'hit', 1, 2]);
    expect(idOf(one.text)).toBe('call_abcdefghijkl');
    expect(idOf(two.text)).toMatch(/^call_[A-Za-z0-9]{12}$/);
    expect(idOf(two.text)).not.toBe(idOf(one.text));
    allowed = 'DENY';
    const three = await ask({ body: { tools } });
    expect(three.text).not.toContain('tool_calls":[');
    expect(asked.calls).toBe(3);
  });

  it('[cache:not-kept] that were refused are asked of the model again', async () => {
    const { clients } = policy(() => 'DENY');
    const { ask, calls } = house((n) => (n % 2 === 1 ? called(n) : chat(n)), { clients });
    await ask({ body: { tools } });
    const before = calls();
    await ask({ body: { tools } });
    expect(calls()).toBeGreaterThan(before);
  });
});
