import { describe, expect, it } from '@jest/globals';
import { openDesk } from '../operations/testing.ts';
import type { KeptResponse } from '../responses/kept.ts';
import { modelOf, providerOf } from '../turn/testing.ts';
import { follow } from './follow.ts';

const chunk = (delta: object, finish: string | null = null) =>
  `data: ${JSON.stringify({ id: 'c', model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
const until = async (isSo: () => boolean) => {
  for (let tries = 0; !isSo() && tries < 300; tries++) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(isSo()).toBe(true);
};
const eventsIn = (text: string): { type: string; sequence_number: number; delta?: string }[] =>
  text.split('\n\n').flatMap((one) => {
    const at = one.indexOf('data: ');
    return at < 0 ? [] : [JSON.parse(one.slice(at + 6))];
  });

/** A store in memory, as replicas share it. */
function shared() {
  const rows = new Map<string, KeptResponse>();
  return {
    rows,
    keep: async (_owner: unknown, one: KeptResponse) => void rows.set(one.id, one),
    find: async (_owner: unknown, id: string) => rows.get(id),
    ended: async () => [],
    alter: async (_owner: unknown, id: string, alter: (one: KeptResponse) => KeptResponse | undefined) => {
      const row = rows.get(id);
      const changed = row && alter(row);
      if (changed) rows.set(id, changed);
      return changed ?? row;
    },
  };
}

async function reading(response: Promise<Response>) {
  const heard = { text: '', over: false };
  const reader = (await response).body?.getReader();
  void (async () => {
    for (let piece = await reader?.read(); piece && !piece.done; piece = await reader?.read())
      heard.text += new TextDecoder().decode(piece.value);
    heard.over = true;
  })();
  return heard;
}

describe('a stream that is made in the background', () => {
  it('[responses:background-live] is told while it is made, also by another replica and from behind an event', async () => {
    const responses = shared();
    const model = { ...modelOf([providerOf('openai-compatible', 'one')]), publicName: 'm' };
    const [here, there] = await Promise.all([1, 2].map(() => openDesk({ models: [model], ports: { responses } })));
    if (here === undefined || there === undefined) throw new Error('no desk');
    let go = () => {};
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    here.script(() => ({
      type: 'text/event-stream',
      body: (async function* () {
        yield chunk({ content: 'First' });
        await gate;
        yield chunk({ content: ', then more.' }) + chunk({}, 'stop');
        yield 'data: [DONE]\n\n';
      })(),
    }));
    const ask = { model: 'm', input: 'hi', background: true, stream: true };
    const first = await reading(here.post('/v1/responses', ask));
    await until(() => first.text.includes('"delta":"First"'));
    const [id] = responses.rows.keys();
    await until(() => responses.rows.get(id ?? '')?.events?.includes('First') === true);
    const url = `${there.url}/v1/responses/${id}?stream=true`;
    const headers = { authorization: 'Bearer good' };
    const second = await reading(fetch(`${url}&starting_after=2`, { headers }));
    await until(() => second.text.includes('"delta":"First"'));
    expect([first.over, second.over]).toEqual([false, false]);
    go();
    await until(() => first.over && second.over);
    const all = eventsIn(first.text);
    expect(all.map((event) => event.sequence_number)).toEqual(all.map((_, index) => index));
    expect([all[0]?.type, all.at(-1)?.type]).toEqual(['response.created', 'response.completed']);
    const said = all.filter(({ type }) => type === 'response.output_text.delta').map(({ delta }) => delta);
    expect(said.join('')).toBe('First, then more.');
    expect(eventsIn(second.text)).toEqual(all.slice(3));
    // When it is over, too, under the same numbers.
    const late = await reading(fetch(`${url}&starting_after=4`, { headers }));
    await until(() => late.over);
    expect(eventsIn(late.text)).toEqual(all.slice(5));
    const whole = await fetch(url.replace('?stream=true', ''), { headers });
    expect(await whole.json()).toMatchObject({ status: 'completed' });
    await Promise.all([here.close(), there.close()]);
  });

  it('[responses:background-live] that fails is told so under the next number', async () => {
    const responses = shared();
    const model = { ...modelOf([providerOf('openai-compatible', 'one')]), publicName: 'm' };
    const desk = await openDesk({ models: [model], ports: { responses } });
    desk.script(() => ({ type: 'text/event-stream', body: [chunk({ content: 'Fir' }), new Error('broke')] }));
    const heard = await reading(
      desk.post('/v1/responses', { model: 'm', input: 'hi', background: true, stream: true }),
    );
    await until(() => heard.over);
    const all = eventsIn(heard.text);
    expect(all.at(-1)).toMatchObject({ type: 'response.failed', response: { status: 'failed' } });
    expect(all.map((event) => event.sequence_number)).toEqual(all.map((_, index) => index));
    await desk.close();
  });
});

describe('readers of a response that is made', () => {
  it('[responses:background-live] are no more of one principal than may be', async () => {
    const responses = shared();
    const model = { ...modelOf([providerOf('openai-compatible', 'one')]), publicName: 'm' };
    const desk = await openDesk({ models: [model], ports: { responses } });
    const response = { id: 'resp_1', status: 'in_progress', background: true, output: [] };
    const row = { id: 'resp_1', trajectory: '', previousId: '', conversationId: '', response, input: [], events: '' };
    responses.rows.set('resp_1', { ...row, beatMs: Date.now() + 60_000 });
    const read = () =>
      fetch(`${desk.url}/v1/responses/resp_1?stream=true`, { headers: { authorization: 'Bearer good' } });
    const all = Array.from({ length: 51 }, () => read().then(({ status }) => status));
    expect(await Promise.race(all)).toBe(429);
    responses.rows.set('resp_1', { ...row, response: { ...response, status: 'completed' } });
    expect((await Promise.all(all)).filter((status) => status === 200)).toHaveLength(50);
    expect(await read().then(({ status }) => status)).toBe(200);
    await desk.close();
  });
});

describe('who follows a response', () => {
  const answer = () => {
    const said: string[] = [];
    return {
      said,
      gone: () => false,
      frames: async (text: string | Buffer) => void said.push(String(text)),
      end: (text = '') => void said.push(`${text}[end]`),
    };
  };
  const running = { response: { status: 'in_progress' }, events: undefined };

  it('[responses:background] is told nothing any more once they may not ask for it', async () => {
    const revoked = async () => {
      throw new Error('revoked');
    };
    await expect(follow(answer(), -1, async () => running, revoked)).rejects.toThrow('revoked');
  });

  it('[responses:background] is told the whole of one of which no events are kept, once it is over', async () => {
    const heard = answer();
    const states = [running, { response: { status: 'completed', output: [] }, events: undefined }];
    await follow(
      heard,
      1,
      async () => states.shift(),
      async () => {},
    );
    expect(heard.said).toHaveLength(1);
    expect(heard.said[0]).toContain('"sequence_number":2');
    const gone = answer();
    await follow(
      gone,
      -1,
      async () => undefined,
      async () => {},
    );
    expect(gone.said).toEqual(['[end]']);
  });
});
