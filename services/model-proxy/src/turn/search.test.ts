import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import { wireLabel } from '@sallyport/peers/decision-wire';
import { Record_Kind } from '@sallyport/proto/audit/v1/audit_pb';
import { Action, ToolRef_Kind } from '@sallyport/proto/policy/v1/policy_pb';
import { createCorpus, originsOf, TRUSTED } from '@sallyport/turn';
import { Exchange } from '../responses/exchange.ts';
import { settleItems } from '../responses/settle-items.ts';
import { callsOf } from './decide.ts';
import { execute } from './execute.ts';
import { executeShown } from './execute-shown.ts';
import { createRelease } from './release.ts';
import { gateOf, listener, turnOf } from './testing.ts';

const ALLOW = { verdict: Action.ALLOW, enforced: Action.ALLOW, rule: 'r', reason: 'fine', toolClass: 'read' };
const HANDLE = `h_${'a'.repeat(24)}`;
const FOUND = {
  resultJson: JSON.stringify({ tools: [{ name: 'desk__look', description: `Use ${HANDLE}.` }], searched: 1 }),
  found: ['desk__look'],
  searched: 1,
  tokens: 40,
  tokensOfAll: 900,
};
const called = (name: string, args: object, id: string) => ({
  type: 'toolCall' as const,
  id,
  name,
  arguments: JSON.stringify(args),
});
const SEARCH = called('desk__search_tools', { query: 'look at mails' }, 's1');
const WRAPPED = called('desk__call_tool', { name: 'desk__look', arguments: { city: 'Oslo' } }, 'w1');

/** A turn with a toolset `desk` that is searched: `look`, `send`, and `away`, which is hidden now. */
function setting(init: { search?: () => Promise<object>; responses?: boolean } = {}) {
  const heard = listener();
  const { responses = false } = init;
  const turn = turnOf(responses ? { dialect: 'openai-responses', body: { input: 'hi' } } : {}, heard);
  turn.corpus = createCorpus();
  const exchange = new Exchange({ id: 'resp_1', fields: { store: false }, answered: [], listed: new Set() });
  const request = { model: 'm', system: [], messages: [], tools: [], sampling: {}, stream: false };
  Object.assign(turn, { request, ...(responses ? { exchange } : {}) });
  for (const does of ['search_tools', 'call_tool'] as const)
    turn.searches.set(`desk__${does}`, { label: 'desk', does });
  for (const own of ['look', 'send', 'away']) {
    const name = `desk__${own}`;
    const ref = { kind: ToolRef_Kind.BROKERED, server: 'mail', name: own, owner: '' } as never;
    const toolClass = own === 'send' ? 'egress' : 'read';
    const listed = { label: 'desk', asks: own === 'send' };
    turn.tools.set(name, {
      name,
      ref,
      runBy: 'gateway',
      toolClass,
      searched: 'desk',
      ...(responses ? { listed } : {}),
    });
  }
  turn.hidden = [{ tool: 'desk__away', rule: 'r', reason: '', enforced: true }];
  const asked: { among: string[]; query: string; toolset: string }[] = [];
  const decided: { tool?: { name: string }; argumentsJson: string }[] = [];
  const run: string[] = [];
  const kept = gateOf({
    clients: {
      decisions: {
        decideCalls: async ({ calls }: { calls: typeof decided }) => {
          decided.push(...calls);
          return { decisions: calls.map(() => ALLOW) };
        },
        decideResult: async () => ({ decision: ALLOW, label: wireLabel(TRUSTED) }),
      },
      tools: {
        searchTools: async (request: (typeof asked)[number]) => {
          asked.push(request);
          return await (init.search?.() ?? FOUND);
        },
        execute: async ({ tool, argumentsJson }: { tool: { name: string }; argumentsJson: string }) => {
          run.push(`${tool.name} ${argumentsJson}`);
          const resultJson = JSON.stringify({ content: [{ type: 'text', text: 'sun' }] });
          return { resultJson, isError: false, sizeBytes: 1, latencyMs: 1, credentialReference: '' };
        },
      },
    },
  });
  const release = createRelease(turn);
  const make = async (...content: ReturnType<typeof called>[]) => {
    const calls = callsOf(turn, content);
    const outcome = await (responses
      ? executeShown(kept.gate, turn, exchange, release, { calls, content })
      : execute(kept.gate, turn, release, calls, content));
    const said = turn.appended.flatMap((message) => (message.role === 'tool' ? message.content : []));
    const texts = said.map(({ content: [block] }) => (block?.type === 'text' ? block.text : ''));
    return { outcome, texts };
  };
  return { turn, kept, asked, decided, run, release, exchange, heard, make };
}

describe('a search for tools in a turn', () => {
  it('[turn:search-step] looks among what the model may be shown, and is a step that is limited and recorded', async () => {
    const { make, asked, decided, kept, turn } = setting();
    const { outcome, texts } = await make(SEARCH);
    expect(outcome).toBe('ran');
    expect(asked).toMatchObject([{ toolset: 'desk', query: 'look at mails', among: ['desk__look', 'desk__send'] }]);
    expect(decided).toEqual([]);
    expect(texts).toEqual([FOUND.resultJson.replace('h_', 'h~_')]);
    expect(kept.reserved).toMatchObject([{ needed: { steps: 1 }, settled: { steps: 1 }, times: 1 }]);
    const [record, ...more] = kept.records;
    expect(more).toEqual([]);
    expect(record).toMatchObject({
      kind: Record_Kind.TOOL_OUTCOME,
      toolName: 'search_tools',
      toolClass: 'read',
      outcome: 'ok',
      step: 1,
    });
    expect(JSON.parse(record?.detailJson ?? '')).toEqual({
      status: 'done',
      toolset: 'desk',
      searched: 1,
      found: ['desk__look'],
      tokens: 40,
      tokensOfAll: 900,
    });
    expect(turn.label.integrity).toBe('trusted');
  });

  it('[turn:search-step] vouches for no value of what it found', async () => {
    const { make, turn } = setting();
    await make(SEARCH);
    const [origin] = turn.corpus ? originsOf('desk__look', turn.corpus) : [];
    expect(origin?.origin.kind).toBe('composed');
  });

  it.each([
    ['rate_limited', 'rate_limited', 'refused'],
    ['step_limit', 'rate_limited', 'refused'],
    ['unavailable', 'tool_unavailable', 'error'],
    ['invalid_request', 'tool_unavailable', 'error'],
  ] as const)('[turn:search-step] that ends in %s tells the model %s', async (code, told, outcome) => {
    const { make, kept } = setting({ search: () => Promise.reject(new GatewayError(code, 'CANARY')) });
    const answer = await make(SEARCH);
    expect(answer.outcome).toMatchObject({ refusals: [{ code: told }] });
    expect(answer.texts).toEqual([expect.stringMatching(new RegExp(`^\\[${told}\\]`))]);
    expect(answer.texts.join()).not.toContain('CANARY');
    expect(kept.records).toMatchObject([{ toolName: 'search_tools', outcome, errorCode: code }]);
    expect(kept.reserved).toMatchObject([{ times: 1 }]);
  });

  it('[turn:search-step] that no step is left for ends the turn, and asks nobody', async () => {
    const { turn, kept, asked, release } = setting();
    const gate = {
      ...kept.gate,
      limits: { reserve: () => Promise.reject(new GatewayError('step_limit', 'none left')) },
    };
    const made = execute(gate as never, turn, release, callsOf(turn, [SEARCH]), [SEARCH]);
    await expect(made).rejects.toMatchObject({ code: 'step_limit' });
    expect(asked).toEqual([]);
  });
});

describe('a call through the function that calls what was found', () => {
  it('[turn:search-unwrap] is decided, run and recorded as one of the tool, and answered in its place', async () => {
    const { make, decided, run, kept, turn } = setting();
    const { outcome, texts } = await make(WRAPPED, SEARCH);
    expect(outcome).toBe('ran');
    expect(decided).toMatchObject([{ tool: { name: 'look' }, argumentsJson: '{"city":"Oslo"}' }]);
    expect(run).toEqual(['look {"city":"Oslo"}']);
    expect(texts).toEqual(['sun', expect.stringContaining('desk__look')]);
    const call = kept.records.filter(({ toolName }) => toolName === 'desk__look');
    expect(call.map(({ kind }) => kind)).toEqual([Record_Kind.TOOL_INTENT, Record_Kind.TOOL_OUTCOME]);
    expect(JSON.parse(call[1]?.detailJson ?? '')).toMatchObject({ status: 'done', via: 'call_tool' });
    // What the model wrote stands in its own conversation as it wrote it.
    expect(turn.appended[0]).toMatchObject({ role: 'assistant', content: [WRAPPED, SEARCH] });
  });

  it('[turn:search-hidden] of a tool that is hidden now, or is not theirs, looks like one of none', async () => {
    const { make, decided, run, kept } = setting();
    const names = ['desk__away', 'vault__open'];
    const { outcome, texts } = await make(...names.map((name) => called('desk__call_tool', { name }, name)));
    expect(texts[0]).toMatch(/^\[no_such_tool\]/);
    expect(texts[1]).toBe(texts[0]);
    expect([outcome, decided, run]).toMatchObject([{ refusals: [{}, {}] }, [], []]);
    expect(kept.records.map(({ toolName, rule }) => [toolName, rule])).toEqual([
      ['desk__away', 'builtin/unknown-tool'],
      ['vault__open', 'builtin/unknown-tool'],
    ]);
  });

  it('[turn:search-unwrap] that cannot be read runs nothing, is recorded, and counts as refused', async () => {
    const { make, run, kept } = setting();
    const { outcome, texts } = await make(called('desk__call_tool', { arguments: {} }, 'c1'));
    expect(outcome).toMatchObject({ refusals: [{ code: 'invalid_arguments' }] });
    expect(texts).toEqual([expect.stringMatching(/^\[invalid_arguments\] .*call_tool takes name/)]);
    expect(run).toEqual([]);
    expect(kept.records).toMatchObject([
      { kind: Record_Kind.TOOL_REFUSAL, toolName: 'call_tool', outcome: 'refused', errorCode: 'invalid_arguments' },
    ]);
  });
});

describe('a toolset that is searched, in the Responses API', () => {
  it('[turn:search-items] shows the search, and the call as one of the tool, as both come back', async () => {
    const { make, exchange, release, heard } = setting({ responses: true });
    await make(SEARCH, WRAPPED);
    await release.finish({ unified: 'stop', raw: '' });
    const { output } = JSON.parse(heard.text()) as { output: Record<string, unknown>[] };
    expect(output).toMatchObject([
      { type: 'mcp_call', server_label: 'desk', name: 'search_tools', arguments: SEARCH.arguments, error: null },
      { type: 'mcp_call', server_label: 'desk', name: 'look', arguments: '{"city":"Oslo"}', output: 'sun' },
    ]);
    const back = settleItems(output).items.filter((item) => (item as { type: string }).type === 'function_call');
    expect(back).toMatchObject(exchange.shown.map(({ name, arguments: written }) => ({ name, arguments: written })));
    expect(exchange.shown.map(({ name }) => name)).toEqual(['desk__search_tools', 'desk__look']);
  });

  it('[turn:search-items] shows no call by a name that no tool can have: no provider would take it when it comes back', async () => {
    const { make, exchange, release, heard } = setting({ responses: true });
    const { texts } = await make(
      called('desk__call_tool', { name: 'desk__look at mails' }, 'c1'),
      called('desk__call_tool', { name: `desk__${'x'.repeat(60)}` }, 'c2'),
      called('desk__call_tool', { name: 'desk__gone' }, 'c3'),
    );
    await release.finish({ unified: 'stop', raw: '' });
    expect(texts).toHaveLength(3);
    expect(exchange.shown.map(({ name }) => name)).toEqual(['desk__gone']);
    expect(JSON.parse(heard.text())).toMatchObject({ output: [{ server_label: 'desk', name: 'gone' }] });
  });

  it('[turn:search-items] asks the client about the tool, where it wants to be asked about that', async () => {
    const { make, run, heard } = setting({ responses: true });
    const { outcome } = await make(called('desk__call_tool', { name: 'desk__send', arguments: { to: 'ann' } }, 'c1'));
    expect([outcome, run]).toEqual(['over', []]);
    expect(JSON.parse(heard.text())).toMatchObject({
      output: [{ type: 'mcp_approval_request', server_label: 'desk', name: 'send', arguments: '{"to":"ann"}' }],
    });
  });
});
