import { describe, expect, it } from '@jest/globals';
import { Action, ToolRef_Kind } from '@sallyport/proto/policy/v1/policy_pb';
import { estimatedTokens } from '@sallyport/turn';
import type { JsonObject } from '../chat/message.ts';
import type { FunctionTool } from '../chat/tools.ts';
import { callsOf } from './decide.ts';
import { offerTools } from './offer.ts';
import { searchable } from './searching.ts';
import { gateOf, type TurnInit, turnOf } from './testing.ts';
import { hideTools } from './tools.ts';

const listed = (name: string, toolset = 'desk') => ({
  ref: { kind: ToolRef_Kind.BROKERED, server: 'mail', serverUid: 'u', owner: '', name, digest: 'd' },
  exposedName: `${toolset}__${name}`,
  description: `What ${name} does, in some words that a model would read.`,
  inputSchemaJson: '{"type":"object","properties":{"to":{"type":"string"}}}',
  toolClass: name === 'send' ? 'egress' : 'read',
  toolset,
  setArgumentsJson: name === 'send' ? '{"from":"desk"}' : '{}',
});
const NAMES = ['look', 'send'];
const DESK = { type: 'mcp', server_label: 'desk' };
const fn = (name: string) => ({ type: 'function', function: { name } });

async function offered(tools: JsonObject[], init: TurnInit & { names?: string[] } = {}) {
  const { names = NAMES, ...rest } = init;
  const turn = turnOf({ ...rest, body: { tools, ...rest.body } });
  const listTools = async ({ servers: [label] }: { servers: string[] }) => ({
    tools: names.map((name) => listed(name, label)),
    unavailable: [],
    searched: label === 'whole' ? [] : [{ name: label, about: label === 'desk' ? 'Desk: mails.' : '' }],
  });
  await offerTools(gateOf({ clients: { tools: { listTools } } }).gate, turn);
  return turn;
}
const shownOf = ({ request }: { request?: { tools: readonly unknown[] } | undefined }) =>
  (request?.tools ?? []) as FunctionTool[];
const namesOf = (turn: Parameters<typeof shownOf>[0]) => shownOf(turn).map(({ name }) => name);
const OWN = ['desk__search_tools', 'desk__call_tool'];
const called = (name: string, args: unknown, id = 'c1') => ({
  type: 'toolCall' as const,
  id,
  name,
  arguments: typeof args === 'string' ? args : JSON.stringify(args),
});

describe('a toolset whose tools are searched', () => {
  it('[turn:search-offer] is offered as two functions, its tools known all the same', async () => {
    const turn = await offered([DESK]);
    expect(namesOf(turn)).toEqual(OWN);
    expect(shownOf(turn)[0]?.description).toMatch(/desk__call_tool\.\nDesk: mails\.$/);
    expect(turn.tools.get('desk__send')).toMatchObject({
      runBy: 'gateway',
      toolClass: 'egress',
      searched: 'desk',
      toolset: { name: 'desk', set: { from: 'desk' } },
    });
    expect(namesOf(await offered([{ ...DESK, server_label: 'whole' }]))).toEqual(['whole__look', 'whole__send']);
    const both = await offered([DESK, { ...DESK, server_label: 'whole' }, { ...DESK, server_label: 'mail' }]);
    expect(namesOf(both)).toEqual([...OWN, 'whole__look', 'whole__send', 'mail__search_tools', 'mail__call_tool']);
  });

  it('[turn:search-offer] knows no more than the client allows, and is not there where that is nothing', async () => {
    const some = await offered([{ ...DESK, allowed_tools: ['look'] }]);
    expect([namesOf(some), searchable(some, 'desk')]).toEqual([OWN, ['desk__look']]);
    expect(callsOf(some, [called(OWN[1] as string, { name: 'desk__send' })])[0]?.tool).toBeUndefined();
    const none = await offered([{ ...DESK, allowed_tools: ['other'] }]);
    expect([namesOf(none), none.searches.size]).toEqual([[], 0]);
  });

  it('[turn:search-offer] gives the model by name what its client has it choose', async () => {
    const tool_choice = { type: 'function', function: { name: 'desk__look' } };
    expect(namesOf(await offered([DESK], { body: { tool_choice } }))).toEqual([...OWN, 'desk__look']);
  });

  it('[turn:search-offer] is told apart from functions of the client, and from tools that are called as its own are', async () => {
    await expect(offered([fn('desk__call_tool'), DESK])).rejects.toMatchObject({ code: 'invalid_request' });
    await expect(offered([DESK, fn('desk__search_tools')])).rejects.toMatchObject({ code: 'invalid_request' });
    await expect(offered([DESK, DESK])).rejects.toMatchObject({ code: 'invalid_request' });
    const turn = await offered([DESK], { names: ['call_tool', 'search_tools'] });
    expect(namesOf(turn)).toEqual(OWN);
    const [call] = callsOf(turn, [called('desk__call_tool', { name: 'desk__call_tool', arguments: { to: 'x' } })]);
    expect(call).toMatchObject({
      name: 'desk__call_tool',
      written: '{"to":"x"}',
      tool: { ref: { name: 'call_tool' } },
    });
    const hidden = { verdict: Action.HIDE, enforced: Action.HIDE, toolClass: '' };
    const decideTools = async () => ({ decisions: [hidden, hidden], policyRevision: '1' });
    const { gate } = gateOf({ clients: { decisions: { decideTools } } });
    expect(((await hideTools(gate, turn)) as FunctionTool[]).map(({ name }) => name)).toEqual(OWN);
  });

  it('[turn:search-cost] costs a model what two functions cost, however many tools there are', async () => {
    const names = Array.from({ length: 137 }, (_, at) => `tool_${at}`);
    const tokensOf = (turn: Parameters<typeof shownOf>[0]) => estimatedTokens(JSON.stringify(shownOf(turn)));
    const two = tokensOf(await offered([DESK], { names }));
    expect(two).toBeLessThan(320);
    expect(tokensOf(await offered([{ ...DESK, server_label: 'whole' }], { names }))).toBeGreaterThan(20 * two);
  });
});

describe('a call of one of its functions', () => {
  const one = async (name: string, args: unknown, before?: (turn: Awaited<ReturnType<typeof offered>>) => void) => {
    const turn = await offered([DESK, { ...DESK, server_label: 'whole' }, fn('mine')]);
    before?.(turn);
    return callsOf(turn, [called(name, args)])[0];
  };

  it('[turn:search-unwrap] is the call of the tool that it names, with its arguments', async () => {
    expect(await one('desk__call_tool', { name: 'desk__send', arguments: { to: 'ann', n: [1, { a: null }] } })).toEqual(
      {
        id: 'c1',
        name: 'desk__send',
        written: '{"to":"ann","n":[1,{"a":null}]}',
        kind: 'function',
        via: 'call_tool',
        tool: expect.objectContaining({ name: 'desk__send', toolClass: 'egress' }),
      },
    );
    expect(await one('desk__call_tool', { name: 'desk__look' })).toMatchObject({ name: 'desk__look', written: '{}' });
  });

  it.each([
    ['none', 'desk__gone'],
    ['one of another toolset', 'whole__send'],
    ["one of the client's", 'mine'],
    ['the function itself', 'desk__call_tool'],
    ['the search', 'desk__search_tools'],
    ['one without its toolset', 'send'],
    ['one in other characters', ' desk__send'],
  ])('[turn:search-unwrap] of %s is a call of no tool', async (_what, name) => {
    const call = await one('desk__call_tool', { name, arguments: { name: 'desk__send', arguments: {} } });
    expect(call).toMatchObject({ name, via: 'call_tool' });
    expect([call?.tool, call?.own]).toEqual([undefined, undefined]);
  });

  it('[turn:search-hidden] of a tool that is hidden now is a call of no tool, nor is it looked for', async () => {
    let among: string[] = [];
    const call = await one('desk__call_tool', { name: 'desk__send' }, (turn) => {
      turn.hidden = [{ tool: 'desk__send', rule: 'r', reason: '', enforced: true }];
      among = searchable(turn, 'desk');
    });
    expect([call?.tool, among]).toEqual([undefined, ['desk__look']]);
    const watched = await one('desk__call_tool', { name: 'desk__send' }, (turn) => {
      turn.hidden = [{ tool: 'desk__send', rule: 'r', reason: '', enforced: false }];
    });
    expect(watched?.tool?.name).toBe('desk__send');
  });

  it.each<[string, unknown]>([
    ['no name', {}],
    ['a name that is no text', { name: 1 }],
    ['arguments that are no object', { name: 'desk__send', arguments: '{"to":"x"}' }],
    ['something else beside them', { name: 'desk__send', arguments: {}, more: true }],
    ['two names', '{"name":"desk__look","name":"desk__send"}'],
    ['a number beyond all', '{"name":"desk__send","arguments":{"n":1e400}}'],
    ['arguments that are a long number', '{"name":"desk__send","arguments":12345678901234567890}'],
    ['no JSON', '{"name":'],
    ['a list', '[]'],
  ])('[turn:search-unwrap] with %s is none, and says what it takes', async (_what, args) => {
    const call = await one('desk__call_tool', args);
    expect(call).toMatchObject({ name: 'desk__call_tool', own: { does: 'call_tool', fault: expect.any(String) } });
    expect(call?.tool).toBeUndefined();
  });

  it('[turn:search-unwrap] that searches is no call of a tool', async () => {
    expect(await one('desk__search_tools', { query: 'send mail', limit: 3 })).toMatchObject({
      own: { does: 'search_tools', label: 'desk', query: 'send mail', limit: 3 },
    });
    expect((await one('desk__search_tools', { query: '' }))?.own).toHaveProperty('fault');
  });
});
