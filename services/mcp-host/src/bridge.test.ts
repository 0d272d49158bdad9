import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { type HostSuite, hostile, nodeServer, startHostSuite } from './testing/suite.ts';

const EVERYTHING = join(
  dirname(createRequire(import.meta.url).resolve('@modelcontextprotocol/server-everything/package.json')),
  'dist/index.js',
);

let suite: HostSuite | undefined;
afterEach(async () => {
  await suite?.stop();
  suite = undefined;
});

const post = async (url: URL, message: object, signal?: AbortSignal) => {
  const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
  const body = JSON.stringify({ jsonrpc: '2.0', ...message });
  const answer = await fetch(url, { method: 'POST', headers, body, ...(signal === undefined ? {} : { signal }) });
  return { status: answer.status, body: (await answer.json()) as Record<string, never> };
};
const call = (uid: string, id: number, text = '') =>
  post((suite as HostSuite).url(uid), { id, method: 'tools/call', params: { name: 'do', arguments: { text } } });
const textOf = ({ body }: { body: Record<string, never> }) =>
  (body as { result?: { content: { text: string }[] } }).result?.content[0]?.text;

describe('a server over standard input and output', () => {
  it('[hosted:bridge] serves a real npm server to a real client: tools, progress, prompts and resources', async () => {
    suite = await startHostSuite({ everything: nodeServer([EVERYTHING]) });
    const client = new Client({ name: 'test', version: '0' }, { versionNegotiation: { mode: 'auto' } });
    await client.connect(new StreamableHTTPClientTransport(suite.url('everything')));
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toContain('echo');
    const echoed = await client.callTool({ name: 'echo', arguments: { message: 'hello' } });
    expect(JSON.stringify(echoed.content)).toContain('hello');
    const progress: number[] = [];
    await client.callTool(
      { name: 'trigger-long-running-operation', arguments: { duration: 0.4, steps: 4 } },
      { onprogress: ({ progress: at }) => void progress.push(at) },
    );
    expect(progress.length).toBeGreaterThanOrEqual(3);
    expect((await client.listPrompts()).prompts.length).toBeGreaterThan(0);
    expect((await client.listResources()).resources.length).toBeGreaterThan(0);
    await client.close();
  });

  it('[hosted:bridge] gives each of many callers with the same id its own answer, over one process', async () => {
    suite = await startHostSuite({ one: hostile('') });
    const answers = await Promise.all(Array.from({ length: 100 }, (_, at) => call('one', 1, `canary-${at}`)));
    const pids = new Set<string>();
    for (const [at, answer] of answers.entries()) {
      const [canary, pid] = String(textOf(answer)).split(' ');
      expect([canary, answer.body.id]).toEqual([`canary-${at}`, 1]);
      pids.add(String(pid));
    }
    expect(pids.size).toBe(1);
  });

  it('[hosted:exact-numbers] hands numbers that no double holds on as they are written, both ways', async () => {
    suite = await startHostSuite({ same: hostile('verbatim') });
    const given = '{"id":9007199254740993,"wei":[0.12345678901234567891]}';
    const body = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"do","arguments":${given}}}`;
    const headers = { 'content-type': 'application/json', accept: 'application/json, text/event-stream' };
    const answer = await fetch(suite.url('same'), { method: 'POST', headers, body });
    expect(await answer.text()).toContain(`"structuredContent":${given}`);
  });

  it('[hosted:bridge] takes a greeting on standard output, and a server without a handshake', async () => {
    suite = await startHostSuite({ banner: hostile('banner'), modern: hostile('modern') });
    expect(textOf(await call('banner', 1, 'a'))).toMatch(/^a /);
    expect(textOf(await call('modern', 1, 'b'))).toMatch(/^b /);
  });

  it('[hosted:bounds] gives it nothing that it asks for, and its inventions to nobody', async () => {
    suite = await startHostSuite({ asks: hostile('asks') });
    for (const id of [1, 2, 3]) expect(textOf(await call('asks', id, `t${id}`))).toMatch(new RegExp(`^t${id} \\d+$`));
  });

  it.each([
    ['flood', 'too much that nobody asked for'],
    ['noise', 'too much that is no message'],
    ['long', 'a line of more than'],
    ['leaves', 'exit code 0'],
  ])('[hosted:bounds] ends one that does %s, tells its callers why, and starts it again later', async (manner, why) => {
    suite = await startHostSuite({ bad: hostile(manner) });
    const { status, body } = await call('bad', 1);
    if (manner !== 'flood' && manner !== 'noise') expect(status).toBe(502);
    const state = [...suite.hosts.all()][0]?.state();
    expect(state).toMatchObject({ is: 'ended' });
    expect(JSON.stringify(state)).toContain(why);
    expect(JSON.stringify(body)).not.toContain('canary');
    expect((await post(suite.url('bad'), { id: 2, method: 'tools/list' })).status).toBe(200);
  });

  it('[hosted:bounds] ends one that does not shake hands, and does not try again at once', async () => {
    suite = await startHostSuite({ mute: hostile('mute'), dies: hostile('dies') }, { handshakeMs: 300 });
    expect((await call('mute', 1)).status).toBe(502);
    let last = await call('dies', 1);
    expect(last.status).toBe(502);
    for (let left = 6; left > 0 && last.status === 502; left--) last = await call('dies', 1);
    expect(last.status).toBe(503);
    expect(JSON.stringify(last.body)).toContain('started again in');
  });

  it('[hosted:bounds] refuses more than it may have under way, and forgets calls whose caller left', async () => {
    suite = await startHostSuite({ hangs: hostile('hangs') }, { maxPending: 4 });
    const leaving = new AbortController();
    const held = Array.from({ length: 4 }, (_, id) =>
      post(
        (suite as HostSuite).url('hangs'),
        { id, method: 'tools/call', params: { name: 'do' } },
        leaving.signal,
      ).catch((error: Error) => error.name),
    );
    const url = suite.url('hangs');
    const status = async () => (await post(url, { id: 9, method: 'tools/list' })).status;
    while ((await status()) !== 429) await new Promise((go) => setTimeout(go, 10));
    leaving.abort();
    expect(await Promise.all(held)).toEqual(Array(4).fill('AbortError'));
    while ((await status()) !== 200) await new Promise((go) => setTimeout(go, 10));
  });

  it('[hosted:on-demand] stops an idle one, keeps its lists, and starts it with the next call', async () => {
    suite = await startHostSuite({ idle: hostile('', { idleMinutes: 1 }) });
    const url = suite.url('idle');
    const first = textOf(await call('idle', 1, 'a'));
    await post(url, { id: 2, method: 'tools/list' });
    const [host] = [...suite.hosts.all()];
    await host?.sweep(Date.now() + 30_000);
    expect(host?.state().is).toBe('running');
    await host?.sweep(Date.now() + 61_000);
    expect(host?.state().is).toBe('idle');
    expect((await post(url, { id: 3, method: 'tools/list' })).body).toMatchObject({
      result: { tools: [{ name: 'do' }] },
    });
    expect(host?.state().is).toBe('idle');
    const second = textOf(await call('idle', 4, 'a'));
    expect(second).toMatch(/^a \d+$/);
    expect(second).not.toBe(first);
  });

  it('[hosted:bridge] ends the process with its resource, and knows no server of another tenant', async () => {
    suite = await startHostSuite({ one: hostile('') });
    const pid = Number(String(textOf(await call('one', 1))).trim());
    const foreign = new URL(suite.url('one').href.replace('/acme/', '/other/'));
    expect((await post(foreign, { id: 1, method: 'tools/list' })).status).toBe(404);
    suite.declare({});
    expect((await call('one', 1)).status).toBe(404);
    const alive = () => {
      try {
        return process.kill(pid, 0);
      } catch {
        return false;
      }
    };
    for (let left = 100; alive() && left > 0; left--) await new Promise((go) => setTimeout(go, 50));
    expect(alive()).toBe(false);
  });
});
