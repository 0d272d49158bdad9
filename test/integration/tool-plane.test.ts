import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type FakeTool, type FakeToolServer, startFakeToolServer } from '../fakes/tool-server.ts';
import { ask, askByteByByte, callText, type McpCaller, opened } from '../support/mcp-caller.ts';
import { seededNumbers } from '../support/seeded.ts';
import { eventually, type ResourceInit, suiteWith, type TestSuite } from '../support/suite.ts';

/** `make tools-test` asks for ten thousand calls of each kind and twenty kills. */
const CALLS = Number(process.env.CALLS ?? 250);
const KILLS = Number(process.env.KILLS ?? 2);
const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);
const PEOPLE = 50;
const AT_ONCE = 5;
const REVISIONS = ['2025-11-25', '2026-07-28'];
const SERVICES = ['audit', 'vault', 'identity', 'operator', 'policy', 'quarantine', 'mcp-broker'] as const;

const random = seededNumbers(SEED);
const said = (text: string) => ({ content: [{ type: 'text' as const, text }] });
const text = { type: 'string' };
/** What was written, by its name, each time that it was. */
const written: string[] = [];
const echo: FakeTool = {
  name: 'echo',
  description: 'Says what it was told, sooner or later.',
  inputSchema: { type: 'object', properties: { canary: text }, required: ['canary'] },
  async run({ canary }) {
    await pause(random() * 8);
    return said(String(canary));
  },
};
const write: FakeTool = {
  name: 'write',
  description: 'Writes something down, slowly.',
  inputSchema: { type: 'object', properties: { what: text }, required: ['what'] },
  async run({ what }) {
    written.push(String(what));
    await pause(20 + random() * 60);
    return said(`wrote ${what}`);
  },
};

const toolServer = (name: string, url: string, more: object = {}): ResourceInit => ({
  kind: 'ToolServer',
  name,
  spec: { remote: { url }, allowPrivateNetwork: true, defaultClass: 'Read', ...more },
});
const key = (name: string, more: object = {}): ResourceInit => ({
  kind: 'VirtualKey',
  name,
  spec: { owner: name, targetSecret: { name: `${name}-key`, key: 'key' }, ...more },
});

let suite: TestSuite;
let servers: FakeToolServer[];
let people: McpCaller[];
const brokerAt = (name: string) => `http://127.0.0.1:${suite.ports[name]?.http}/mcp`;
const named = async (caller: McpCaller, count: number) =>
  await eventually(
    async () => ((await ask(caller, 'tools/list')).result?.tools ?? []).map((tool) => tool.name),
    (names) => names.length >= count,
    30_000,
  );

beforeAll(async () => {
  servers = await Promise.all([
    startFakeToolServer({ tools: [echo, write] }),
    startFakeToolServer({ tools: [echo], revisions: '2025-11-25', sessions: true }),
    startFakeToolServer({ tools: [echo] }),
  ]);
  const [notes, older, dead] = servers as [FakeToolServer, FakeToolServer, FakeToolServer];
  const names = Array.from({ length: PEOPLE }, (_, index) => `person-${index}`);
  suite = await suiteWith(
    [
      toolServer('notes', notes.url, {
        tools: [
          { name: 'echo', class: 'Read' },
          { name: 'write', class: 'Write' },
        ],
      }),
      toolServer('older', older.url),
      { kind: 'AccessPolicy', name: 'all', spec: { subjects: { everyone: true }, tools: ['*/*'] } },
      ...names.map((name) => key(name)),
      key('inner', { tools: ['notes/*', 'older/*'] }),
    ],
    {
      services: SERVICES,
      replicas: { 'mcp-broker': 2 },
      // What policy would say of writing is no question here.
      overrides: { policy: { enforce: false }, 'mcp-broker': { catalog: { refreshInterval: '500ms' } } },
    },
  );
  people = await Promise.all(
    names.map(async (name, index) => ({
      key: await suite.keyOf('default', name),
      url: `${suite.endpoint}/mcp`,
      revision: REVISIONS[index % 2] as string,
    })),
  );
  dead.setFault('hang');
  // The gate behind the gate: the second broker is a tool server of the first, by a key of its own.
  suite.apply('more', [
    toolServer('again', brokerAt('mcp-broker-2'), { credentials: { secretRef: { name: 'again', key: 'token' } } }),
    { kind: 'Secret', name: 'again', stringData: { token: await suite.keyOf('default', 'inner') } },
    toolServer('dead', dead.url),
  ]);
  await named({ ...(people[0] as McpCaller), url: brokerAt('mcp-broker') }, 6);
  people = await Promise.all(people.map(opened));
}, 180_000);
afterAll(async () => {
  await suite?.end();
  await Promise.all((servers ?? []).map((server) => server.close()));
}, 60_000);

/** Everybody at once, each one call after the other with a canary of their own, over tools in turns. */
async function interleaved(tools: readonly string[], at: (person: McpCaller) => McpCaller): Promise<string[]> {
  const each = Math.ceil(CALLS / PEOPLE / AT_ONCE);
  const wrong: string[] = [];
  await Promise.all(
    people.flatMap((person, who) =>
      Array.from({ length: AT_ONCE }, async (_, lane) => {
        for (let call = 0; call < each; call++) {
          const canary = `canary-${who}-${lane}-${call}`;
          const tool = tools[(who + lane + call) % tools.length] as string;
          const got = await callText(at(person), tool, { canary }).catch(String);
          if (got !== canary) wrong.push(`${tool} ${canary}: ${got}`);
        }
      }),
    ),
  );
  return wrong;
}

describe('a gate that many share', () => {
  it('[tool:isolation] gives every caller their own answer, whatever the ids, lines and order', async () => {
    expect(await interleaved(['notes__echo', 'older__echo'], (person) => person)).toEqual([]);
  }, 600_000);

  it('[tool:isolation-series] gives every caller their own answer through two brokers in series', async () => {
    const url = brokerAt('mcp-broker');
    const tools = (await named({ ...(people[1] as McpCaller), url }, 6)).filter((name) => /^again__.*echo/.test(name));
    expect(tools).toHaveLength(2);
    expect(await interleaved(tools, (person) => ({ ...person, url }))).toEqual([]);
  }, 600_000);

  it('[tool:isolation-slow] gives clients that write one byte at a time their own answers', async () => {
    const few = people.slice(0, 6);
    const answers = few.map((person, who) =>
      askByteByByte(person, 'tools/call', { name: 'notes__echo', arguments: { canary: `slow-${who}` } }),
    );
    const texts = (await Promise.all(answers)).map(({ result }) => result?.content?.[0]?.text);
    expect(texts).toEqual(few.map((_, who) => `slow-${who}`));
  }, 60_000);

  it('[tool:list-waits-for-none] lists at once while a server hangs', async () => {
    const began = performance.now();
    const { result } = await ask(people[0] as McpCaller, 'tools/list');
    expect(result?.tools?.map(({ name }) => name)).toEqual(expect.arrayContaining(['notes__echo', 'older__echo']));
    // The server that hangs is given up after seconds; what is listed comes from what is known.
    expect(performance.now() - began).toBeLessThan(2_000);
  });
});

describe('two brokers of which one is killed', () => {
  it(`[tool:killed-broker] answers or fails cleanly, runs nothing twice and keeps sessions (SEED=${SEED})`, async () => {
    written.length = 0;
    const callers = people.slice(0, 12);
    const told = new Map<string, string>();
    for (let round = 0; round < KILLS; round++) {
      const victim = random() < 0.5 ? 'mcp-broker' : 'mcp-broker-2';
      const calls = callers.map(async (person, who) => {
        await pause(random() * 60);
        const what = `round-${round}-${who}`;
        told.set(what, await callText(person, 'notes__write', { what }).catch((error: unknown) => `cut ${error}`));
      });
      await pause(30 + random() * 40);
      await suite.kill(victim);
      await Promise.all(calls);
      // The same session names, at the broker that is left.
      const after = await Promise.all(callers.map((person) => retried(person, `after-${round}`)));
      expect({ round, after }).toEqual({ round, after: callers.map(() => `after-${round}`) });
      await suite.restart(victim);
    }
    const twice = written.filter((what, index) => written.indexOf(what) !== index);
    expect(twice).toEqual([]);
    for (const [what, answer] of told) {
      if (answer === `wrote ${what}`) expect(written).toContain(what);
      else expect(answer).toMatch(/^(cut |error )/);
    }
    expect([...told.values()]).toContainEqual(expect.stringMatching(/^wrote /));
  }, 600_000);
});

/** Asks until the front has seen who is gone: a connection that is cut tells nothing of the call, so the client asks again. */
const retried = (person: McpCaller, canary: string) =>
  eventually(
    () => callText(person, 'notes__echo', { canary }).catch((error: unknown) => `cut ${error}`),
    (got) => got === canary,
    10_000,
  ).catch(String);
