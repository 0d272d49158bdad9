import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { commitTogether } from './commit-together.ts';
import { until } from './testing.ts';

const record = (bytes: number) => [new Uint8Array(bytes)];

/** Commits of at most ten bytes that end when they are let. */
function commits(maxWaitMs: number) {
  const begun: { readonly sizes: number[]; readonly end: (error?: Error) => void }[] = [];
  const commit = commitTogether({
    place: (records) =>
      new Promise<void>((done, failed) => {
        const end = (error?: Error) => (error === undefined ? done() : failed(error));
        begun.push({ sizes: records.map(({ length }) => length), end });
      }),
    refuses: (error) => error instanceof RangeError,
    maxBytes: 10,
    maxWaitMs,
  });
  return { begun, commit };
}
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('commits made together', () => {
  it('[peers:commit-bounded] refuse what waited too long for one to begin, and commit what comes later', async () => {
    const { begun, commit } = commits(50);
    const first = commit(record(1));
    await turn();
    const second = commit(record(2));
    await turn();
    const late = commit(record(3)).catch((error: unknown) => error);
    const alsoLate = commit(record(4)).catch((error: unknown) => error);
    await pause(80);
    const timely = commit(record(5));
    for (const { end } of begun) end();
    await Promise.all([first, second]);
    await until('another has begun', () => begun.length > 2);
    expect(begun.slice(2).map(({ sizes }) => sizes)).toEqual([[5]]);
    begun[2]?.end();
    await timely;
    for (const one of [late, alsoLate]) expect(await one).toMatchObject({ code: 'deadline_exceeded' });
  });

  it('[peers:commit-bounded] take no more bytes at once than they may, but for one that has more by itself', async () => {
    const { begun, commit } = commits(10_000);
    const all = [4, 4, 4, 20, 1].map((bytes) => commit(record(bytes)));
    await turn();
    expect(begun.map(({ sizes }) => sizes)).toEqual([[4, 4], [4], [20], [1]]);
    for (const { end } of begun) end();
    await Promise.all(all);
  });

  it('[peers:commit-bounded] refuse nobody for the records of another', async () => {
    const { begun, commit } = commits(10_000);
    const [good, bad] = [commit(record(1)), commit(record(2)).catch((error: unknown) => error)];
    await turn();
    begun[0]?.end(new RangeError('One of them is no record.'));
    await turn();
    begun[1]?.end();
    begun[2]?.end(new RangeError('No record.'));
    await good;
    expect(await bad).toBeInstanceOf(RangeError);
  });
});
