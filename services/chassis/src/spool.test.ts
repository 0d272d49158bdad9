import { appendFileSync, mkdtempSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { openSpool, type Spool, type SpoolOptions } from './spool.ts';

const opened: Spool[] = [];
const folder = () => mkdtempSync(join(tmpdir(), 'spool-'));
const bytes = (...texts: string[]) => texts.map((text) => Buffer.from(text));

async function open(dir: string, options: Partial<SpoolOptions> = {}): Promise<Spool> {
  const spool = await openSpool({ dir, maxBytes: 1_000_000, fsync: true, ...options });
  opened.push(spool);
  return spool;
}

async function texts(spool: Spool, limit = 100): Promise<string[]> {
  return (await spool.read(limit)).entries.map(String);
}

afterEach(async () => {
  for (const spool of opened.splice(0)) await spool.close();
});

describe('spool', () => {
  it('gives records back in order, also after it was opened again', async () => {
    const dir = folder();
    const spool = await open(dir);
    await Promise.all([spool.append(bytes('a', 'b')), spool.append(bytes('c'))]);
    await spool.append(bytes('d'));
    expect(await texts(spool)).toEqual(['a', 'b', 'c', 'd']);
    await spool.close();
    expect(await texts(await open(dir))).toEqual(['a', 'b', 'c', 'd']);
  });

  it('forgets what was acknowledged, also after it was opened again', async () => {
    const dir = folder();
    const spool = await open(dir);
    await spool.append(bytes('a', 'b', 'c'));
    const page = await spool.read(2);
    await spool.ack(page.position);
    expect(await texts(spool)).toEqual(['c']);
    await spool.append(bytes('d'));
    await spool.close();
    const again = await open(dir);
    expect(await texts(again)).toEqual(['c', 'd']);
    expect((await again.read(1)).entries.map(String)).toEqual(['c']);
  });

  it('[chassis:spool-cut] loses nothing whole to a crash in the middle of a record, wherever it cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 8 + 300 - 1 }), async (cut) => {
        const dir = folder();
        const spool = await open(dir, { fsync: false });
        await spool.append(bytes('whole', 'x'.repeat(300)));
        await spool.close();
        const file = join(dir, readdirSync(dir).find((name) => name.endsWith('.spool')) as string);
        truncateSync(file, readFileSync(file).length - cut);
        const again = await open(dir, { fsync: false });
        expect(await texts(again)).toEqual(['whole']);
        await again.append(bytes('next'));
        expect(await texts(again)).toEqual(['whole', 'next']);
      }),
      { numRuns: 25 },
    );
  });

  it('ignores rubbish behind the last record', async () => {
    const dir = folder();
    const spool = await open(dir);
    await spool.append(bytes('a'));
    await spool.close();
    appendFileSync(join(dir, readdirSync(dir)[0] as string), Buffer.alloc(64, 0xff));
    const again = await open(dir);
    await again.append(bytes('b'));
    expect(await texts(again)).toEqual(['a', 'b']);
  });

  it('goes on behind a damaged record of an older file, and says so', async () => {
    const dir = folder();
    const spool = await open(dir, { segmentBytes: 20 });
    for (const text of ['first-record', 'second-record', 'third-record']) await spool.append(bytes(text));
    const oldest = join(dir, readdirSync(dir).sort()[0] as string);
    const content = readFileSync(oldest);
    content[10] = (content[10] as number) ^ 1;
    await spool.close();
    writeFileSync(oldest, content);
    const again = await open(dir, { segmentBytes: 20 });
    expect(await texts(again)).toEqual(['second-record', 'third-record']);
  });

  it('[chassis:spool-bound] refuses what does not fit and takes again after an acknowledgement', async () => {
    const spool = await open(folder(), { maxBytes: 200 });
    await spool.append([Buffer.alloc(150)]);
    await expect(spool.append([Buffer.alloc(100)])).rejects.toMatchObject({ code: 'unavailable' });
    expect(spool.size()).toBe(158);
    await spool.ack((await spool.read(10)).position);
    expect(spool.size()).toBe(0);
    await spool.append([Buffer.alloc(100)]);
  });

  it('removes files that are done with', async () => {
    const dir = folder();
    const spool = await open(dir, { segmentBytes: 100 });
    for (let i = 0; i < 20; i++) await spool.append([Buffer.alloc(60, i)]);
    const before = readdirSync(dir).length;
    await spool.ack((await spool.read(1000)).position);
    expect(before).toBeGreaterThan(9);
    expect(readdirSync(dir).length).toBeLessThan(3);
    await spool.append(bytes('after'));
    await spool.close();
    expect(await texts(await open(dir))).toEqual(['after']);
  });
});
