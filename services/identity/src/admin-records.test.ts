import { fromBinary } from '@bufbuild/protobuf';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createLogger } from '@sallyport/chassis/log';
import type { Postgres } from '@sallyport/chassis/postgres';
import type { Component } from '@sallyport/chassis/process';
import { type Record as AuditRecord, Record_Kind, RecordSchema } from '@sallyport/proto/audit/v1/audit_pb';
import { createAdminRecords, sendingAdminRecords } from './admin-records.ts';

interface Row {
  readonly tenant: string;
  readonly id: string;
  readonly record: Buffer;
}

/** The outbox, as the statements leave it; what fails within a transaction is undone. */
function outbox() {
  let rows: Row[] = [];
  const postgres = {
    async withTenant(_tenant: string, work: (client: unknown) => Promise<unknown>) {
      const before = [...rows];
      try {
        return await work({
          async query(sql: string, values: unknown[] = []) {
            if (sql.startsWith('insert')) rows.push({ tenant: values[0], id: values[1], record: values[2] } as Row);
            if (sql.startsWith('delete')) rows = rows.filter(({ id }) => !(values[1] as string[]).includes(id));
            return { rows: rows.slice(0, 64) };
          },
        });
      } catch (error) {
        rows = before;
        throw error;
      }
    },
  } as unknown as Postgres;
  return { postgres, count: () => rows.length };
}

const running: Component[] = [];
afterEach(async () => {
  for (const one of running.splice(0)) await one.stop?.(0);
});

async function until(what: () => boolean): Promise<void> {
  for (let turn = 0; turn < 1_500 && !what(); turn++) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(what()).toBe(true);
}

describe('records of what people and clients did', () => {
  it('[identity:admin-records] wait until audit takes them, then are there once with who, what and whom', async () => {
    const { postgres, count } = outbox();
    const taken: AuditRecord[] = [];
    const lines: string[] = [];
    let away = true;
    const records = createAdminRecords(postgres);
    await records.add('acme', {
      action: 'consents.give',
      by: 'user:robin',
      user: 'robin',
      client: 'editor',
      target: { client: 'editor', resources: [{ resource: 'https://gate.example/mcp', scopes: ['mcp'] }] },
    });
    const sending = sendingAdminRecords({
      postgres,
      client: {
        async commit({ records: sent = [] }) {
          if (away) throw new Error('audit is away');
          taken.push(...sent.map((one) => fromBinary(RecordSchema, one as Uint8Array)));
          return {} as never;
        },
      },
      retryMs: 5,
      log: createLogger({ service: 'identity', write: (line) => lines.push(line) }),
    });
    running.push(sending);
    const looks = setInterval(() => sending.soon(), 5);
    running.push({ name: 'looks', stop: () => clearInterval(looks) });
    await until(() => lines.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 30));
    // Said once, not at each attempt.
    expect([lines.length, count()]).toEqual([1, 1]);
    away = false;
    await until(() => count() === 0);
    expect(taken).toHaveLength(1);
    expect(taken[0]).toMatchObject({
      kind: Record_Kind.ADMIN,
      tenant: 'acme',
      principalKind: 'user',
      principalId: 'user:robin',
      user: 'robin',
      client: 'editor',
      outcome: 'ok',
    });
    expect(JSON.parse(taken[0]?.detailJson ?? '')).toMatchObject({ action: 'consents.give', by: 'user:robin' });
  });
});
