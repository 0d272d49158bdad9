import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type FakeProvider, startFakeProvider } from '../fakes/provider.ts';
import { returns } from '../fakes/tool-answers.ts';
import { type FakeToolServer, startFakeToolServer } from '../fakes/tool-server.ts';
import { type HttpAnswer, type HttpClient, httpClient } from '../support/http-client.ts';
import { AT_ONCE, anthropicLoop, key, LONG, limit, limited, MOST, openAiLoop } from '../support/limited-keys.ts';
import { admin, eventually, openHouse, suiteWith, type TestSuite } from '../support/suite.ts';

const MODELS = ['echo', 'slow', 'costly', 'wordy', 'looper', 'looper-costly', 'mcp-looper', 'mcp-looper-costly'];
const CHEAP = { input: 100, output: 10 };
/** A tenth of a dollar and a little. */
const COSTLY = { input: 100_000, output: 100 };

let provider: FakeProvider;
let tools: FakeToolServer;
let suite: TestSuite;

beforeAll(async () => {
  provider = await startFakeProvider();
  // Longer than it takes six calls to come.
  provider.script('slow', { text: 'at last', delayMs: 2_000 });
  provider.script('costly', { text: 'gold', usage: { input: 100_000, output: 100 } });
  provider.script('wordy', { text: 'words', usage: { input: 900, output: 300 } });
  // A model that wants its tool again, whatever it is told.
  let calls = 0;
  const loops = (name: string, usage: { input: number; output: number }) => () => ({
    toolCalls: [{ id: `call_${calls++}`, name, arguments: { page: 1 } }],
    usage,
  });
  provider.script('looper', loops('list_things', CHEAP));
  provider.script('looper-costly', loops('list_things', COSTLY));
  provider.script('mcp-looper', loops('things__list_things', CHEAP));
  provider.script('mcp-looper-costly', loops('things__list_things', COSTLY));
  tools = await startFakeToolServer({ tools: [{ name: 'list_things', run: returns({ things: ['a', 'b'] }) }] });
  suite = await suiteWith(
    [
      ...openHouse(provider, MODELS, { firstByteSeconds: 5 }),
      // Without it a function of a client counts as egress and is refused as soon as its first result came back.
      {
        kind: 'ToolPolicy',
        name: 'reading',
        spec: { clientTools: [{ client: '*', tool: 'list_things' }], class: 'Read' },
      },
      {
        kind: 'ToolServer',
        name: 'things',
        spec: {
          remote: { url: tools.url },
          allowPrivateNetwork: true,
          tools: [{ name: 'list_things', class: 'Read' }],
        },
      },
      ...limited('requests', { per: 'Key', requests: 3, window: LONG }),
      ...limited('short', { per: 'Key', requests: 2, window: '3s' }),
      ...limited('tokens', { per: 'Key', tokens: 3_000, window: LONG }),
      ...limited('money', { per: 'Key', usd: '0.35', window: LONG }),
      ...limited('busy', { per: 'Key', concurrency: 2 }),
      ...limited('crowd', { per: 'Key', requests: MOST, window: LONG }),
      ...limited('crowds', { per: 'Key', requests: MOST, window: LONG }),
      ...limited('agent-steps', { per: 'Trajectory', steps: 6 }),
      ...limited('agent-money', { per: 'Trajectory', usd: '0.35' }),
      { kind: 'VirtualKey', name: 'raised', spec: key('raised') },
    ],
    {
      services: ['audit', 'vault', 'identity', 'operator', 'policy', 'mcp-broker', 'model-proxy', 'console'],
      replicas: { 'model-proxy': 2 },
    },
  );
  suite.apply('raised', [limit('raised', { per: 'Key', requests: 2, window: LONG })]);
}, 120_000);

afterAll(async () => {
  await suite?.end();
  await Promise.all([provider?.close(), tools?.close()]);
}, 30_000);

const clientOf = async (name: string, replica = 'model-proxy') =>
  httpClient(`http://127.0.0.1:${suite.ports[replica]?.http}`, await suite.keyOf('default', name));

const statuses = (answers: readonly HttpAnswer[]) => answers.map(({ status }) => status);

describe('an agent in a loop', () => {
  it.each([
    ['chat completions', openAiLoop],
    ['messages', anthropicLoop],
  ])('[limits:steps] over %s is stopped by the steps of its run, and another run goes on', async (_name, loop) => {
    const client = await clientOf('agent-steps');
    for (let run = 0; run < 2; run++) {
      const { rounds, refusal, trajectory } = await loop(client, 'looper');
      // A step is a model call or a tool call: three of each.
      expect(rounds).toBe(3);
      expect([refusal.status, refusal.code]).toEqual([429, 'step_limit']);
      expect(refusal.text).toContain('agent-steps/steps');
      const { records } = await runOf(trajectory, refusedFor('step_limit'));
      expect(records.filter(({ outcome }) => outcome === 'ok')).toHaveLength(6);
    }
  });

  it.each([
    ['chat completions', openAiLoop, 'insufficient_quota'],
    ['messages', anthropicLoop, 'billing_error'],
  ])('[limits:money] over %s is stopped by the money of its run', async (_name, loop, type) => {
    const { rounds, refusal, trajectory } = await loop(await clientOf('agent-money'), 'looper-costly');
    // A call costs 0.1002 dollars, which is known only afterwards: the one that goes beyond 0.35 is the last.
    expect(rounds).toBe(4);
    expect([refusal.status, refusal.code]).toEqual([402, 'budget_exceeded']);
    expect(refusal.json<{ error: { type: string } }>().error.type).toBe(type);
    const told = await runOf(trajectory, refusedFor('budget_exceeded'));
    expect(told.costNanoUsd).toBe(4 * 100_200_000);
  });
});

describe('a loop that the gateway runs itself', () => {
  const ask = { tools: [{ type: 'mcp', server_label: 'things' }] };

  it('[limits:steps-gateway] ends within one request when the steps of the run are used up', async () => {
    const client = await clientOf('agent-steps');
    await toolsAreThere(client);
    tools.calls.length = 0;
    const refusal = await client.chat('mcp-looper', ask);
    expect([refusal.status, refusal.code]).toEqual([429, 'step_limit']);
    expect(tools.calls).toHaveLength(3);
    const { records } = await runOf(refusal.trajectory, refusedFor('step_limit'));
    expect(records.filter(({ kind, outcome }) => kind === 'model_call' && outcome === 'ok')).toHaveLength(3);
    const streamed = await client.chat('mcp-looper', { ...ask, stream: true });
    expect(streamed.text).toContain('"code":"step_limit"');
  });

  it('[limits:money-gateway] ends within one request when the money of the run is spent', async () => {
    const client = await clientOf('agent-money');
    await toolsAreThere(client);
    const refusal = await client.chat('mcp-looper-costly', ask);
    expect([refusal.status, refusal.code]).toEqual([402, 'budget_exceeded']);
    const told = await runOf(refusal.trajectory, refusedFor('budget_exceeded'));
    expect(told.costNanoUsd).toBe(4 * 100_200_000);
  });
});

describe('limits of a key', () => {
  it('[limits:requests] refuses what is beyond, says when to come back and records it', async () => {
    const client = await clientOf('requests');
    const answers = [];
    for (let i = 0; i < 5; i++) answers.push(await client.chat('echo'));
    expect(statuses(answers)).toEqual([200, 200, 200, 429, 429]);
    const [refusal] = answers.slice(-1) as [HttpAnswer];
    expect(refusal.code).toBe('rate_limited');
    expect(Number(refusal.headers.get('retry-after'))).toBeGreaterThan(0);
    const inAnthropic = await client.messages('echo');
    expect(inAnthropic.json()).toMatchObject({
      type: 'error',
      error: { type: 'rate_limit_error', code: 'rate_limited' },
    });
    const told = await runOf(refusal.trajectory, ({ records }) => records.length > 0);
    expect(told.records).toHaveLength(1);
    expect(told.records[0]).toMatchObject({ errorCode: 'rate_limited', httpStatus: 429 });
  });

  it('[limits:retry-after] lets the key through again when the time it named is over', async () => {
    const client = await clientOf('short');
    // Two windows may be touched before one is used up.
    const refusal = await eventually(
      () => client.chat('echo'),
      ({ status }) => status === 429,
    );
    const seconds = Number(refusal.headers.get('retry-after'));
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThanOrEqual(3);
    await pause(seconds * 1_000);
    expect((await client.chat('echo')).status).toBe(200);
  });

  it('[limits:tokens] counts the tokens that were really used', async () => {
    const client = await clientOf('tokens');
    const answers = [];
    for (let i = 0; i < 4; i++) answers.push(await client.chat('wordy'));
    // 1,200 each: the third is let in at 2,400 and goes beyond 3,000.
    expect(statuses(answers)).toEqual([200, 200, 200, 429]);
    expect(answers.at(-1)?.text).toContain('tokens/tokens');
  });

  it('[limits:money-per-key] counts what calls really cost', async () => {
    const client = await clientOf('money');
    const answers = [];
    for (let i = 0; i < 5; i++) answers.push(await client.chat('costly'));
    expect(statuses(answers)).toEqual([200, 200, 200, 200, 402]);
  });

  it('[limits:concurrency] lets as many at once as it says, on two replicas together, and again when they are done', async () => {
    const both = [await clientOf('busy'), await clientOf('busy', 'model-proxy-2')];
    for (let round = 0; round < 2; round++) {
      const answers = await Promise.all([...both, ...both, ...both].map((client) => client.chat('slow')));
      const let_in = answers.filter(({ status }) => status === 200);
      expect(let_in.length).toBe(2);
      for (const { status, code } of answers.filter((one) => !let_in.includes(one))) {
        expect([status, code]).toEqual([429, 'rate_limited']);
      }
    }
    // What a client leaves is given back too.
    const leaving = new AbortController();
    const left = both.map((client) => client.chat('slow', {}, { signal: leaving.signal }).catch(() => undefined));
    await pause(150);
    leaving.abort();
    await Promise.all(left);
    for (const client of both) {
      await eventually(
        () => client.chat('slow'),
        ({ status }) => status === 200,
      );
    }
  });
});

describe('many at once', () => {
  it('[limits:parallel] forty calls at a limit of ten: ten succeed on one replica', async () => {
    const client = await clientOf('crowd');
    const answers = await Promise.all(Array.from({ length: AT_ONCE }, () => client.chat('echo')));
    const passed = answers.filter(({ status }) => status === 200).length;
    expect(passed).toBeLessThanOrEqual(MOST);
    expect(passed).toBeGreaterThan(0);
    expect(new Set(statuses(answers))).toEqual(new Set([200, 429]));
    // None of the ten is lost to the crowd: those refused for it alone are let in later.
    let later = 0;
    while ((await client.chat('echo')).status === 200) later++;
    expect(passed + later).toBe(MOST);
  });

  it('[limits:parallel-replicas] the bound is the same on two replicas: shares are granted out of the one counter', async () => {
    const both = [await clientOf('crowds'), await clientOf('crowds', 'model-proxy-2')];
    const all = Array.from({ length: AT_ONCE }, (_, i) => both[i % 2] as HttpClient);
    const answers = await Promise.all(all.map((client) => client.chat('echo')));
    const passed = answers.filter(({ status }) => status === 200).length;
    expect(passed).toBeLessThanOrEqual(MOST);
    expect(passed).toBeGreaterThan(0);
    expect(new Set(statuses(answers))).toEqual(new Set([200, 429]));
  });

  it('[limits:raised] a limit raised in YAML holds at once and keeps what was used', async () => {
    const both = [await clientOf('raised'), await clientOf('raised', 'model-proxy-2')];
    const use = async () => {
      let passed = 0;
      for (const client of both) while ((await client.chat('echo')).status === 200) passed++;
      return passed;
    };
    let used = await eventually(use, () => true);
    expect(used).toBe(2);
    suite.apply('raised', [limit('raised', { per: 'Key', requests: 7, window: LONG })]);
    await eventually(
      async () => {
        used += await use();
        return used;
      },
      (sum) => sum >= 7,
    );
    expect(used).toBe(7);
    suite.apply('raised', [limit('raised', { per: 'Key', requests: 1, window: LONG })]);
    await pause(300);
    expect(await use()).toBe(0);
  });
});

interface Run {
  readonly costNanoUsd: number;
  readonly records: {
    readonly kind: string;
    readonly outcome: string;
    readonly errorCode?: string;
    readonly httpStatus?: number;
  }[];
}

function runOf(trajectory: string, satisfies: (run: Run) => boolean): Promise<Run> {
  const nothing: Run = { costNanoUsd: 0, records: [] };
  return eventually(() => admin<Run>(suite, `trajectories/${trajectory}`).catch(() => nothing), satisfies);
}

const refusedFor = (code: string) => (run: Run) => run.records.some(({ errorCode }) => errorCode === code);

/** Waits until the broker has listed the tools. */
const toolsAreThere = (client: HttpClient) =>
  eventually(
    () => client.chat('echo', { tools: [{ type: 'mcp', server_label: 'things' }] }),
    ({ status }) => status === 200,
  );
