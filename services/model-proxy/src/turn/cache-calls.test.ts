import { describe, expect, it } from '@jest/globals';
import { Action } from '@sallyport/proto/policy/v1/policy_pb';
import { label, TRUSTED, untrusted } from '@sallyport/turn';
import { toJson } from '@sallyport/turn/label';
import { gateOf } from './testing.ts';
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
function policy(action: () => 'ALLOW' | 'DENY' | 'ASK') {
  const asked = { calls: 0 };
  const word = (said: 'ALLOW' | 'DENY' | 'ASK') => ({
    verdict: Action[said],
    enforced: Action[said],
    rule: 'r',
    reason: 'because',
    policyRevision: '1',
    toolClass: 'read',
  });
  const decisions = {
    decideTools: async ({ tools: list }: { tools: unknown[] }) => ({
      policyRevision: '1',
      decisions: list.map(() => word('ALLOW')),
    }),
    decideCalls: async ({ calls }: { calls: unknown[] }) => {
      asked.calls++;
      return { decisions: calls.map(() => word(action())) };
    },
  };
  const approvals = {
    requestApprovals: async ({ calls }: { calls: { callId: string }[] }) => ({
      approvals: calls.map(({ callId }) => ({ id: `ap-${callId}` })),
    }),
  };
  return { asked, clients: { decisions, approvals } };
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

  it('[cache:key] do not keep the next step of a run from being found, whatever the ids of its calls', async () => {
    const { clients } = policy(() => 'ALLOW');
    const { ask, calls } = house((n) => (n === 1 ? called(n) : chat(n)), { clients });
    const run = async (result: string) => {
      const first = await ask({ body: { tools } });
      const said = (JSON.parse(first.text) as { choices: { message: { tool_calls: { id: string }[] } }[] }).choices[0]
        ?.message;
      const answered = { role: 'tool', tool_call_id: said?.tool_calls[0]?.id, content: result };
      return await ask({ body: { tools, messages: [{ role: 'user', content: 'hi' }, said, answered] } });
    };
    const one = await run('42');
    const two = await run('42');
    expect([one.cache, two.cache, calls()]).toEqual(['miss', 'hit', 2]);
    expect((await run('43')).cache).toBe('miss');
  });

  it('[cache:key] cannot make a principal of another by an id of a call', async () => {
    const { clients } = policy(() => 'ALLOW');
    const { ask } = house((n) => chat(n), { clients });
    const asked = (id: string) => {
      const call = { id, type: 'function', function: { name: 'f', arguments: '{}' } };
      const messages = [
        { role: 'user', content: 'hi' },
        { role: 'assistant', content: null, tool_calls: [call] },
        { role: 'tool', tool_call_id: id, content: '1' },
      ];
      return ask({ body: { tools, messages }, principal: { id, user: '' } });
    };
    expect((await asked('key:a')).cache).toBe('miss');
    expect((await asked('key:b')).cache).toBe('miss');
    expect((await asked('key:a')).cache).toBe('hit');
  });

  it('[cache:not-kept] that were refused are asked of the model again', async () => {
    const { clients } = policy(() => 'DENY');
    const { ask, calls } = house((n) => (n % 2 === 1 ? called(n) : chat(n)), { clients });
    await ask({ body: { tools } });
    const before = calls();
    await ask({ body: { tools } });
    expect(calls()).toBeGreaterThan(before);
  });

  it('[cache:not-kept] that wait for people are asked of the model again', async () => {
    const { clients } = policy(() => 'ASK');
    const { config } = gateOf().gate;
    const { ask, calls } = house(called, { clients, config: { ...config, turn: { ...config.turn, approvalWait: 0 } } });
    const first = await ask({ body: { tools } });
    expect(first.heard.headers['sallyport-approval']).toBe('ap-call_abcdefghijkl');
    expect((await ask({ body: { tools } })).cache).toBe('miss');
    expect(calls()).toBe(2);
  });
});

describe('the label of an answer that is kept', () => {
  it.each([
    ['trusted', TRUSTED],
    ['untrusted', untrusted('provider:search')],
    ['for some', label('trusted', [], ['key:k1'])],
  ])('[cache:label] joins that of the turn: %s', async (_name, of) => {
    const { ask, gate } = house();
    const { keep } = gate.cache;
    gate.cache.keep = (key, entry, ttlMs) => keep(key, { ...entry, label: toJson(of) }, ttlMs);
    await ask();
    const { turn, cache } = await ask();
    expect([cache, turn.label]).toEqual(['hit', of]);
  });
});
