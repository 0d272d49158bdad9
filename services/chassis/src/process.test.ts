import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const CHASSIS = new URL('.', import.meta.url).href;

/** Runs a composition root as its own process, since what is tested is how a process ends. */
function start(body: string) {
  const file = join(mkdtempSync(join(tmpdir(), 'process-')), 'main.ts');
  writeFileSync(
    file,
    `const { run } = await import(${JSON.stringify(`${CHASSIS}process.ts`)});
     const { adminServer } = await import(${JSON.stringify(`${CHASSIS}admin.ts`)});
     const { createMetrics } = await import(${JSON.stringify(`${CHASSIS}metrics.ts`)});
     const say = (text) => process.stdout.write(text + '\\n');
     const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
     const part = (name, stop) => ({ name, start: () => say('start ' + name), stop: stop ?? (() => say('stop ' + name)) });
     run({ name: 'test', start: async (life) => { life.configure({ drain: { delaySeconds: 0, graceSeconds: 1 } }); ${body} } });`,
  );
  const child = spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  const waiting: (() => void)[] = [];
  child.stdout.on('data', (chunk) => {
    text += chunk;
    for (const check of [...waiting]) check();
  });
  const until = (part: string) =>
    new Promise<void>((resolve) => {
      const check = () => void (text.includes(part) && resolve());
      waiting.push(check);
      check();
    });
  const ended = once(child, 'close').then(([code]) => ({ code, text, words: text.match(/^(start|stop) \w+$/gm) }));
  return { child: child as ChildProcess, until, ended };
}

describe('run', () => {
  it('starts in order, stops in reverse on SIGTERM, and exits 0', async () => {
    const { child, until, ended } = start(`life.use(part('a')); await life.use(part('b'));
      life.signal.addEventListener('abort', () => say('stop signal'));`);
    await until('"started"');
    child.kill('SIGTERM');
    const { code, words } = await ended;
    expect([code, words]).toEqual([0, ['start a', 'start b', 'stop signal', 'stop b', 'stop a']]);
  });

  it('is ready once started, and not while it drains', async () => {
    const { child, until, ended } = start(`
      life.configure({ drain: { delaySeconds: 1, graceSeconds: 1 } });
      const admin = await life.use(adminServer({ host: '127.0.0.1', port: 0, readiness: life.readiness,
        metrics: createMetrics('test'), build: { service: 'test' } }));
      let well = 'not yet';
      life.readiness.add('thing', () => well);
      const look = async (path) => { const r = await fetch('http://127.0.0.1:' + admin.port() + path);
        say(path + ' ' + r.status + ' ' + (await r.text()).slice(0, 120)); };
      await look('/readyz');
      setTimeout(async () => { await look('/readyz'); well = true; await look('/readyz'); await look('/livez');
        await look('/buildinfo'); await look('/metrics'); await look('/x'); process.kill(process.pid, 'SIGTERM');
        await sleep(100); await look('/readyz'); await look('/livez'); }, 50);`);
    await until('"draining"');
    const { code, text } = await ended;
    void child;
    const answers = text.split('\n').filter((line) => line.startsWith('/'));
    expect(answers[0]).toContain('/readyz 503');
    expect(answers[0]).toContain('starting');
    expect(answers[1]).toContain('"thing":"not yet"');
    expect(answers[2]).toContain('/readyz 200');
    expect(answers[3]).toContain('/livez 200');
    expect(answers[4]).toContain('"service":"test"');
    expect(text).toContain('# HELP');
    expect(text).toContain('/x 404');
    expect(answers.at(-2)).toContain('draining');
    expect(answers.at(-1)).toContain('/livez 200');
    expect(code).toBe(0);
  });

  it.each([
    [
      'a component cannot start',
      `await life.use(part('a')); await life.use({ name: 'b', start: () => { throw new Error('no'); } });`,
      ['start a', 'stop a'],
    ],
    [
      'one that nobody awaited cannot start',
      `life.use(part('a')); life.use({ name: 'b', start: async () => { throw new Error('no'); } });`,
      ['start a', 'stop a'],
    ],
    ['the composition root throws', `await life.use(part('a')); throw new Error('no');`, ['start a', 'stop a']],
    [
      'a promise is left to reject',
      `setTimeout(() => Promise.reject(new Error('floating')), 20); setInterval(() => {}, 1000);`,
      null,
    ],
    [
      'an error is left uncaught',
      `setTimeout(() => { throw new Error('loose'); }, 20); setInterval(() => {}, 1000);`,
      null,
    ],
  ])('exits 1 when %s', async (_what, body, words) => {
    expect(await start(body).ended).toMatchObject({ code: 1, words });
  });

  it('exits 1 on a second signal without waiting', async () => {
    const { child, until, ended } = start(
      `await life.use(part('a', async () => { say('stopping'); await sleep(60000); }));`,
    );
    await until('"started"');
    child.kill('SIGTERM');
    await until('stopping');
    child.kill('SIGTERM');
    expect((await ended).code).toBe(1);
  });

  it('exits 1 when a component does not stop in time, after stopping the others', async () => {
    const { child, until, ended } = start(`await life.use(part('a')); await life.use(part('b', () => sleep(60000)));`);
    await until('"started"');
    child.kill('SIGTERM');
    const { code, words } = await ended;
    expect([code, words]).toEqual([1, ['start a', 'start b', 'stop a']]);
  });
});
