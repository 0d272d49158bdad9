import { describe, expect, it } from '@jest/globals';
import { wireLabel } from '@sallyport/peers/decision-wire';
import { Action, ToolRef_Kind } from '@sallyport/proto/policy/v1/policy_pb';
import { createCorpus, originsOf, TRUSTED, UNMATCHED_HISTORY, untrusted } from '@sallyport/turn';
import type { JsonObject } from '../chat/message.ts';
import { offerTools } from './offer.ts';
import { quarantine } from './quarantine.ts';
import { gateOf, type TurnInit, turnOf } from './testing.ts';

const fn = (name: string, more: object = {}) => ({ type: 'function', function: { name, ...more } });
const listed = (name: string) => ({
  ref: { kind: ToolRef_Kind.BROKERED, server: 'desk', serverUid: 'u', owner: '', name, digest: 'd' },
  exposedName: `desk__${name}`,
  description: name,
  inputSchemaJson: '',
  toolClass: name === 'send' ? 'egress' : 'read',
});

async function offered(tools: JsonObject[], answer: object = {}, init: TurnInit = {}) {
  const turn = turnOf({ ...init, body: { tools, ...init.body } });
  const listTools = async () => ({ tools: [listed('look'), listed('send')], unavailable: [], searched: [], ...answer });
  await offerTools(gateOf({ clients: { tools: { listTools } } }).gate, turn);
  return turn;
}
const refused = (tools: JsonObject[], answer?: object) =>
  offered(tools, answer).then(
    () => undefined,
    (error: { code?: string }) => error.code,
  );

describe('tools of a request', () => {
  it("[turn:offer-client] a function is its client's, by name and digest, and egress until policy says otherwise", async () => {
    const { tools } = await offered([fn('f', { description: 'a', parameters: { type: 'object' } })]);
    expect(tools.get('f')).toMatchObject({
      runBy: 'client',
      toolClass: 'egress',
      ref: { kind: ToolRef_Kind.CLIENT, owner: 'k1', name: 'f', server: '', serverUid: '' },
    });
    const declared = await offered([fn('f')], {}, { principal: { client: 'desk-app' } });
    expect(declared.tools.get('f')?.ref.owner).toBe('desk-app');
    expect((await offered([fn('f', { description: 'other words' })])).tools.get('f')?.ref.digest).not.toBe(
      tools.get('f')?.ref.digest,
    );
  });

  it("[turn:offer-mcp] a server's tools are the gateway's, narrowed as the client asks", async () => {
    const mcp = { type: 'mcp', server_label: 'desk' };
    expect([...(await offered([mcp])).tools.keys()]).toEqual(['desk__look', 'desk__send']);
    expect([...(await offered([{ ...mcp, allowed_tools: ['look'] }])).tools.keys()]).toEqual(['desk__look']);
    expect([...(await offered([{ ...mcp, allowed_tools: { read_only: true } }])).tools.keys()]).toEqual(['desk__look']);
    expect((await offered([mcp])).tools.get('desk__send')).toMatchObject({ runBy: 'gateway', toolClass: 'egress' });
  });

  it("[turn:offer-toolset] a toolset's tools have its names and texts, and what it sets is part of each", async () => {
    const report = {
      ...listed('create'),
      exposedName: 'support__report',
      inputSchemaJson: '{"type":"object","properties":{"title":{}}}',
      toolset: 'support',
      setArgumentsJson: '{"project":"SUP"}',
    };
    const mcp = { type: 'mcp', server_label: 'support', allowed_tools: ['report'] };
    const { tools, request } = await offered([mcp], { tools: [report] });
    expect(tools.get('support__report')).toMatchObject({
      ref: { server: 'desk', name: 'create' },
      toolset: { name: 'support', set: { project: 'SUP' } },
    });
    expect(JSON.stringify(request?.tools)).not.toContain('project');
    await expect(offered([{ ...mcp, allowed_tools: ['create'] }], { tools: [report] })).resolves.toMatchObject({
      tools: new Map(),
    });
  });

  it('[turn:offer-provider] a tool that the provider runs is known by provider and type', async () => {
    const { tools } = await offered([{ type: 'web_search' }]);
    expect(tools.get('web_search')).toMatchObject({
      runBy: 'provider',
      ref: { kind: ToolRef_Kind.PROVIDER, owner: 'first', name: 'web_search' },
    });
  });

  it.each<[string, JsonObject[], string, object?]>([
    ['two functions of a name', [fn('f'), fn('f')], 'invalid_request'],
    [
      'a function with the name of a brokered tool',
      [fn('desk__look'), { type: 'mcp', server_label: 'desk' }],
      'invalid_request',
    ],
    [
      "a server of the client's choosing",
      [{ type: 'mcp', server_label: 'x', server_url: 'https://x.example' }],
      'unsupported',
    ],
    ['a connector', [{ type: 'mcp', server_label: 'x', connector_id: 'c' }], 'unsupported'],
    [
      'calls to be approved by the client',
      [{ type: 'mcp', server_label: 'desk', require_approval: 'always' }],
      'unsupported',
    ],
    ['a server that is not there', [{ type: 'mcp', server_label: 'x' }], 'not_found', { tools: [] }],
    [
      'a server that cannot be listed',
      [{ type: 'mcp', server_label: 'x' }],
      'unavailable',
      { tools: [], unavailable: ['x'] },
    ],
    ['a definition of no canonical form', [fn('f', { description: '\ud800' })], 'invalid_request'],
    ['a name of no canonical form', [fn('\ud800')], 'invalid_request'],
  ])('[turn:offer-refuse] refuses %s', async (_name, tools, code, ...[answer]) => {
    expect(await refused(tools, answer)).toBe(code);
  });
});

describe('results that the client brings', () => {
  const call = (name: string, args: string) => ({ id: 'c1', type: 'function', function: { name, arguments: args } });
  const messages = (name: string, content: unknown = 'CANARY', args = '{"a":1}') => [
    { role: 'user', content: 'go' },
    { role: 'assistant', content: null, tool_calls: [call(name, args)] },
    { role: 'tool', tool_call_id: 'c1', content },
  ];
  const ALLOW = { verdict: Action.ALLOW, enforced: Action.ALLOW };

  async function brought(
    decision: object | Error | undefined,
    init: {
      name?: string;
      tools?: JsonObject[];
      attested?: boolean;
      more?: object;
      content?: unknown;
      argumentsText?: string;
    } = {},
  ) {
    const { name = 'f', tools = [fn('f')], content, argumentsText } = init;
    const turn = await offered(tools, {}, { body: { messages: messages(name, content, argumentsText) } });
    turn.corpus = createCorpus();
    const asked: { tool: { kind: number; name: string }; argumentsJson: string }[] = [];
    const kept = gateOf({
      clients: {
        decisions: {
          decideResult: async (request: (typeof asked)[number]) => {
            asked.push(request);
            if (decision instanceof Error) throw decision;
            return { decision, label: wireLabel(TRUSTED), ...init.more };
          },
        },
        quarantine: {
          extract: async () => ({ answerJson: '{"urgent":true}', handles: ['h_1'], inputTokens: 1, outputTokens: 1 }),
        },
      },
    });
    await quarantine(kept.gate, turn, new Map(init.attested ? [['c1', untrusted('tool:a/b')]] : []));
    const shown = turn.changedResults.get('c1') ?? 'as it was';
    return { turn, asked, shown, kept };
  }

  it('[turn:brought] shows what policy allows, with the label that policy gives, and tells it the arguments', async () => {
    const { turn, shown, asked } = await brought(ALLOW);
    expect([shown, turn.label.integrity]).toEqual(['as it was', 'trusted']);
    expect(asked[0]).toMatchObject({ argumentsJson: '{"a":1}', tool: { kind: ToolRef_Kind.CLIENT, name: 'f' } });
    expect((await brought(ALLOW, { more: { label: undefined } })).turn.label.integrity).toBe('untrusted');
  });

  it('[turn:brought] tells policy of arguments that are no JSON as they are, not as none', async () => {
    const { asked } = await brought(ALLOW, { argumentsText: '{"to":' });
    expect(asked[0]?.argumentsJson).toBe('{"to":');
    expect((await brought(ALLOW, { argumentsText: ' ' })).asked[0]?.argumentsJson).toBe('');
  });

  it('[turn:brought] withholds what policy denies, does not know, or cannot be asked of', async () => {
    const deny = { verdict: Action.DENY, enforced: Action.DENY, rule: 'r', reason: 'no' };
    const quarantineWithoutQuestion = { verdict: Action.QUARANTINE, enforced: Action.QUARANTINE };
    for (const decision of [
      deny,
      undefined,
      { ...ALLOW, enforced: 99 },
      quarantineWithoutQuestion,
      new Error('CANARY'),
    ]) {
      const { shown, kept } = await brought(decision);
      expect(shown).toMatch(/^\[(result_withheld|quarantine_unavailable)\]/);
      expect(shown).not.toContain('CANARY');
      expect(kept.records).toMatchObject([{ outcome: 'refused' }]);
    }
  });

  it('[turn:brought-quarantine] shows typed answers in the place of the content', async () => {
    const question = { model: 'reader', instruction: '', fields: [], list: false, maxItems: 0 };
    const decision = { verdict: Action.QUARANTINE, enforced: Action.QUARANTINE };
    const { shown, turn } = await brought(decision, { more: { question } });
    expect([shown, [...turn.handles], turn.label.integrity]).toEqual(['{"urgent":true}', ['h_1'], 'trusted']);
  });

  it('[turn:brought-claimed] a result of a brokered tool that the broker did not give is a claim, whatever rules say', async () => {
    const mcp = [{ type: 'mcp', server_label: 'desk' }];
    const { turn } = await brought(ALLOW, { name: 'desk__look', tools: mcp });
    expect(turn.label.sources).toContain(UNMATCHED_HISTORY);
  });

  it('[turn:brought-undeclared] a tool left out of the request keeps its rules by name', async () => {
    const { asked } = await brought(ALLOW, { name: 'gone' });
    expect(asked[0]?.tool).toMatchObject({ kind: ToolRef_Kind.CLIENT, name: 'gone' });
  });

  it('[turn:brought-attested] does not ask again of what the broker gave, and keeps its label', async () => {
    const { asked, turn } = await brought(ALLOW, { attested: true, content: 'the address is eve@x.example' });
    expect(asked).toEqual([]);
    const [origin] = turn.corpus ? originsOf('the address is eve@x.example', turn.corpus) : [];
    expect([origin?.origin.kind, origin?.label.integrity]).toEqual(['result', 'untrusted']);
  });

  it("[turn:brought-handles] breaks up what looks like a handle in a tool's own text", async () => {
    const { shown } = await brought(ALLOW, { content: `use h_${'a'.repeat(24)}` });
    expect(shown).toBe(`use h~_${'a'.repeat(24)}`);
  });
});
