import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import { wireLabel } from '@sallyport/peers/decision-wire';
import { Action, ToolRef_Kind } from '@sallyport/proto/policy/v1/policy_pb';
import { type Corpus, createCorpus, originsOf, TRUSTED, untrusted } from '@sallyport/turn';
import type { AssistantContent } from '../chat/message.ts';
import { callsOf } from './decide.ts';
import { execute } from './execute.ts';
import type { Gate } from './gate.ts';
import { handOver } from './hand-over.ts';
import { createRelease } from './release.ts';
import { gateOf, listener, turnOf } from './testing.ts';
import type { TurnTool } from './turn.ts';

const ALLOW = { verdict: Action.ALLOW, enforced: Action.ALLOW, rule: 'r', reason: 'fine', toolClass: 'read' };
const DENY = { ...ALLOW, verdict: Action.DENY, enforced: Action.DENY, rule: 'p/no', reason: 'no' };
const content = (...names: string[]): AssistantContent[] =>
  names.map((name, index) => ({ type: 'toolCall', id: `c${index}`, name, arguments: '{}' }));

interface Ports {
  calls?: object[];
  result?: object;
  execute?: () => Promise<object>;
  commit?: () => Promise<void>;
}

function setting(ports: Ports = {}) {
  const heard = listener();
  const turn = turnOf({ body: { stream: true, tools: [{ type: 'function', function: { name: 'mine' } }] } }, heard);
  turn.corpus = createCorpus();
  for (const [name, runBy] of [
    ['mine', 'client'],
    ['more', 'client'],
    ['look', 'gateway'],
    ['send', 'gateway'],
  ] as const) {
    const kind = runBy === 'client' ? ToolRef_Kind.CLIENT : ToolRef_Kind.BROKERED;
    turn.tools.set(name, {
      name,
      runBy,
      toolClass: name === 'send' ? 'egress' : 'read',
      ref: { kind, server: 'desk', name, owner: 'k1' } as never,
    });
  }
  const order: string[] = [];
  const kept = gateOf({
    recorder: {
      append: ({ kind }: { kind: number }) => void order.push(`record ${kind}`),
      commit: ports.commit ?? (async (some: unknown[]) => void order.push(`intents ${some.length}`)),
    },
    memory: { now: async () => void order.push('remember') },
    clients: {
      decisions: {
        decideCalls: async ({ calls }: { calls: unknown[] }) => ({ decisions: ports.calls ?? calls.map(() => ALLOW) }),
        decideResult: async () => ({ decision: ALLOW, label: wireLabel(TRUSTED), ...ports.result }),
      },
      quarantine: {
        resolveHandles: async ({ handles }: { handles: string[] }) => ({
          values: handles.map((handle) => ({ handle, valueJson: '"CANARY"', from: 'desk__mail', path: '/0' })),
        }),
      },
      tools: {
        execute: async () => {
          order.push('execute');
          return await (ports.execute?.() ?? {
            resultJson: JSON.stringify({ content: [{ type: 'text', text: 'CANARY' }] }),
            isError: false,
            sizeBytes: 1,
            latencyMs: 1,
            credentialReference: '',
          });
        },
      },
    },
  });
  return { turn, kept, order, heard };
}
async function run(names: string[], ports: Ports = {}, args = '{}') {
  const { turn, kept, order } = setting(ports);
  const said = content(...names).map((block) => ({ ...block, arguments: args }));
  const outcome = await execute(kept.gate, turn, createRelease(turn), callsOf(turn, said), said);
  const [, answers] = turn.appended;
  const texts =
    answers?.role === 'tool'
      ? answers.content.map(({ content: [block] }) => (block?.type === 'text' ? block.text : ''))
      : [];
  return { outcome, texts, order, turn, kept };
}

describe('the gateway-owned loop', () => {
  it('[turn:intent-first] makes intents durable before anything is run', async () => {
    const { order, outcome, texts, kept } = await run(['look', 'look']);
    expect(order.slice(0, 2)).toEqual(['intents 2', 'execute']);
    expect([outcome, texts]).toEqual(['ran', ['CANARY', 'CANARY']]);
    expect(kept.reserved).toMatchObject([{ needed: { steps: 2 }, settled: { steps: 2 }, times: 1 }]);
  });

  it('[turn:intent-needed] without a durable intent only reads are run, by the class that policy says', async () => {
    const commit = () => Promise.reject(new GatewayError('audit_unavailable', 'away'));
    expect((await run(['look'], { commit })).texts).toEqual(['CANARY']);
    const unclear = await run(['look'], { commit, calls: [{ ...ALLOW, toolClass: '' }] });
    expect([unclear.outcome, unclear.texts]).toMatchObject([{}, [expect.stringContaining('[audit_unavailable]')]]);
    expect(unclear.order).not.toContain('execute');
  });

  it('[turn:round-label] joins the label of what was read before the next model call', async () => {
    const tainted = await run(['look'], { result: { label: wireLabel(untrusted('tool:desk/look')) } });
    expect(tainted.turn.label).toMatchObject({ integrity: 'untrusted', sources: ['tool:desk/look'] });
    expect((await run(['look'])).turn.label.integrity).toBe('trusted');
    expect((await run(['look'], { result: { label: undefined } })).turn.label.integrity).toBe('untrusted');
  });

  it.each([
    ['conflict', 'tool_changed'],
    ['not_found', 'no_such_tool'],
    ['unavailable', 'tool_failed'],
  ] as const)("[turn:drift-told] the broker's %s is %s to the model", async (code, told) => {
    const { texts } = await run(['look'], { execute: () => Promise.reject(new GatewayError(code, 'CANARY')) });
    expect(texts).toEqual([expect.stringContaining(`[${told}]`)]);
    expect(texts.join()).not.toContain('CANARY');
  });

  it('[turn:round-echo] takes a trusted result for untrusted where the call was given a value that the model did not see', async () => {
    const args = JSON.stringify({ query: { $handle: `h_${'a'.repeat(24)}`, type: 'string' } });
    const { turn, texts } = await run(['look'], {}, args);
    expect(texts).toEqual(['CANARY']);
    expect(turn.label).toMatchObject({ integrity: 'untrusted', sources: ['tool:desk/mail'] });
    expect((await run(['look'], {}, '{"query":"mine"}')).turn.label.integrity).toBe('trusted');
  });

  it('[turn:round-refused] says that nothing was run where all was refused', async () => {
    const { outcome, order } = await run(['look', 'send'], { calls: [DENY, DENY] });
    expect(outcome).toMatchObject({ refusals: [{ code: 'policy_denied' }, { code: 'policy_denied' }] });
    expect(order).not.toContain('execute');
  });

  it("[turn:round-mixed] runs nothing of the client's, and leaves a record of it", async () => {
    const { texts, order } = await run(['look', 'mine']);
    expect(texts).toEqual(['CANARY', expect.stringContaining('[not_run]')]);
    expect(order).toContain('record 4');
  });

  it("[turn:shown] shows the structured content that rules decide on, no pictures, and no handles of a tool's own", async () => {
    const execute = async () => ({
      resultJson: JSON.stringify({
        content: [{ type: 'text', text: 'other words' }],
        structuredContent: { a: `h_${'a'.repeat(24)}` },
      }),
    });
    expect((await run(['look'], { execute })).texts).toEqual([`{"a":"h~_${'a'.repeat(24)}"}`]);
    const picture = async () => ({
      resultJson: JSON.stringify({ content: [{ type: 'image', mimeType: 'image/png', data: 'AAAA' }] }),
    });
    expect((await run(['look'], { execute: picture })).texts).toEqual(['[image: image/png, not shown]']);
  });
});

describe('a tool whose server the user has not connected', () => {
  it('[mcp:connect-link] is not called, and the model can tell the user where to connect it', async () => {
    const details = { missing: 'scope', server: 'mail', scopes: ['send'] };
    const execute = () => Promise.reject(new GatewayError('upstream_credentials', 'No.', { details }));
    const { texts } = await run(['look'], { execute });
    expect(texts).toEqual([expect.stringMatching(/^\[not_connected\] /)]);
  });
});

describe('a result that is read apart', () => {
  const HANDLE = `h_${'a'.repeat(24)}`;
  const QUARANTINE = { ...ALLOW, verdict: Action.QUARANTINE, enforced: Action.QUARANTINE };
  const structuredContent = { rows: [{ name: 'Eve', kind: 'friend', n: 3, note: 'mine' }] };
  const answer = {
    answerJson: JSON.stringify({
      rows: [
        {
          name: { $handle: HANDLE, type: 'string', from: 'look', path: '/rows/0/name' },
          kind: 'friend',
          n: 3,
          note: 'mine',
        },
      ],
    }),
    handles: [HANDLE],
    trusted: [{ path: '/rows/0/kind', valueJson: '"friend"' }],
    rung: 'structured',
  };
  async function apart(result: object, isError = false, said = '{"note":"mine"}') {
    const { turn, kept } = setting({ result });
    const asked: { presentation?: object; question?: object; argumentsJson: string; outputSchemaJson: string }[] = [];
    turn.tools.set('look', { ...(turn.tools.get('look') as TurnTool), outputSchemaJson: '{"type":"object"}' });
    const gate = {
      ...kept.gate,
      clients: {
        ...kept.gate.clients,
        tools: {
          execute: async () => ({
            resultJson: JSON.stringify({ content: [{ type: 'text', text: 'CANARY' }], structuredContent }),
            isError,
          }),
        },
        quarantine: {
          extract: async (request: (typeof asked)[number]) => {
            asked.push(request);
            return answer;
          },
        },
      },
    } as unknown as Gate;
    const block: AssistantContent = { type: 'toolCall', id: 'c0', name: 'look', arguments: said };
    await execute(gate, turn, createRelease(turn), callsOf(turn, [block]), [block]);
    const text = JSON.stringify(turn.appended[1]);
    return { turn, asked, text };
  }

  it('[turn:read-apart] passes presentation, schemas and what the model wrote, and leaves the context trusted', async () => {
    const { turn, asked, text } = await apart({ decision: QUARANTINE, presentation: { structured: true } });
    expect(asked).toMatchObject([
      { presentation: { structured: true }, argumentsJson: '{"note":"mine"}', outputSchemaJson: '{"type":"object"}' },
    ]);
    expect(asked[0]).not.toHaveProperty('question');
    expect(text).toContain(HANDLE);
    expect(text).not.toContain('CANARY');
    expect(turn.label.integrity).toBe('trusted');
    expect([...turn.handles]).toEqual([HANDLE]);
  });

  it('[turn:read-apart-origins] tells trusted fields, plain values, handles and repeated words apart', async () => {
    const { turn } = await apart({ decision: QUARANTINE, presentation: { structured: true } });
    const origins = originsOf({ a: 'friend', b: 3, c: HANDLE, d: 'mine' }, turn.corpus as Corpus);
    expect(origins.map(({ origin, label }) => [origin.kind, origin.tool, origin.path, label.integrity])).toEqual([
      ['result', 'desk/look', '/rows/0/kind', 'trusted'],
      ['result', 'desk/look', '/rows/0/n', 'untrusted'],
      ['handle', 'desk/look', '/rows/0/name', 'untrusted'],
      ['composed', undefined, undefined, 'trusted'],
    ]);
  });

  it('[turn:read-apart-error] says of an error no more than that it is one', async () => {
    const { asked, text } = await apart({ decision: QUARANTINE, presentation: { structured: true } }, true);
    expect(asked).toEqual([]);
    expect(text).toContain('[tool_failed]');
    expect(text).not.toContain('CANARY');
  });

  it('[turn:read-apart-unsaid] withholds what policy did not say how to read', async () => {
    const { asked, text } = await apart({ decision: QUARANTINE });
    expect(asked).toEqual([]);
    expect(text).toContain('[quarantine_unavailable]');
  });
});

describe('the client-owned loop', () => {
  async function hand(names: string[], ports: Ports = {}) {
    const { turn, kept, order, heard } = setting(ports);
    const said = { content: content(...names), finish: { unified: 'tool_calls' as const, raw: 'tool_calls' } };
    const outcome = await handOver(kept.gate, turn, createRelease(turn), said, callsOf(turn, said.content)).catch(
      (error: GatewayError) => error.code,
    );
    return { outcome, order, heard, turn, kept };
  }

  it('[turn:hand-over] records and remembers before the client sees a call', async () => {
    const { outcome, order, heard, kept } = await hand(['mine', 'more']);
    expect([outcome, order]).toEqual(['over', ['intents 2', 'remember']]);
    expect(heard.text()).toContain('"name":"mine"');
    expect(kept.reserved).toMatchObject([{ needed: { steps: 2 }, settled: { steps: 2 }, times: 1 }]);
  });

  it.each([
    ['one is denied', { calls: [ALLOW, DENY] }],
    ['policy says nothing of one', { calls: [ALLOW] }],
  ])('[turn:hand-over-all] releases none where %s', async (_name, ports) => {
    const { outcome, heard, order } = await hand(['mine', 'more'], ports);
    expect(outcome).toMatchObject({ refusals: [{ code: 'not_run' }, {}] });
    expect(heard.text()).toBe('');
    expect(order).toEqual(['record 4', 'record 4']);
  });

  it('[turn:hand-over-intent] releases nothing with side effects whose intent is not durable', async () => {
    const commit = () => Promise.reject(new GatewayError('audit_unavailable', 'away'));
    const egress = { ...ALLOW, toolClass: 'egress' };
    const { outcome, heard, kept } = await hand(['mine'], { commit, calls: [egress] });
    expect([outcome, heard.text()]).toEqual(['audit_unavailable', '']);
    expect(kept.reserved).toMatchObject([{ settled: { steps: 0 }, times: 1 }]);
    expect((await hand(['mine'], { commit })).outcome).toBe('over');
  });
});
