import { describe, expect, it } from '@jest/globals';
import { createLogger } from '@sallyport/chassis/log';
import { codecOf } from '@sallyport/chassis/rpc/codec/codec';
import { uuidv7 } from '@sallyport/chassis/uuid';
import { type Record as AuditRecord, Record_Kind, RecordSchema } from '@sallyport/proto/audit/v1/audit_pb';
import { createIntake } from './intake.ts';
import type { Row } from './row.ts';

const codec = codecOf(RecordSchema);
const record = (init: { id?: string; tenant?: string; reason?: string; decisionInputsJson?: string } = {}) =>
  codec.encode({ id: uuidv7(), tenant: 'default', kind: Record_Kind.MODEL_CALL, ...init });
const idOf = (bytes: Uint8Array) => (codec.decode(bytes) as AuditRecord).id;
const log = createLogger({ service: 'test', write: () => undefined });
const seal = () => new Uint8Array();

describe('createIntake', () => {
  it('writes what comes while a commit is under way in the next one [audit:group-commit]', async () => {
    const batches: number[] = [];
    const insert = async (rows: readonly Row[]) => {
      batches.push(rows.length);
      await new Promise((resolve) => setTimeout(resolve, 5));
    };
    const intake = createIntake({ insert, seal, maxWaiting: 1_000, log });
    await Promise.all(Array.from({ length: 50 }, () => intake.add([record()])));
    expect(batches.length).toBeLessThanOrEqual(2);
    expect(batches.reduce((sum, size) => sum + size, 0)).toBe(50);
  });

  it('acknowledges nothing that was not written', async () => {
    const insert = async () => {
      throw new Error('away');
    };
    const intake = createIntake({ insert, seal, maxWaiting: 1_000, log });
    await expect(intake.add([record()])).rejects.toThrow('away');
  });

  it('does not let one record that the database refuses take others with it [audit:poison-record]', async () => {
    const poison = record();
    const kept: string[] = [];
    const insert = async (rows: readonly Row[]) => {
      if (rows.some(({ id }) => id === idOf(poison))) throw Object.assign(new Error('out of range'), { code: '22003' });
      kept.push(...rows.map(({ id }) => id));
    };
    let refused = 0;
    const intake = createIntake({ insert, seal, maxWaiting: 1_000, log, onRefused: () => (refused += 1) });
    const others = Array.from({ length: 9 }, () => record());
    await intake.add([...others.slice(0, 4), poison, ...others.slice(4)]);
    expect(kept.sort()).toEqual(others.map(idOf).sort());
    expect(refused).toBe(1);
  });

  it.each([{ id: 'no-uuid' }, { tenant: '' }, { tenant: '*' }])(
    'refuses a record with %j and keeps the rest',
    async (bad) => {
      const kept: Row[] = [];
      const intake = createIntake({ insert: async (rows) => void kept.push(...rows), seal, maxWaiting: 10, log });
      await intake.add([record(bad), record()]);
      expect(kept).toHaveLength(1);
    },
  );

  it('keeps the very bytes of a record that nothing is taken out of, and no others', async () => {
    const kept: Row[] = [];
    const intake = createIntake({ insert: async (rows) => void kept.push(...rows), seal, maxWaiting: 10, log });
    const given = [record(), record({ reason: 'sk-abcdefghijklmnop1234' }), record({ decisionInputsJson: '{}' })];
    await intake.add(given);
    expect(kept.map(({ body }, index) => Buffer.compare(body, given[index] as Buffer) === 0)).toEqual([
      true,
      false,
      false,
    ]);
    expect(codec.decode(kept[1]?.body as Uint8Array)).toMatchObject({ reason: '[redacted]' });
    expect(codec.decode(kept[2]?.body as Uint8Array)).toMatchObject({ decisionInputsJson: '' });
  });

  it('refuses bytes that are no record and keeps the rest [audit:poison-record]', async () => {
    const kept: Row[] = [];
    const intake = createIntake({ insert: async (rows) => void kept.push(...rows), seal, maxWaiting: 10, log });
    await intake.add([Buffer.from([0xff]), record()]);
    expect(kept).toHaveLength(1);
  });

  it('says unavailable when too much waits, rather than growing [audit:bounded]', async () => {
    const intake = createIntake({ insert: () => new Promise(() => undefined), seal, maxWaiting: 2, log });
    void intake.add([record(), record()]);
    await expect(intake.add([record()])).rejects.toMatchObject({ code: 'unavailable' });
  });
});
