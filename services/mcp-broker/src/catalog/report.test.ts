import { describe, expect, it } from '@jest/globals';
import { sha256 } from '../digests.ts';
import { untilTrue } from '../testing/broker.ts';
import { manyServers } from '../testing/many-servers.ts';
import { readDefinitions } from './definition.ts';
import { reportServers } from './report.ts';
import { inSlices } from './slices.ts';

const SERVERS = 100;
const TOOLS = 30;

function offered(server: number, more = '') {
  const tools = Array.from({ length: TOOLS }, (_, n) => ({
    name: `tool_${server}_${n}`,
    description: `Does ${n}.${more}`,
    inputSchema: { type: 'object' },
  }));
  const { definitions, dropped } = readDefinitions(sha256, tools);
  return { definitions, dropped, pins: new Map([...definitions].map(([name, { digest }]) => [name, digest])) };
}

describe('what the operator is told of tool servers', () => {
  it('[catalog:report-slices] is told in small messages, in slices, and after a change of that alone', async () => {
    const { catalog, metrics, log } = manyServers(SERVERS);
    for (let n = 0; n < SERVERS; n++) catalog.listed(`uid-${n}`, offered(n));
    const messages: string[][] = [];
    let failing = false;
    const reporter = reportServers({
      client: {
        report: async ({ observations = [] }: { observations?: { name?: string }[] }) => {
          if (failing) throw new Error('away');
          messages.push(observations.map(({ name }) => name ?? ''));
          return {} as never;
        },
      } as never,
      catalog,
      recorder: { append: () => undefined },
      toolsets: { all: () => [], onChange: () => undefined },
      metrics,
      attempt: () => ({ generation: 1 }),
      reporter: 'test',
      intervalMs: 600_000,
      log,
    });
    const told = () => messages.flat();
    reporter.start?.();
    await untilTrue(() => told().length === SERVERS);
    expect(new Set(told()).size).toBe(SERVERS);
    for (const one of messages) expect(one.length).toBeLessThanOrEqual(32);

    messages.length = 0;
    catalog.listed('uid-7', offered(7, ' See tool_8_1.'));
    reporter.soon();
    await untilTrue(() => told().length > 0);
    expect(told()).toEqual(['server-7']);
    expect((await catalog.suspicions('uid-7')).get('tool_7_0')).toEqual([
      { code: 'OtherServersTool', at: '/description' },
    ]);

    // What did not arrive is said again.
    failing = true;
    catalog.listed('uid-9', offered(9, ' Anew.'));
    reporter.soon();
    await new Promise((resolve) => setTimeout(resolve, 300));
    failing = false;
    messages.length = 0;
    reporter.soon();
    await untilTrue(() => told().length > 0);
    expect(told()).toEqual(['server-9']);
    await reporter.stop();
  });

  it('[catalog:report-slices] what is looked for beside all tools of a tenant leaves room for others', async () => {
    const { catalog, items } = manyServers(SERVERS);
    for (let n = 0; n < SERVERS; n++) catalog.listed(`uid-${n}`, offered(n));
    const all = await Promise.all(items.map(({ uid }) => catalog.suspicions(uid)));
    expect(all).toHaveLength(SERVERS);
    expect(await catalog.suspicions('uid-1')).toBe(all[1]);
  });

  it('[catalog:report-slices] many pieces of work at once leave as much room as one', async () => {
    const turns: number[] = [];
    let turn = 0;
    let going = true;
    const next = () => {
      turn++;
      if (going) setImmediate(next);
    };
    setImmediate(next);
    // Each yields after two milliseconds: in a turn of ten there is time for few of them.
    const work = function* (): Generator<undefined, number> {
      for (const until = performance.now() + 2; performance.now() < until; ) Math.sqrt(2);
      turns.push(turn);
      yield;
      return turn;
    };
    await Promise.all(Array.from({ length: 60 }, () => inSlices(work())));
    going = false;
    const most = Math.max(...[...Map.groupBy(turns, (one) => one).values()].map(({ length }) => length));
    expect(most).toBeLessThanOrEqual(6);
    const fails = function* (): Generator<undefined, number> {
      yield;
      throw new Error('not today');
    };
    await expect(inSlices(fails())).rejects.toThrow('not today');
  });
});
