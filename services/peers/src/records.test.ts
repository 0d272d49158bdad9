import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import { createMetrics } from '@sallyport/chassis/metrics';
import { codecOf } from '@sallyport/chassis/rpc/codec/codec';
import { inProcess } from '@sallyport/chassis/rpc/testing';
import { openSpool } from '@sallyport/chassis/spool';
import { type Record as AuditRecord, RecordSchema, RecordService } from '@sallyport/proto/audit/v1/audit_pb';
import { recorder } from './records.ts';
import { quiet, until } from './testing.ts';

const idOf = (bytes: Uint8Array) => (codecOf(RecordSchema).decode(bytes) as AuditRecord).id;
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function audit(options: { maxBytes?: number; dir?: string } = {}) {
  const state = { answer: 'takes' as 'takes' | 'away' | 'hangs', refuses: '', kept: [] as string[], calls: 0 };
  const served = await inProcess(RecordService, {
    async commit({ records }, { signal }) {
      state.calls++;
      if (state.answer === 'away') throw new GatewayError('unavailable', 'Away.', { retryAfterMs: 1 });
      if (state.answer === 'hangs') await new Promise((resolve) => signal.addEventListener('abort', resolve));
      const ids = records.map(idOf);
      if (ids.includes(state.refuses)) throw new GatewayError('invalid_request', 'No such record.');
      state.kept.push(...ids);
      return {};
    },
    async *append() {},
  });
  const dir = options.dir ?? mkdtempSync(join(tmpdir(), 'sallyport-records-'));
  const spool = await openSpool({ dir, maxBytes: options.maxBytes ?? 1_000_000, fsync: true });
  const metrics = createMetrics('test', { defaults: false });
  const records = recorder({ client: served.client, spool, log: quiet, metrics });
  records.start();
  let stopped = false;
  const stop = async () => {
    if (stopped) return;
    stopped = true;
    await records.stop(Date.now() + 5_000);
  };
  closing.push(async () => {
    await stop();
    await served.close();
  });
  return { state, records, spool, stop, dir };
}

describe('recorder', () => {
  it('sends records in batches, in order', async () => {
    const { state, records } = await audit();
    const ids = Array.from({ length: 600 }, (_, index) => `r${index}`);
    for (const id of ids) records.append({ id });
    await until('all are kept', () => state.kept.length === 600);
    expect(state.kept).toEqual(ids);
    expect(state.calls).toBeLessThanOrEqual(4);
  });

  it('[peers:record-refused-alone] loses none but the record that audit refuses, of those that were sent with it', async () => {
    const { state, records } = await audit();
    state.refuses = 'bad';
    for (const id of ['a', 'bad', 'b', 'c']) records.append({ id });
    await until('the others are kept', () => state.kept.length === 3);
    expect(state.kept).toEqual(['a', 'b', 'c']);
  });

  it('[peers:record-refused-alone] sends a record by itself that would make too much of a batch', async () => {
    const { state, records } = await audit();
    const short = Array.from({ length: 39 }, (_, index) => `r${index}`);
    for (const id of short) records.append({ id, detailJson: 'x'.repeat(100_000) });
    records.append({ id: 'long', detailJson: 'x'.repeat(30 * 1024 * 1024) });
    records.append({ id: 'last' });
    await until('all are kept', () => state.kept.length === 41, 20_000);
    expect(state.kept).toEqual([...short, 'long', 'last']);
    expect(state.calls).toBe(3);
  });

  it('[peers:records-long] gives a long record longer to come over, so that none keeps all behind it in the spool', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'sallyport-records-'));
    const spool = await openSpool({ dir, maxBytes: 1_000_000, fsync: true });
    const metrics = createMetrics('test', { defaults: false });
    const given: number[] = [];
    const client = {
      async commit(_request: unknown, { timeoutMs }: { timeoutMs: number }) {
        given.push(timeoutMs);
        return {} as never;
      },
    };
    const records = recorder({ client, spool, log: quiet, metrics });
    await records.commit([{ id: 'short' }]);
    await records.commit([{ id: 'long', detailJson: 'x'.repeat(20_000_000) }]);
    records.append({ id: 'longer', detailJson: 'x'.repeat(30_000_000) });
    await records.stop(Date.now() + 5_000);
    expect(given).toEqual([1_500, 3_500, 4_500]);
  });

  it('sends what waits when it stops', async () => {
    const { state, records, stop } = await audit();
    records.append({ id: 'last' });
    await stop();
    expect(state.kept).toEqual(['last']);
  });

  it.each(['away', 'hangs'] as const)(
    '[peers:records-spooled] keeps records while audit is %s and hands them on when it is back',
    async (answer) => {
      const { state, records, spool } = await audit();
      state.answer = answer;
      for (let index = 0; index < 300; index++) records.append({ id: `r${index}` });
      await until('they are in the spool', () => spool.size() > 0);
      state.answer = 'takes';
      await until('all are kept', () => new Set(state.kept).size === 300);
      await until('the spool is empty', () => spool.size() === 0);
      records.append({ id: 'later' });
      await until('the way is free again', () => state.kept.includes('later'));
    },
  );

  it('[peers:records-survive] hands on after a restart what was spooled before it', async () => {
    const first = await audit();
    first.state.answer = 'away';
    await first.records.commit([{ id: 'intent' }]);
    await first.stop();
    const second = await audit({ dir: first.dir });
    await until('the record is kept', () => second.state.kept.includes('intent'));
  });

  it('[peers:intent-durable] commits to audit, else to the spool, and only then returns', async () => {
    const { state, records, spool } = await audit();
    await records.commit([{ id: 'a' }]);
    expect(state.kept).toEqual(['a']);
    state.answer = 'away';
    await records.commit([{ id: 'b' }]);
    expect(spool.size()).toBeGreaterThan(0);
  });

  it('waits for a hanging audit once, not at each intent', async () => {
    const { state, records } = await audit();
    state.answer = 'hangs';
    await records.commit([{ id: 'a' }]);
    const at = performance.now();
    await records.commit([{ id: 'b' }]);
    // Another wait takes a second and a half.
    expect(performance.now() - at).toBeLessThan(1_000);
  });

  it('[peers:intent-refused] refuses an intent that neither audit nor the spool takes', async () => {
    const { state, records } = await audit({ maxBytes: 8 });
    state.answer = 'away';
    await expect(records.commit([{ id: 'a' }])).rejects.toMatchObject({ code: 'audit_unavailable' });
    state.answer = 'takes';
    await records.commit([{ id: 'b' }]);
    expect(state.kept).toEqual(['b']);
  });

  it('[peers:intent-durable] commits intents of calls at once together, and refuses none for another that audit refuses', async () => {
    const { state, records } = await audit();
    const ids = Array.from({ length: 40 }, (_, index) => `i${index}`);
    await Promise.all(ids.map((id) => records.commit([{ id }])));
    expect([...state.kept].sort()).toEqual([...ids].sort());
    expect(state.calls).toBe(1);

    state.refuses = 'bad';
    const settled = await Promise.allSettled(['a', 'bad', 'b'].map((id) => records.commit([{ id }])));
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(settled[1]).toMatchObject({ reason: { code: 'audit_unavailable' } });
    expect(state.kept.slice(40).sort()).toEqual(['a', 'b']);
  });

  it('[peers:records-poison] loses one record that audit refuses, and none behind it', async () => {
    const { state, records, spool } = await audit();
    state.answer = 'away';
    await records.commit([{ id: 'good' }, { id: 'bad' }, { id: 'fine' }]);
    state.refuses = 'bad';
    state.answer = 'takes';
    await until('the spool is empty', () => spool.size() === 0);
    expect(state.kept).toEqual(['good', 'fine']);
  });
});
