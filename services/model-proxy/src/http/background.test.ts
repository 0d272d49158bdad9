import { describe, expect, it } from '@jest/globals';
import { type Called, openDesk } from '../operations/testing.ts';
import type { KeptResponse, ResponseStore } from '../responses/kept.ts';
import { modelOf, providerOf } from '../turn/testing.ts';
import { asItStands, cancelKept } from './background.ts';

const kept = (status: string, beatMs?: number): KeptResponse => ({
  id: 'resp_1',
  trajectory: '',
  previousId: '',
  conversationId: '',
  response: { id: 'resp_1', status, output: [] },
  input: [],
  ...(beatMs === undefined ? {} : { beatMs }),
});
const openai = providerOf('openai', 'openai');
const timeouts = { connectSeconds: 60, firstByteSeconds: 60, idleSeconds: 60, totalSeconds: 60 };
const patient = { ...openai, spec: { ...openai.spec, timeouts } };
const owner = { tenant: 'acme', principalId: 'p', user: '' };

describe('a response in the background', () => {
  it.each([
    ['in_progress', 0, 'in_progress'],
    ['in_progress', 60_000, 'failed'],
    ['queued', 60_000, 'failed'],
    ['completed', 60_000, 'completed'],
    ['cancelled', 60_000, 'cancelled'],
  ])('[responses:background] that is %s and was heard of %i ms ago stands as %s', (status, ago, stands) => {
    expect(asItStands(kept(status, Date.now() - ago)).status).toBe(stands);
  });

  it.each([
    ['in_progress', 'cancelled', ['resp_1']],
    ['completed', 'completed', []],
  ])('[responses:background] that is %s is %s after it was cancelled', async (status, after, ended) => {
    let row: KeptResponse | undefined = kept(status, Date.now());
    const store = {
      alter: async (_owner: unknown, _id: string, alter: (one: KeptResponse) => KeptResponse | undefined) => {
        row = (row && alter(row)) ?? row;
        return row;
      },
    } as unknown as ResponseStore;
    const here: string[] = [];
    const runs = { serve: async () => {}, cancel: (id: string) => void here.push(id) };
    expect(await cancelKept(store, owner, 'resp_1', runs)).toMatchObject({ status: after });
    expect(here).toEqual(ended);
  });

  it('[responses:background-beat] says that it lives without writing it anew', async () => {
    const said: string[] = [];
    const rows = new Map<string, KeptResponse>();
    const responses = {
      keep: async (_owner: unknown, one: KeptResponse) => void rows.set(one.id, one),
      alter: async (_owner: unknown, id: string, alter: (one: KeptResponse) => KeptResponse | undefined) => {
        said.push(String(alter(rows.get(id) as KeptResponse)?.response.status));
        return rows.get(id);
      },
      beat: async (_owner: unknown, id: string) => void said.push(`beat ${id}`),
      ended: async () => [],
    };
    const model = { ...modelOf([patient]), publicName: 'm' };
    const desk = await openDesk({ models: [model], ports: { responses } });
    const seen = Promise.withResolvers<void>();
    desk.script(() => ({
      body: (async function* () {
        await seen.promise;
        yield '{}';
      })(),
    }));
    const begun = await desk.post('/v1/responses', { model: 'm', input: 'hi', background: true });
    const { id } = (await begun.json()) as { id: string };
    for (let tries = 0; said.length < 2 && tries < 300; tries++) await new Promise((r) => setTimeout(r, 50));
    expect(said).toEqual(['in_progress', `beat ${id}`]);
    seen.resolve();
    await desk.close();
  });

  it('[responses:background] one principal does not take all the room that there is', async () => {
    const rows = new Map<string, KeptResponse>();
    const responses = {
      keep: async (_owner: unknown, one: KeptResponse) => void rows.set(one.id, one),
      alter: async (_owner: unknown, id: string) => rows.get(id),
      remove: async () => true,
    };
    const model = { ...modelOf([patient]), publicName: 'm' };
    const desk = await openDesk({ models: [model], ports: { responses } });
    const never = async function* ({ signal }: Called) {
      await new Promise((_, reject) =>
        signal.addEventListener('abort', () => reject(new Error('cut')), { once: true }),
      );
      yield '';
    };
    desk.script((call) => ({ body: never(call) }));
    const begin = () => desk.post('/v1/responses', { model: 'm', input: 'hi', background: true });
    const first = await Promise.all(Array.from({ length: 50 }, async () => (await begin()).json()));
    expect(first).toHaveLength(50);
    const refused = await begin();
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '5']);
    // What is deleted is made no more, and kept no more.
    const remove = (one: unknown) =>
      fetch(`${desk.url}/v1/responses/${(one as { id: string }).id}`, {
        method: 'DELETE',
        headers: { authorization: 'Bearer good' },
      });
    await remove(first[0]);
    let again = await begin();
    for (let tries = 0; again.status !== 200 && tries < 50; tries++) again = await begin();
    expect(again.status).toBe(200);
    for (const one of [...first.slice(1), await again.json()]) await remove(one);
    await desk.close();
  });

  it('[responses:background] that another replica cancels or deletes is ended here before its next beat', async () => {
    const rows = new Map<string, KeptResponse>();
    const asked: { id: string }[][] = [];
    const responses = {
      keep: async (_owner: unknown, one: KeptResponse) => void rows.set(one.id, one),
      alter: async (_owner: unknown, id: string) => rows.get(id),
      find: async (_owner: unknown, id: string) => rows.get(id),
      ended: async (runs: { id: string }[]) => {
        asked.push(runs);
        return runs.map(({ id }) => id).filter((id) => (rows.get(id)?.response.status ?? 'cancelled') === 'cancelled');
      },
    };
    const model = { ...modelOf([patient]), publicName: 'm' };
    const desk = await openDesk({ models: [model], ports: { responses } });
    let cut = 0;
    const never = async function* ({ signal }: Called) {
      await new Promise((_, reject) =>
        signal.addEventListener('abort', () => reject(new Error('cut')), { once: true }),
      );
      yield '';
    };
    desk.script((call) => {
      call.signal.addEventListener('abort', () => cut++, { once: true });
      return { body: never(call) };
    });
    const begin = async (stream: boolean) =>
      await desk.post('/v1/responses', { model: 'm', input: 'hi', background: true, stream });
    const { id } = (await (await begin(false)).json()) as { id: string };
    const streamed = (await begin(true)).body?.getReader();
    const first = new TextDecoder().decode((await streamed?.read())?.value);
    expect(first).toContain('event: response.created');
    expect(first).toContain('"sequence_number":1');
    const other = [...rows.keys()].find((one) => one !== id) as string;
    expect(first).toContain(other);
    rows.delete(id);
    rows.set(other, kept('cancelled'));
    const since = performance.now();
    while (cut < 2 && performance.now() - since < 5_000) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(performance.now() - since).toBeLessThan(2_000);
    const rest: string[] = [];
    for (let piece = await streamed?.read(); piece && !piece.done; piece = await streamed?.read())
      rest.push(new TextDecoder().decode(piece.value));
    expect(rest.join('')).toContain('"sequence_number":2');
    expect(rest.join('')).not.toContain('response.created');
    // One question for all, and none where nothing runs.
    expect(asked[0]?.length).toBeGreaterThan(0);
    const count = asked.length;
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(asked.length).toBeLessThanOrEqual(count + 1);
    await desk.close();
  });
});
