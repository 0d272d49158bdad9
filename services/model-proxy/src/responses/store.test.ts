import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { Postgres, TenantClient } from '@sallyport/chassis/postgres';
import { sealer } from '@sallyport/chassis/seal';
import { createResponseStore } from './store.ts';

const BOUNDS = { maxConversations: 2, maxItems: 3 };
const owner = { tenant: 'acme', principalId: 'key:k1', user: 'ann' };
const kept = {
  id: 'resp_1',
  trajectory: 't',
  previousId: '',
  conversationId: '',
  response: { id: 'resp_1', output: [{ id: 'msg_1', text: 'SAID-CANARY' }] },
  input: [{ id: 'msg_0', text: 'ASKED-CANARY' }],
};

/** A database that keeps what it is asked, and answers with these rows. */
function database(rows: Record<string, unknown>[] = []) {
  const asked: { tenant: string; sql: string; values: readonly unknown[] }[] = [];
  const postgres = {
    withTenant: async (tenant: string, work: (client: TenantClient) => Promise<unknown>) =>
      work({
        query: async (sql: string, values: readonly unknown[] = []) => {
          asked.push({ tenant, sql, values });
          return { rows: rows as never, rowCount: rows.length };
        },
      }),
  } as unknown as Postgres;
  return { asked, postgres };
}

describe('the store of responses', () => {
  const keys = [{ id: 'k1', key: randomBytes(32) }];

  it('[responses:sealed] seals what was said, for its row alone, with the time of its end', async () => {
    const { asked, postgres } = database();
    await createResponseStore(postgres, sealer(keys), 60_000, BOUNDS).keep(owner, kept, 10);
    const [insert] = asked;
    expect(insert?.tenant).toBe('acme');
    expect(insert?.values.slice(0, 3)).toEqual(['acme', 'key:k1', 'ann']);
    expect(insert?.values.at(-1)).toBe(60_000);
    expect(insert?.values).toContainEqual(['msg_0', 'msg_1']);
    const sealed = insert?.values.find((value) => Buffer.isBuffer(value)) as Buffer;
    expect(sealed.includes('CANARY')).toBe(false);

    const row = { id: 'resp_1', trajectory: 't', previous_id: '', conversation_id: '', sealed, context_bytes: '10' };
    const found = createResponseStore(database([row]).postgres, sealer(keys), 1, BOUNDS);
    expect(await found.find(owner, 'resp_1')).toEqual(kept);
    for (const other of [
      { ...owner, principalId: 'key:k2' },
      { ...owner, tenant: 'evil' },
      { ...owner, user: 'eve' },
    ]) {
      await expect(found.find(other, 'resp_1')).rejects.toThrow('could not be opened');
    }
  });

  it('refuses a context that has become too large, and knows no chain of which a part is gone', async () => {
    const { asked, postgres } = database();
    const seals = sealer(keys);
    await createResponseStore(postgres, seals, 1, BOUNDS).keep(owner, { ...kept, previousId: 'resp_0' }, 10);
    const sealed = asked[0]?.values.find((value) => Buffer.isBuffer(value));
    const row = {
      id: 'resp_1',
      trajectory: 't',
      previous_id: 'resp_0',
      conversation_id: '',
      sealed,
      context_bytes: '10',
    };
    const store = createResponseStore(database([row]).postgres, seals, 1, BOUNDS);
    await expect(store.chain(owner, 'resp_1', 9)).rejects.toMatchObject({ code: 'body_too_large' });
    expect(await store.chain(owner, 'resp_1', 100)).toBeUndefined();
  });
});

describe('the events of a response', () => {
  const keys = [{ id: 'k1', key: randomBytes(32) }];
  const told = { ...kept, events: 'event: TOLD-CANARY', beatMs: 1 };
  const row = { id: 'resp_1', trajectory: 't', previous_id: '', conversation_id: '', context_bytes: '10' };
  const buffersIn = (values: readonly unknown[] = []) => values.filter((value) => Buffer.isBuffer(value)) as Buffer[];

  it('[responses:events-apart] are sealed by themselves, and opened by nobody who goes on from it or changes it', async () => {
    const { asked, postgres } = database();
    await createResponseStore(postgres, sealer(keys), 60_000, BOUNDS).keep(owner, told, 10);
    const [sealed, events] = buffersIn(asked[0]?.values);
    expect(events?.includes('CANARY')).toBe(false);

    const { asked: read, postgres: rows } = database([{ ...row, sealed, told: events, silent_ms: 5 }]);
    const found = createResponseStore(rows, sealer(keys), 1, BOUNDS);
    expect(await found.find(owner, 'resp_1')).toMatchObject({ events: told.events, beatMs: expect.any(Number) });
    expect(read[0]?.sql).toContain('told');
    read.splice(0);
    // The database gives what it is asked for.
    const { asked: further, postgres: short } = database([{ ...row, sealed }]);
    const store = createResponseStore(short, sealer(keys), 1, BOUNDS);
    expect(await store.chain(owner, 'resp_1', 100)).toEqual([kept]);
    await store.items(owner, ['msg_1']);
    expect(further.filter(({ sql }) => sql.includes('told'))).toEqual([]);
    further.splice(0);
    await store.alter(owner, 'resp_1', (one) => ({ ...one, response: { ...one.response, status: 'cancelled' } }));
    expect(further[0]?.sql).not.toContain('told');
    expect(further[1]?.sql).toContain('told = coalesce($7, told)');
    expect(further[1]?.values[6]).toBeNull();
    further.splice(0);
    await store.alter(owner, 'resp_1', (one) => ({ ...one, events: 'event: more' }));
    expect(further[1]?.sql).toMatch(/^update responses set told = \S+ told\) where /);
    expect(buffersIn(further[1]?.values)).toHaveLength(1);
  });

  it('[responses:events-apart] are read of rows of before, whose value held them', async () => {
    const place = JSON.stringify(['response', 'acme', 'key:k1', 'ann', 'resp_1']);
    const { response, input, events, beatMs } = told;
    const sealed = sealer(keys).seal(Buffer.from(JSON.stringify({ response, input, events, beatMs })), place);
    const { asked, postgres } = database([{ ...row, sealed, told: null, silent_ms: null }]);
    const store = createResponseStore(postgres, sealer(keys), 1, BOUNDS);
    expect(await store.find(owner, 'resp_1')).toEqual(told);
    asked.splice(0);
    await store.alter(owner, 'resp_1', (one) => ({ ...one, response: { ...one.response } }));
    expect(buffersIn(asked[1]?.values)).toHaveLength(2);
  });

  it('[responses:background-beat] are not written, nor anything else, to say that who makes it lives', async () => {
    const { asked, postgres } = database();
    await createResponseStore(postgres, sealer(keys), 1, BOUNDS).beat(owner, 'resp_1');
    expect(asked).toHaveLength(1);
    expect(asked[0]?.sql).toMatch(/^update responses set beat_at = now\(\) where /);
    expect(asked[0]?.values).toEqual(['acme', 'key:k1', 'ann', 'resp_1']);
  });
});

describe('the bounds of conversations', () => {
  const opened = (rows: Record<string, unknown>[]) => {
    const { asked, postgres } = database(rows);
    return { asked, store: createResponseStore(postgres, sealer([{ id: 'k1', key: randomBytes(32) }]), 1, BOUNDS) };
  };
  const begun = { id: 'conv_1', createdAtMs: 0, metadata: {}, trajectory: '' };
  const item = (id: string) => ({ id, type: 'message' });

  it('[responses:bounded] lets a principal have so many, and tells what to do about it', async () => {
    const few = opened([{ kept: '1' }]);
    await few.store.openConversation(owner, begun, []);
    expect(few.asked.some(({ sql }) => sql.startsWith('insert'))).toBe(true);
    const { asked, store } = opened([{ kept: '2' }]);
    await expect(store.openConversation(owner, begun, [])).rejects.toMatchObject({ code: 'rate_limited' });
    expect(asked.some(({ sql }) => sql.startsWith('insert'))).toBe(false);
  });

  it('[responses:bounded] adds nothing to a full one, and lets no model be asked to go on from it', async () => {
    const { asked, store } = opened([{ items: '3', bytes: '1' }]);
    await expect(store.add(owner, 'conv_1', [item('a')])).rejects.toMatchObject({ code: 'conflict' });
    await expect(store.openConversation(owner, begun, ['a', 'b', 'c', 'd'].map(item))).rejects.toThrow('takes no more');
    expect(asked.some(({ sql }) => sql.startsWith('insert'))).toBe(false);
    const free = opened([{ items: '2' }]);
    expect(await free.store.add(owner, 'conv_1', [item('a')])).toBe(true);
  });
});
