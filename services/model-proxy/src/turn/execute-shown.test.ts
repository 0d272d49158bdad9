import { describe, expect, it } from '@jest/globals';
import { wireLabel } from '@sallyport/peers/decision-wire';
import { ApprovalState } from '@sallyport/proto/policy/v1/approval_pb';
import { Action, ToolRef_Kind } from '@sallyport/proto/policy/v1/policy_pb';
import { createCorpus, TRUSTED } from '@sallyport/turn';
import { Exchange } from '../responses/exchange.ts';
import { type AnsweredApproval, settleItems } from '../responses/settle-items.ts';
import { callsOf } from './decide.ts';
import { executeShown } from './execute-shown.ts';
import { receive } from './receive.ts';
import { createRelease } from './release.ts';
import { resume } from './resume.ts';
import { gateOf, listener, streamed, turnOf } from './testing.ts';

const ALLOW = { verdict: Action.ALLOW, enforced: Action.ALLOW, rule: 'r', reason: 'fine', toolClass: 'read' };
const ASK = { ...ALLOW, verdict: Action.ASK, enforced: Action.ASK, rule: 'p/ask', reason: 'who says so?' };
const called = (name: string, id = 'c1') => ({ type: 'toolCall' as const, id, name, arguments: '{"a":1}' });

/** A turn of the Responses API with a brokered tool `desk__look`, and one that the client wants to be asked about. */
function setting(init: { decisions?: object[][]; state?: ApprovalState; answered?: AnsweredApproval[] } = {}) {
  const heard = listener();
  const turn = turnOf({ dialect: 'openai-responses', body: { input: 'hi', tools: [] } }, heard);
  turn.corpus = createCorpus();
  const fields = { store: false };
  const exchange = new Exchange({ id: 'resp_1', fields, answered: init.answered ?? [], listed: new Set() });
  Object.assign(turn, {
    exchange,
    request: { model: 'm', system: [], messages: [], tools: [], sampling: {}, stream: false },
  });
  for (const [name, asks] of [
    ['desk__look', false],
    ['desk__send', true],
  ] as const) {
    const ref = { kind: ToolRef_Kind.BROKERED, server: 'desk', name, owner: '' } as never;
    turn.tools.set(name, { name, ref, runBy: 'gateway', toolClass: 'read', listed: { label: 'desk', asks } });
  }
  const run: string[] = [];
  let round = 0;
  const kept = gateOf({
    clients: {
      decisions: {
        decideCalls: async ({ calls }: { calls: unknown[] }) => ({
          decisions: init.decisions?.[Math.min(round++, init.decisions.length - 1)] ?? calls.map(() => ALLOW),
        }),
        decideTools: async ({ tools }: { tools: unknown[] }) => ({
          decisions: tools.map(() => ALLOW),
          policyRevision: 'r',
        }),
        decideResult: async () => ({ decision: ALLOW, label: wireLabel(TRUSTED) }),
      },
      approvals: {
        requestApprovals: async ({ calls }: { calls: unknown[] }) => ({
          approvals: calls.map((_, at) => ({ id: `a${at}` })),
        }),
        awaitApprovals: async ({ ids }: { ids: string[] }) => ({
          states: ids.map(() => init.state ?? ApprovalState.PENDING),
        }),
      },
      tools: {
        execute: async ({ tool }: { tool: { name: string } }) => {
          run.push(tool.name);
          const resultJson = JSON.stringify({ content: [{ type: 'text', text: 'sun' }] });
          return { resultJson, isError: false, sizeBytes: 1, latencyMs: 1, credentialReference: '' };
        },
      },
    },
  });
  const release = createRelease(turn);
  return { turn, exchange, release, run, kept, heard };
}

const itemsOf = (text: string) => (JSON.parse(text) as { output: Record<string, unknown>[] }).output;

describe('calls of brokered tools in the Responses API', () => {
  it('[responses:mcp] are shown with their results, and remembered as they come back', async () => {
    const { turn, exchange, release, run, kept, heard } = setting();
    const content = [called('desk__look')];
    const outcome = await executeShown(kept.gate, turn, exchange, release, { calls: callsOf(turn, content), content });
    expect(outcome).toBe('ran');
    expect(run).toEqual(['desk__look']);
    expect(exchange.shown).toMatchObject([
      { name: 'desk__look', arguments: '{"a":1}', result: { text: 'sun', label: TRUSTED } },
    ]);
    await release.finish({ unified: 'stop', raw: '' });
    expect(itemsOf(heard.text())).toMatchObject([
      { type: 'mcp_call', server_label: 'desk', name: 'look', output: 'sun', error: null, status: 'completed' },
    ]);
  });

  it('[responses:mcp] of tools that there are not come back as they were shown, or are not shown', async () => {
    const { turn, exchange, release, kept, heard } = setting();
    const content = [called('desk__gone'), called('nothing', 'c2')];
    await executeShown(kept.gate, turn, exchange, release, { calls: callsOf(turn, content), content });
    await release.finish({ unified: 'stop', raw: '' });
    const items = itemsOf(heard.text());
    expect(items).toMatchObject([{ type: 'mcp_call', server_label: 'desk', name: 'gone', status: 'failed' }]);
    expect(settleItems(items).items).toMatchObject([{ name: 'desk__gone' }, { type: 'function_call_output' }]);
    expect(exchange.shown.map(({ name }) => name)).toEqual(['desk__gone']);
  });

  it('[responses:approval] are not decided before the client has said yes, beside others that run', async () => {
    const { turn, exchange, release, run, kept, heard } = setting();
    const content = [called('desk__look'), called('desk__send', 'c2')];
    const outcome = await executeShown(kept.gate, turn, exchange, release, { calls: callsOf(turn, content), content });
    expect(outcome).toBe('over');
    expect(run).toEqual(['desk__look']);
    expect(itemsOf(heard.text())).toMatchObject([
      { type: 'mcp_call', name: 'look' },
      { type: 'mcp_approval_request', server_label: 'desk', name: 'send', arguments: '{"a":1}' },
    ]);
    expect(kept.records.map(({ rule }) => rule)).toContain('builtin/client-asked');
  });

  it('[responses:ask] that a rule asks people about are put before the client at once, with the approval named', async () => {
    const { turn, exchange, release, run, kept, heard } = setting({ decisions: [[ASK]] });
    const content = [called('desk__look')];
    const began = Date.now();
    await executeShown(kept.gate, turn, exchange, release, { calls: callsOf(turn, content), content });
    expect(Date.now() - began).toBeLessThan(2_000);
    expect(run).toEqual([]);
    expect(heard.headers['sallyport-approval']).toBe('a0');
    expect(itemsOf(heard.text())).toMatchObject([{ type: 'mcp_approval_request', name: 'look' }]);
  });

  it.each<[string, ApprovalState, object[][], string[]]>([
    ['people said yes', ApprovalState.APPROVED, [[ASK], [ALLOW]], ['desk__look']],
    ['people said no', ApprovalState.REJECTED, [[ASK], [ASK]], []],
  ])('[responses:ask] are run after the yes of the client only where %s', async (_name, state, decisions, made) => {
    const answered = [
      { id: 'mcpr_1', serverLabel: 'desk', name: 'desk__look', arguments: '{"a":1}', approve: true, refusal: '' },
    ];
    const { turn, exchange, release, run, kept } = setting({ state, decisions, answered });
    expect(await resume(kept.gate, turn, exchange, release)).toBe('on');
    expect(run).toEqual(made);
    expect(turn.appended.map(({ role }) => role)).toEqual(['assistant', 'tool']);
  });

  it('[responses:approval] are refused where the client said no, and the model is told', async () => {
    const answered = [
      { id: 'mcpr_1', serverLabel: 'desk', name: 'desk__send', arguments: '{}', approve: false, refusal: 'No.' },
    ];
    const { turn, exchange, release, run, kept } = setting({ answered });
    expect(await resume(kept.gate, turn, exchange, release)).toBe('on');
    expect(run).toEqual([]);
    expect(JSON.stringify(turn.appended)).toContain('No.');
    expect(exchange.shown).toMatchObject([{ id: 'mcpr_1', result: { text: 'No.', label: TRUSTED } }]);
  });
});

describe('an item that nobody asked for', () => {
  it.each(['computer_call', 'local_shell_call', 'web_search_call', 'mcp_approval_request'])(
    '[responses:unoffered] of type %s reaches no client',
    async (kind) => {
      const { turn, kept, heard } = setting();
      const value = { id: 'x_1', type: kind, action: { type: 'exec', command: ['rm'] } };
      const answer = {
        target: turn.model.targets[0],
        step: 1,
        startedAtMs: 0,
        startedAt: 0,
        firstTokenMs: 0,
        attempts: [],
        reservation: { touched: [], settle() {} },
        requestBytes: 1,
        content: { kind: 'events', segments: streamed([{ type: 'opaque', dialect: 'openai-responses', kind, value }]) },
      };
      const heardOf = receive(kept.gate, turn, answer as never, createRelease(turn));
      await expect(heardOf).rejects.toMatchObject({ code: 'upstream_invalid' });
      expect(heard.text()).not.toContain('rm');
    },
  );
});
