import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import { wireLabel } from '@sallyport/peers/decision-wire';
import { Record_Kind } from '@sallyport/proto/audit/v1/audit_pb';
import { ApprovalState } from '@sallyport/proto/policy/v1/approval_pb';
import { Action, ToolRef_Kind } from '@sallyport/proto/policy/v1/policy_pb';
import { createCorpus, TRUSTED } from '@sallyport/turn';
import type { AssistantContent } from '../chat/message.ts';
import { callsOf } from './decide.ts';
import { execute } from './execute.ts';
import { handOver } from './hand-over.ts';
import { createRelease } from './release.ts';
import { gateOf, listener, turnOf } from './testing.ts';

const { PENDING, APPROVED, REJECTED, EXPIRED, VOID } = ApprovalState;
const ALLOW = { verdict: Action.ALLOW, enforced: Action.ALLOW, rule: 'r', reason: 'fine', toolClass: 'egress' };
const ASK = { ...ALLOW, verdict: Action.ASK, enforced: Action.ASK, rule: 'p/who', reason: 'Nobody vouched for it.' };
const DENY = { ...ALLOW, verdict: Action.DENY, enforced: Action.DENY };

interface Setting {
  loop?: 'gateway' | 'client';
  stream?: boolean;
  /** Decisions of each round of deciding; the last one also for all further. */
  decisions?: object[][];
  /** States that each long poll brings; the last one for ever. */
  states?: ApprovalState[][];
  wait?: number;
  requests?: () => Promise<object>;
  signal?: AbortSignal;
  names?: string[];
}

async function held(init: Setting) {
  const { loop = 'gateway', stream = true, names = ['send'], wait = 5_000 } = init;
  const heard = listener();
  const body = { stream, tools: [{ type: 'function', function: { name: 'mine' } }] };
  const turn = turnOf({ body, ...(init.signal ? { signal: init.signal } : {}) }, heard);
  turn.corpus = createCorpus();
  for (const name of ['send', 'look']) {
    const kind = loop === 'client' ? ToolRef_Kind.CLIENT : ToolRef_Kind.BROKERED;
    const ref = { kind, server: 'desk', name, owner: 'k1' } as never;
    turn.tools.set(name, { name, runBy: loop, toolClass: 'egress', ref });
  }
  const decisions = [...(init.decisions ?? [[ASK], [ALLOW]])];
  const states = [...(init.states ?? [[APPROVED]])];
  const asked: { calls: { approvalId: string; useId: string; callId: string }[] }[] = [];
  const requested: { calls: { callId: string }[] }[] = [];
  const ran: string[] = [];
  const kept = gateOf({
    clients: {
      decisions: {
        decideCalls: async (request: (typeof asked)[number]) => {
          asked.push(request);
          return { decisions: decisions.length > 1 ? decisions.shift() : decisions[0] };
        },
        decideResult: async () => ({ decision: ALLOW, label: wireLabel(TRUSTED) }),
      },
      approvals: {
        requestApprovals:
          init.requests ??
          (async (request: (typeof requested)[number]) => {
            requested.push(request);
            return { approvals: request.calls.map(({ callId }) => ({ id: `ap-${callId}` })) };
          }),
        awaitApprovals: async (_request: object, { signal }: { signal: AbortSignal }) => {
          signal.throwIfAborted();
          return { states: states.length > 1 ? states.shift() : states[0] };
        },
      },
      tools: {
        execute: async ({ argumentsJson }: { argumentsJson: string }) => {
          ran.push(argumentsJson);
          return { resultJson: JSON.stringify({ content: [{ type: 'text', text: 'sent' }] }), isError: false };
        },
      },
    },
  });
  kept.gate.config.turn.approvalWait = wait;
  kept.gate.config.publicUrl = 'https://gate.example/';
  const said: AssistantContent[] = names.map((name, index) => ({
    type: 'toolCall',
    id: `c${index}`,
    name,
    arguments: `{"n":${index}}`,
  }));
  const release = createRelease(turn);
  const calls = callsOf(turn, said);
  const finish = { unified: 'tool_calls' as const, raw: 'tool_calls' };
  const outcome = await (loop === 'gateway'
    ? execute(kept.gate, turn, release, calls, said)
    : handOver(kept.gate, turn, release, { content: said, finish }, calls)
  ).catch((error: unknown) => error);
  const told = JSON.stringify(turn.appended[1] ?? '');
  return { outcome, heard, turn, kept, asked, requested, ran, told };
}

describe.each(['gateway', 'client'] as const)('an ask in the loop of the %s', (loop) => {
  const released = ({ ran, heard }: { ran: string[]; heard: { text(): string } }) =>
    loop === 'gateway' ? ran.length > 0 : heard.text().includes('"name":"send"');

  it('[turn:ask-approved] decides again once a person approved, names the approval, and goes on', async () => {
    const done = await held({ loop, states: [[PENDING], [APPROVED]] });
    expect(done.outcome).toBe(loop === 'gateway' ? 'ran' : 'over');
    expect(released(done)).toBe(true);
    const [first, second] = done.asked.map(({ calls }) => calls[0]);
    expect([first?.approvalId, second?.approvalId]).toEqual(['', 'ap-c0']);
    const intent = done.kept.records.find(({ kind }) => kind === Record_Kind.TOOL_INTENT);
    expect([first?.useId, second?.useId]).toEqual([intent?.id, intent?.id]);
    const [approval] = done.kept.records.filter(({ kind }) => kind === Record_Kind.APPROVAL);
    expect(approval).toMatchObject({ outcome: 'ok', rule: 'p/who', callId: 'c0' });
    expect(JSON.parse(approval?.detailJson ?? '')).toEqual({ approval: 'ap-c0', state: 'approved' });
    expect(done.heard.text()).toContain(': waiting for approval ap-c0');
  });

  it.each([
    ['rejected', [REJECTED], [ASK], 'approval_rejected'],
    ['not answered in time', [EXPIRED], [ASK], 'approval_expired'],
    ['void', [VOID], [ASK], 'approval_expired'],
    ['nothing policy knows', [99 as ApprovalState], [ASK], 'approval_expired'],
    ['approved, but a rule denies it by now', [APPROVED], [DENY], 'policy_denied'],
    ['approved, but for another state', [APPROVED], [ASK], 'approval_expired'],
  ])('[turn:ask-refused] runs nothing that was %s, and tells the model so', async (_name, states, again, code) => {
    const done = await held({ loop, states: [states], decisions: [[ASK], again] });
    expect(released(done)).toBe(false);
    expect(done.told).toContain(`[${code}]`);
    expect(done.outcome).toMatchObject({ refusals: [{ code }] });
  });

  it.each([true, false])(
    '[turn:ask-waiting] ends as an ordinary answer where nobody answered (stream %s)',
    async (stream) => {
      const done = await held({ loop, stream, states: [[PENDING]], wait: 30 });
      expect(done.outcome).toBe('over');
      expect(released(done)).toBe(false);
      expect(done.heard.text()).toContain('https://gate.example/approve/ap-c0');
      expect(done.heard.text()).toContain('"finish_reason":"stop"');
      if (stream) expect(done.heard.text()).toMatch(/: sallyport-cache=\S+ cost-usd=\S+ approval=ap-c0/);
      else expect(done.heard.headers['sallyport-approval']).toBe('ap-c0');
      expect(done.kept.remembered).toHaveLength(1);
      expect(done.kept.records.map(({ kind }) => kind)).toEqual([Record_Kind.APPROVAL, Record_Kind.TOOL_REFUSAL]);
    },
  );

  it('[turn:ask-no-wait] asks and does not wait where the config says so', async () => {
    const done = await held({ loop, wait: 0 });
    expect(done.outcome).toBe('over');
    expect(done.requested).toHaveLength(1);
    expect(done.heard.text()).not.toContain('waiting for');
  });

  it('[turn:ask-held] holds the whole batch while one of it is asked about', async () => {
    const names = ['look', 'send'];
    const done = await held({ loop, names, decisions: [[ALLOW, ASK]], states: [[PENDING]], wait: 20 });
    expect(done.outcome).toBe('over');
    expect(done.ran).toEqual([]);
    expect(done.requested[0]?.calls.map(({ callId }) => callId)).toEqual(['c1']);
  });

  it('[turn:ask-gone] leaves the approval open where the client goes', async () => {
    const control = new AbortController();
    const gone = new GatewayError('cancelled', 'gone');
    setTimeout(() => control.abort(gone), 20);
    const done = await held({ loop, states: [[PENDING]], signal: control.signal });
    expect(done.outcome).toBe(gone);
    expect(released(done)).toBe(false);
    expect(done.kept.records).toMatchObject([{ kind: Record_Kind.APPROVAL, outcome: 'unknown' }]);
  });

  it('[turn:ask-away] refuses where nobody can be asked', async () => {
    const requests = () => Promise.reject(new GatewayError('unavailable', 'away'));
    const done = await held({ loop, requests });
    expect(released(done)).toBe(false);
    expect(done.outcome).toMatchObject({ refusals: [{ code: 'policy_unavailable' }] });
  });

  it('decides again where nobody has to be asked any more', async () => {
    const done = await held({ loop, requests: async () => ({ approvals: [{ id: '' }] }) });
    expect(released(done)).toBe(true);
  });
});

describe('an ask beside a denial', () => {
  it('[turn:ask-denied] asks nobody about a batch of a client that cannot be released anyway', async () => {
    const done = await held({ loop: 'client', names: ['look', 'send'], decisions: [[DENY, ASK]] });
    expect(done.requested).toEqual([]);
    expect(done.outcome).toMatchObject({ refusals: [{ code: 'policy_denied' }, {}] });
  });
});
