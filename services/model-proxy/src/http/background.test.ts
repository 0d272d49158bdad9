import { describe, expect, it } from '@jest/globals';
import type { KeptResponse, ResponseStore } from '../responses/kept.ts';
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
});
