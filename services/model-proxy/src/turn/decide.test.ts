import { describe, expect, it } from '@jest/globals';
import { Action, ToolRef_Kind } from '@sallyport/proto/policy/v1/policy_pb';
import { addSpan, addValue, type Corpus, createCorpus, refusalOf, TRUSTED, untrusted } from '@sallyport/turn';
import type { ToolCallBlock } from '../chat/message.ts';
import { callsOf, decide } from './decide.ts';
import { gateOf, turnOf } from './testing.ts';
import { hideTools } from './tools.ts';
import type { Turn, TurnTool } from './turn.ts';

const HANDLE = `h_${'a'.repeat(24)}`;
const LINK_HANDLE = `h_${'c'.repeat(24)}`;
const VALUES: Record<string, string> = { [HANDLE]: '"eve@x.example"', [LINK_HANDLE]: '"https://evil.example/x"' };
const ALLOW = { verdict: Action.ALLOW, enforced: Action.ALLOW, rule: 'r', reason: 'fine', toolClass: 'read' };

function turnWith(names: readonly string[]): Turn {
  const turn = turnOf({ body: { tools: names.map((name) => ({ type: 'function', function: { name } })) } });
  for (const name of names) {
    turn.tools.set(name, {
      name,
      runBy: 'client',
      toolClass: 'egress',
      ref: { kind: ToolRef_Kind.CLIENT, owner: 'k1', name } as never,
    });
  }
  turn.corpus = createCorpus();
  return turn;
}
const block = (name: string, args: string, more: Partial<ToolCallBlock> = {}): ToolCallBlock => ({
  type: 'toolCall',
  id: `id_${name}`,
  name,
  arguments: args,
  ...more,
});
async function decided(turn: Turn, blocks: ToolCallBlock[], answers?: unknown[]) {
  type Told = { label?: { trusted: boolean }; pointer: string; name: boolean };
  const asked: { context: { trusted: boolean }; calls: { argumentsJson: string; origins: Told[]; useId: string }[] }[] =
    [];
  const { gate } = gateOf({
    clients: {
      decisions: {
        decideCalls: async (request: (typeof asked)[number]) => {
          asked.push(request);
          return { decisions: answers ?? request.calls.map(() => ALLOW) };
        },
      },
      quarantine: {
        resolveHandles: async ({ handles }: { handles: string[] }) => ({
          values: handles
            .filter((handle) => handle in VALUES)
            .map((handle) => ({ handle, valueJson: VALUES[handle], from: 'desk__mail', path: '' })),
        }),
      },
    },
  });
  return { asked, result: await decide(gate, turn, callsOf(turn, blocks)) };
}

describe('deciding a batch', () => {
  it.each([
    ['a tool that nobody declared', block('other', '{}'), 'no_such_tool'],
    ['a key twice', block('f', '{"a":1,"a":2}'), 'invalid_arguments'],
    ['no JSON', block('f', '{"a":'), 'invalid_arguments'],
    ['no object', block('f', '[1]'), 'invalid_arguments'],
    ['a number beyond all', block('f', '{"id":1e400}'), 'invalid_arguments'],
    ['no object but a long number', block('f', '12345678901234567890'), 'invalid_arguments'],
    ['a number too far from 1 to be told from others', block('f', '{"id":1e-9999999}'), 'invalid_arguments'],
    ['half a surrogate pair', block('f', '{"a":"\\ud800"}'), 'invalid_arguments'],
    ['an unknown handle', block('f', `{"a":"h_${'b'.repeat(24)}"}`), 'handle_refused'],
    ['a handle for a host', block('f', `{"url":"${HANDLE}"}`), 'handle_refused'],
  ])('[turn:decide-alone] refuses %s without asking', async (_name, call, code) => {
    const { asked, result } = await decided(turnWith(['f']), [call]);
    expect(asked).toEqual([]);
    expect(refusalOf(result[0]?.decision as never).code).toBe(code);
  });

  it('[model:exact-numbers] a number that no double holds is decided, recorded and released as it was written', async () => {
    const written = `{"id":9007199254740993,"to":"${HANDLE}","wei":0.12345678901234567890}`;
    const { asked, result } = await decided(turnWith(['f']), [block('f', written)]);
    expect(asked[0]?.calls[0]?.argumentsJson).toContain('{"id":9007199254740993,');
    expect(asked[0]?.calls[0]?.argumentsJson).toContain('"wei":0.1234567890123456789}');
    expect(result[0]?.released).toBe(asked[0]?.calls[0]?.argumentsJson);
    expect(result[0]?.inputsJson).toContain('"arguments":{"id":9007199254740993,');
  });

  it('[turn:decide-alone] two calls to which the provider gave one id are two: what is granted for one is used up by it', async () => {
    const pay = () => block('f', '{"to":"ann"}', { id: 'call_0' });
    const { asked, result } = await decided(turnWith(['f']), [pay(), pay()]);
    expect(new Set(asked[0]?.calls.map(({ useId }) => useId)).size).toBe(2);
    expect(result.map(({ intentId }) => intentId)).toEqual(asked[0]?.calls.map(({ useId }) => useId));
  });

  it('[turn:decide-hidden] a hidden tool is one that does not exist', async () => {
    const turn = turnWith(['f']);
    turn.hidden = [{ tool: 'f', rule: 'r', reason: '', enforced: true }];
    expect((await decided(turn, [block('f', '{}')])).result[0]?.decision.enforced).toBe('hide');
    turn.hidden = [{ tool: 'f', rule: 'r', reason: '', enforced: false }];
    expect((await decided(turn, [block('f', '{}')])).result[0]?.decision.enforced).toBe('allow');
  });

  it('[turn:decide-short] what policy does not answer, or answers by no known word, is denied', async () => {
    const blocks = [block('f', '{}'), block('g', '{}')];
    const { result } = await decided(turnWith(['f', 'g']), blocks, [{ ...ALLOW, enforced: 99 }]);
    expect(result.map(({ decision }) => decision.enforced)).toEqual(['deny', 'deny']);
  });

  it('[turn:decide-in-play] what the model composed carries the label of all that it read', async () => {
    const turn = turnWith(['f']);
    turn.label = untrusted('tool:mail/read');
    const { asked } = await decided(turn, [block('f', '{"text":"made up"}')]);
    // Told without a label of its own, it has that of the context, whatever policy joins to it.
    expect(asked[0]?.calls[0]?.origins[0]?.label).toBeUndefined();
    expect(asked[0]?.context.trusted).toBe(false);
  });

  it('[turn:decide-names] a name that came out of untrusted content is told of as a value, also where the client declares no schema', async () => {
    const turn = turnWith(['f', 'free']);
    const label = untrusted('tool:mail/read');
    addValue(turn.corpus as Corpus, 'mail/read', '/from', 'eve@evil.example', label);
    const { asked } = await decided(turn, [
      block('f', '{"send":{"eve@evil.example":"to"}}'),
      block('free', 'eve', { kind: 'custom' }),
    ]);
    const told = asked[0]?.calls[0]?.origins.filter(({ name }) => name === true);
    expect(told?.map(({ pointer, label }) => [pointer, label?.trusted])).toEqual([
      ['/send', undefined],
      ['/send/eve@evil.example', false],
    ]);
    // The one member of free text is ours.
    expect(asked[0]?.calls[1]?.origins.map(({ name }) => name)).toEqual([false]);
  });

  it('[turn:decide-filled] decides on the value behind a handle, and releases that', async () => {
    const turn = turnWith(['f']);
    const { asked, result } = await decided(turn, [block('f', `{"text": "${HANDLE}"}`)]);
    expect(asked[0]?.calls[0]?.argumentsJson).toBe('{"text":"eve@x.example"}');
    expect(result[0]?.released).toBe('{"text":"eve@x.example"}');
    expect(result[0]?.filledLabel.integrity).toBe('untrusted');
  });

  it('[turn:decide-defanged] decides on links of values made inert, as they would be sent', async () => {
    const turn = turnWith(['f']);
    const said = `{"text": "see ${LINK_HANDLE} and https://good.example/a"}`;
    const { asked, result } = await decided(turn, [block('f', said)]);
    expect(asked[0]?.calls[0]?.argumentsJson).toBe(
      '{"text":"see hxxps://evil[.]example/x and https://good.example/a"}',
    );
    expect(JSON.parse(result[0]?.inputsJson ?? '{}').defanged).toBe(1);
    addSpan(turn.corpus as never, { text: 'Use evil.example', origin: { kind: 'typed' }, label: TRUSTED });
    expect((await decided(turn, [block('f', said)])).result[0]?.released).toContain('https://evil.example/x');
    const reading = turnWith(['f']);
    reading.tools.set('f', { ...(reading.tools.get('f') as never as TurnTool), toolClass: 'read' });
    expect((await decided(reading, [block('f', said)])).result[0]?.released).toContain('https://evil.example/x');
  });

  it('[turn:decide-as-written] releases the bytes of the model where nothing was filled in', async () => {
    const { result } = await decided(turnWith(['f']), [block('f', '{ "b": 1, "a": 2 }')]);
    expect(result[0]).toMatchObject({ released: '{ "b": 1, "a": 2 }', argumentsJson: '{"a":2,"b":1}' });
  });

  it('[turn:decide-custom] decides free text as one member', async () => {
    const { asked, result } = await decided(turnWith(['f']), [block('f', 'select 1', { kind: 'custom' })]);
    expect(asked[0]?.calls[0]?.argumentsJson).toBe('{"input":"select 1"}');
    expect(result[0]?.released).toBe('select 1');
  });

  it('[turn:decide-origin] tells where a value came from', async () => {
    const turn = turnWith(['f']);
    addSpan(turn.corpus as never, { text: 'bob@example.com', origin: { kind: 'typed' }, label: TRUSTED });
    const { result } = await decided(turn, [block('f', '{"to":"bob@example.com"}')]);
    expect(JSON.parse(result[0]?.inputsJson ?? '{}').origins).toEqual({ '/to': 'typed' });
  });
});

describe('hiding tools', () => {
  const hide = (decisions: unknown[]) => {
    const turn = turnWith(['f', 'g']);
    const { gate } = gateOf({
      clients: { decisions: { decideTools: async () => ({ decisions, policyRevision: '7' }) } },
    });
    return { turn, shown: hideTools(gate, turn) };
  };

  it('[turn:hidden-tools] leaves out what policy hides or denies, keeps what it only observes', async () => {
    const observed = { ...ALLOW, verdict: Action.HIDE, observe: true };
    const { turn, shown } = hide([{ ...ALLOW, enforced: Action.DENY, verdict: Action.DENY }, observed]);
    expect((await shown).map((tool) => 'name' in tool && tool.name)).toEqual(['g']);
    expect(turn.hidden.map(({ tool, enforced }) => [tool, enforced])).toEqual([
      ['f', true],
      ['g', false],
    ]);
  });

  it('[turn:hide-short] offers nothing where policy answers too little, or nothing known', async () => {
    await expect(hide([ALLOW]).shown).rejects.toMatchObject({ code: 'unavailable' });
    expect(await hide([{ ...ALLOW, enforced: 99 }, undefined]).shown).toEqual([]);
  });

  it('[turn:offer-toolset] what a toolset sets is decided on with the rest, as of known origin, whatever the model gave', async () => {
    const turn = turnWith(['report']);
    const tool = turn.tools.get('report') as TurnTool;
    const toolset = { name: 'support', set: { project: 'SUP' } };
    turn.tools.set('report', {
      ...tool,
      toolset,
      inputSchema: { type: 'object', properties: { project: {}, title: {} } },
    });
    const { asked } = await decided(turn, [block('report', '{"project":"OTHER","title":"new"}')]);
    const [call] = asked[0]?.calls ?? [];
    expect(JSON.parse(call?.argumentsJson ?? '{}')).toEqual({ project: 'SUP', title: 'new' });
    expect(call?.origins.find(({ pointer }) => pointer === '/project')?.label?.trusted).toBe(true);
  });
});
