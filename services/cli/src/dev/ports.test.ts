import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { freePort, isFree, openPortBook, releasePorts } from './ports.ts';

const folder = mkdtempSync(join(tmpdir(), 'sallyport-ports-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Ports that other processes were given at once, each while all of them live. */
async function givenElsewhere(processes: number, each: number): Promise<number[]> {
  const code = `
    import { freePort } from ${JSON.stringify(new URL('./ports.ts', import.meta.url).href)};
    console.log(JSON.stringify(await Promise.all(Array.from({ length: ${each} }, () => freePort()))));
    process.stdin.resume();`;
  const children = Array.from({ length: processes }, () =>
    spawn(process.execPath, ['--input-type=module', '--eval', code], { stdio: ['pipe', 'pipe', 'inherit'] }),
  );
  const lists = await Promise.all(
    children.map(
      (child) => new Promise<number[]>((resolve) => child.stdout.once('data', (d) => resolve(JSON.parse(d)))),
    ),
  );
  for (const child of children) child.stdin.end();
  return lists.flat();
}

describe('ports of a local suite', () => {
  it('[demo:ports] are given once, to whoever asks at the same time in this process or in another', async () => {
    const here = Promise.all(Array.from({ length: 60 }, () => freePort()));
    const all = [...(await givenElsewhere(3, 60)), ...(await here)];
    expect(new Set(all).size).toBe(240);
    for (const port of all) expect(port >= 20_000 && port < 30_000).toBe(true);
    releasePorts(await here);
  }, 30_000);

  it('[demo:ports] stay the same from one start to the next, unless somebody else listens there', async () => {
    const file = join(folder, 'ports.json');
    const first = openPortBook(file);
    const [front, admin] = [await first.portFor('front'), await first.portFor('admin')];
    first.save();
    releasePorts([front, admin]);
    const stranger = createServer();
    await new Promise<void>((resolve) => stranger.listen(admin, '127.0.0.1', resolve));
    const second = openPortBook(file);
    expect(await second.portFor('front')).toBe(front);
    expect(await isFree(admin)).toBe(false);
    const other = await second.portFor('admin');
    expect(other).not.toBe(admin);
    releasePorts([front, other]);
    await new Promise((resolve) => stranger.close(resolve));
    writeFileSync(file, '{"front": "no port"');
    expect(await openPortBook(file).portFor('front')).toBeGreaterThan(20_000);
  });
});
