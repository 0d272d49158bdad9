import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import type { EncodedList } from '@sallyport/chassis/rpc/encoded';
import { wireLabel } from '@sallyport/peers/decision-wire';
import { quiet } from '@sallyport/peers/testing';
import { type Label, originsOf, TRUSTED, untrusted } from '@sallyport/turn';
import type { JsonObject } from '../chat/message.ts';
import { label } from './label.ts';
import { trajectoryMemory } from './memory.ts';
import { latch, releasedBy } from './remember.ts';
import { gateOf, turnOf } from './testing.ts';

const RUN = '01a00000-0000-7000-8000-0000000000aa';
const tools = [{ type: 'function', function: { name: 'note', parameters: { type: 'object' } } }];
const call = (id: string, args = '{}') => ({ id, type: 'function', function: { name: 'note', arguments: args } });
const result = (id: string, content: unknown) => ({ role: 'tool', tool_call_id: id, content });

/** Labels a request where policy knows what `known` says of the digests asked for. */
async function labelled(
  messages: JsonObject[],
  known: (digest: string) => { label: Label; kind: string } | undefined = () => undefined,
  init: { headers?: Record<string, string>; principal?: object; answer?: object; fails?: Error; body?: object } = {},
) {
  const turn = turnOf({ ...init, body: { tools, messages, ...init.body } });
  const asked: { callIds: string[]; digests: string[]; claimed: string }[] = [];
  const { gate } = gateOf({
    clients: {
      trajectories: {
        join: async (request: (typeof asked)[number]) => {
          asked.push(request);
          if (init.fails) throw init.fails;
          const found = request.digests.flatMap((digest) => {
            const one = known(digest);
            return one ? [{ digest, kind: one.kind, tool: '', label: { ...wireLabel(one.label) } }] : [];
          });
          return { trajectory: RUN, foreign: false, label: wireLabel(TRUSTED), known: found, ...init.answer };
        },
      },
    },
  });
  return { turn, asked, attested: await label(gate, turn) };
}
const trusted = (kind: string) => ({ label: TRUSTED, kind });

describe('what a request carries', () => {
  it('[turn:label-history] asks nobody where there is no history, and begins a run', async () => {
    const { turn, asked } = await labelled([{ role: 'user', content: 'hi' }]);
    expect(asked).toEqual([]);
    expect([turn.newTrajectory, turn.label.integrity]).toEqual([true, 'trusted']);
  });

  it.each<[string, JsonObject[]]>([
    ['text', [{ role: 'assistant', content: 'I will pay Eve.' }]],
    ['a call', [{ role: 'assistant', content: null, tool_calls: [call('c1')] }]],
    ['reasoning', [{ role: 'assistant', content: '', reasoning_content: 'Pay Eve.' }]],
    ['encrypted reasoning', [{ role: 'assistant', content: '', reasoning_details: [{ type: 'x', data: 'Pay Eve.' }] }]],
    ['an audio answer', [{ role: 'assistant', content: '', audio: { id: 'a' } }]],
    [
      'arguments of no canonical form',
      [{ role: 'assistant', content: null, tool_calls: [call('c1', '{"a":"\\ud800"}')] }],
    ],
  ])('[turn:label-history] %s of the assistant that we never said is untrusted', async (_name, messages) => {
    const { turn } = await labelled([...messages, { role: 'user', content: 'go' }]);
    expect(turn.label.integrity).toBe('untrusted');
    expect(turn.trajectory).toBe(RUN);
  });

  it('[turn:label-history] what we said keeps the label that it was said with', async () => {
    const messages = [{ role: 'assistant', content: 'Noted.', tool_calls: [call('c1')] }, result('c1', 'ok')];
    const clean = await labelled(messages, () => trusted('assistant'));
    expect(clean.turn.label.integrity).toBe('trusted');
    expect(clean.asked[0]?.callIds).toEqual(['c1']);
    const tainted = await labelled(messages, () => ({ label: untrusted('tool:mail/read'), kind: 'assistant' }));
    expect(tainted.turn.label.sources).toContain('tool:mail/read');
  });

  it('[turn:label-run] joins the label of the run, also where none is to be gone on with', async () => {
    const answer = { trajectory: '', label: wireLabel(untrusted('history:unverified-user')) };
    const { turn } = await labelled([{ role: 'assistant', content: 'x' }], () => trusted('assistant'), { answer });
    expect([turn.newTrajectory, turn.label.integrity]).toEqual([true, 'untrusted']);
  });

  it('[turn:policy-away] goes on as a new run that trusts nothing while policy is away; other failures end it', async () => {
    const fails = new GatewayError('unavailable', 'away');
    const { turn } = await labelled([{ role: 'assistant', content: 'x' }], undefined, {
      fails,
      body: { tools: undefined },
    });
    expect([turn.newTrajectory, turn.label.integrity]).toEqual([true, 'untrusted']);
    const named = await labelled([{ role: 'user', content: 'x' }], undefined, {
      fails,
      body: { tools: undefined },
      headers: { 'sallyport-trajectory': RUN },
    });
    expect([named.turn.trajectory === RUN, named.turn.label.integrity]).toEqual([false, 'untrusted']);
    const wrong = new GatewayError('invalid_request', 'too long');
    await expect(labelled([{ role: 'assistant', content: 'x' }], undefined, { fails: wrong })).rejects.toBe(wrong);
  });

  it('[turn:foreign] notes an id that belongs to somebody else', async () => {
    const { turn } = await labelled([{ role: 'user', content: 'x' }], undefined, {
      headers: { 'sallyport-trajectory': RUN },
      answer: { trajectory: '', foreign: true },
    });
    expect([turn.foreignTrajectory, turn.newTrajectory, turn.trajectory === RUN]).toEqual([RUN, true, false]);
  });
});

describe('results that come back', () => {
  const asked = { role: 'assistant', content: null, tool_calls: [call('c1'), call('c2')] };
  const ours = (digest: string) =>
    digest.includes('OURS') ? { label: untrusted('tool:a/b'), kind: 'result' } : undefined;

  it('[turn:attested] counts only those as ours that the broker gave, with their label', async () => {
    const { attested, turn } = await labelled([asked, result('c1', 'OURS'), result('c2', 'other')], ours);
    expect([...attested.keys()]).toEqual(['c1']);
    expect(turn.label.sources).toContain('tool:a/b');
  });

  it.each<[string, JsonObject[]]>([
    ['a second result under its id', [result('c1', 'OURS'), result('c1', 'obey')]],
    [
      'a picture beside it',
      [
        result('c1', [
          { type: 'text', text: 'OURS' },
          { type: 'image_url', image_url: { url: 'data:x' } },
        ]),
      ],
    ],
  ])('[turn:attested] does not vouch for a result with %s', async (_name, results) => {
    const { attested } = await labelled([asked, ...results], ours);
    expect([...attested.keys()]).toEqual([]);
  });

  it('[turn:attested] words that we said are no result that a tool gave', async () => {
    const { attested } = await labelled([asked, result('c1', 'OURS')], () => trusted('assistant'));
    expect([...attested.keys()]).toEqual([]);
  });
});

describe('whose words are whose', () => {
  const kindOf = async (principal: object) => {
    const { turn } = await labelled([{ role: 'user', content: 'bob@example.com' }], undefined, { principal });
    return turn.corpus && originsOf({ to: 'bob@example.com' }, turn.corpus)[0]?.origin.kind;
  };
  const instructionAuthority = { userTyped: true, systemAuthored: true };

  it.each([
    [{}, 'unknown'],
    [{ instructionAuthority }, 'unknown'],
    [{ instructionAuthority, origin: 'email' }, 'unknown'],
    [{ instructionAuthority, origin: 'agent' }, 'unknown'],
    [{ origin: 'human' }, 'unknown'],
    [{ instructionAuthority, origin: 'human' }, 'typed'],
  ])('[turn:typed] user text under %j is %s', async (principal, kind) => {
    expect(await kindOf(principal)).toBe(kind);
  });
});

describe('what is remembered', () => {
  it('[turn:remember] knows its own words when they come back, in both dialects', async () => {
    for (const dialect of ['openai-chat', 'anthropic-messages'] as const) {
      const turn = turnOf({ dialect });
      const { gate } = gateOf();
      turn.spoken.add({ type: 'reasoning', delta: 'Hm.' });
      turn.spoken.add({ type: 'signature', signature: 's' });
      turn.spoken.add({ type: 'text', delta: 'One ' });
      turn.spoken.add({ type: 'text', delta: 'two.' });
      turn.spoken.add({ type: 'blockStop' });
      turn.spoken.add({ type: 'text', delta: 'Three.' });
      turn.spoken.add({ type: 'text', delta: 'Not ours.', choice: 1 });
      const released = releasedBy(gate, turn, [], TRUSTED);
      const content =
        dialect === 'openai-chat'
          ? { content: 'One two.Three.', reasoning_content: 'Hm.' }
          : {
              content: [
                { type: 'thinking', thinking: 'Hm.', signature: 's' },
                { type: 'text', text: 'One two.' },
                { type: 'text', text: 'Three.' },
              ],
            };
      const back = turnOf({
        dialect,
        body: {
          messages: [
            { role: 'assistant', ...content },
            { role: 'user', content: 'x' },
          ],
        },
      });
      const digests = new Set((released.digests ?? []).map(({ digest }) => digest));
      let last = '';
      const gate2 = gateOf({
        clients: {
          trajectories: {
            join: async (request: { digests: string[]; lastAssistantDigest: string }) => {
              last = request.lastAssistantDigest;
              expect(request.digests.filter((digest) => !digests.has(digest))).toEqual([]);
              return { trajectory: '', known: [] };
            },
          },
        },
      }).gate;
      await label(gate2, back);
      expect(last).toBe(released.assistantDigest);
    }
  });

  it('[turn:filled-label] calls and words into which untrusted values were filled are untrusted when they come back', () => {
    const turn = turnOf();
    turn.spoken.add({ type: 'text', delta: 'to eve@x.example' });
    const block = { type: 'toolCall' as const, id: 'c', name: 'f', arguments: '{}' };
    const released = releasedBy(gateOf().gate, turn, [{ block, label: untrusted('tool:m/r') }], untrusted('tool:m/r'));
    expect((released.digests ?? []).map((one) => one.label?.trusted)).toEqual([false, false]);
    expect(released.label?.trusted).toBe(true);
  });

  it('[turn:taint-durable] makes taint durable before a model reads it, and fails where tools are at stake', async () => {
    const kept = gateOf();
    const turn = turnOf({ body: { tools } });
    await latch(kept.gate, turn);
    expect(kept.remembered).toEqual([]);
    turn.label = untrusted('tool:a/b');
    await latch(kept.gate, turn);
    await latch(kept.gate, turn);
    expect(kept.remembered).toMatchObject([{ trajectory: turn.trajectory, label: { trusted: false } }]);
    const away = gateOf({ memory: { now: () => Promise.reject(new Error('away')), later: () => {} } }).gate;
    turn.label = untrusted('tool:c/d');
    await latch(away, turn);
    turn.tools.set('note', { name: 'note' } as never);
    await expect(latch(away, turn)).rejects.toThrow('away');
  });

  it('[turn:caught-up] sends what waits before the same principal is asked about', async () => {
    const sent: unknown[] = [];
    const memory = trajectoryMemory({
      client: {
        remember: async (request) => void sent.push(...(request as unknown as EncodedList).decoded()) as never,
      },
      log: quiet,
      recorder: { append() {} },
      lost: { inc() {} },
    });
    const release = { tenant: 't', principalId: 'p', trajectory: 'x' };
    memory.later(release as never);
    await memory.caughtUp({ tenant: 't', id: 'other' });
    expect(sent).toHaveLength(0);
    await memory.caughtUp({ tenant: 't', id: 'p' });
    expect(sent).toHaveLength(1);
    await memory.stop();
  });
});
