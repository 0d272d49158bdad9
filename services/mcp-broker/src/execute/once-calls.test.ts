import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import type { Postgres, TenantClient } from '@sallyport/chassis/postgres';
import { PrincipalSchema } from '@sallyport/proto/principal/v1/principal_pb';
import { createOnceCalls } from './once-calls.ts';

/** A database that keeps what it is asked, and has this many keys of whoever asks. */
function database(held = 0) {
  const asked: { sql: string; values: readonly unknown[] }[] = [];
  const postgres = {
    withTenant: async (_tenant: string, work: (client: TenantClient) => Promise<unknown>) =>
      work({
        query: async (sql: string, values: readonly unknown[] = []) => {
          asked.push({ sql, values });
          const offset = Number(/offset (\d+)/.exec(sql)?.[1] ?? Number.NaN);
          const rowCount = sql.startsWith('insert') ? 1 : held > offset ? 1 : 0;
          return { rows: [] as never[], rowCount };
        },
      }),
  } as unknown as Postgres;
  const inserted = () => asked.filter(({ sql }) => sql.startsWith('insert')).map(({ values }) => values[3]);
  return { postgres, inserted };
}
const ann = (...actors: string[]) =>
  create(PrincipalSchema, { tenant: 'acme', id: 'key:k1', user: 'ann', actors: actors.map((id) => ({ id })) });
const call = { key: 'k', call: 'a' };

describe('keys of calls', () => {
  it('[tool:once-own] are of a principal and of who acts for it', async () => {
    const { postgres, inserted } = database();
    const calls = createOnceCalls(postgres, 'secret');
    for (const principal of [ann(), ann('bot'), ann('bot', 'other'), ann('bot')]) {
      expect(await calls.begin({ ...call, principal }, 1)).toEqual({ state: 'first' });
    }
    const [plain, delegated, twice, again] = inserted();
    expect(new Set([plain, delegated, twice]).size).toBe(3);
    expect(again).toBe(delegated);
  });

  it('[tool:once-bounded] are no more than 10,000 of one principal; beyond it no call is made', async () => {
    const { postgres, inserted } = database(10_000);
    const refused = createOnceCalls(postgres, 'secret').begin({ ...call, principal: ann() }, 1);
    await expect(refused).rejects.toMatchObject({ code: 'rate_limited', details: { notMade: true } });
    expect(inserted()).toEqual([]);
    const last = createOnceCalls(database(9_999).postgres, 'secret');
    expect(await last.begin({ ...call, principal: ann() }, 1)).toEqual({ state: 'first' });
  });
});
