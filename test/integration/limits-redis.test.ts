import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort } from '@sallyport/cli/dev/ports';
import { type FakeProvider, startFakeProvider } from '../fakes/provider.ts';
import { type HttpClient, httpClient } from '../support/http-client.ts';
import { AT_ONCE, LONG, limited, MOST } from '../support/limited-keys.ts';
import { MODEL_PLANE } from '../support/planes.ts';
import { eventually, openHouse, suiteWith, type TestSuite } from '../support/suite.ts';

// `make dev` needs no Redis, so a machine may have none: then these are skipped, and counted as such.
const REDIS = process.env.REDIS_SERVER ?? 'redis-server';
/** A tenth of it is a share: more than one call. */
const MANY = 50;
/** Calls in a row that reach both replicas of policy. */
const IN_A_ROW = 8;
const withRedis = spawnSync(REDIS, ['--version']).status === 0 ? describe : describe.skip;

withRedis('limits counted in Redis by two replicas of policy (skipped where there is no redis-server)', () => {
  let redis: ChildProcess | undefined;
  let port = 0;
  let provider: FakeProvider;
  let shared: TestSuite;

  const startRedis = async () => {
    redis = spawn(REDIS, ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    for await (const line of redis.stdout ?? []) if (String(line).includes('Ready to accept')) break;
  };
  const killRedis = async () => {
    const gone = new Promise((resolve) => redis?.once('exit', resolve));
    redis?.kill('SIGKILL');
    await gone;
  };
  const both = (name: string) =>
    Promise.all(
      ['model-proxy', 'model-proxy-2'].map(async (replica) =>
        httpClient(`http://127.0.0.1:${shared.ports[replica]?.http}`, await shared.keyOf('default', name)),
      ),
    );

  beforeAll(async () => {
    port = await freePort();
    await startRedis();
    provider = await startFakeProvider();
    provider.script('costly', { text: 'gold', usage: { input: 100_000, output: 100 } });
    shared = await suiteWith(
      [
        ...openHouse(provider, ['echo', 'costly']),
        ...limited('crowd', { per: 'Key', requests: MOST, window: LONG }),
        ...limited('rate', { per: 'Key', requests: 1_000, window: LONG }),
        ...limited('money', { per: 'Key', usd: '5', window: LONG }),
        ...limited('money-new', { per: 'Key', usd: '5', window: LONG }),
        ...limited('kept', { per: 'Key', requests: MANY, window: LONG }),
        // Each call is a run of its own: none has a share, and policy is asked.
        ...limited('asking', { per: 'Trajectory', usd: '5' }),
      ],
      {
        services: MODEL_PLANE,
        replicas: { 'model-proxy': 2, policy: 2 },
        overrides: { policy: { redis: { url: `redis://127.0.0.1:${port}` } } },
      },
    );
  }, 120_000);
  afterAll(async () => {
    await shared?.end();
    await killRedis();
    await provider?.close();
  }, 30_000);

  it('[limits:redis-parallel] forty calls at a limit of ten: ten succeed, whoever is asked', async () => {
    const clients = await both('crowd');
    const all = Array.from({ length: AT_ONCE }, (_, i) => clients[i % 2] as HttpClient);
    const answers = await Promise.all(all.map((client) => client.chat('echo')));
    let passed = answers.filter(({ status }) => status === 200).length;
    expect(passed).toBeGreaterThan(0);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 429]));
    for (const client of clients) while ((await client.chat('echo')).status === 200) passed++;
    expect(passed).toBe(MOST);
  });

  /** Resolves once no replica of policy refuses what it cannot count, whichever of model-proxy asks. */
  const counted = async () => {
    for (const client of await both('asking')) {
      let row = 0;
      await eventually(
        async () => {
          row = (await client.chat('echo')).status === 200 ? row + 1 : 0;
          return row;
        },
        (passed) => passed >= IN_A_ROW,
      );
    }
  };

  it('[limits:redis-away] without it money is refused where no share is left, rates are let through, and it counts again after', async () => {
    const [held] = (await both('money')) as [HttpClient];
    const [rate] = (await both('rate')) as [HttpClient];
    const [unheld] = (await both('money-new')) as [HttpClient];
    const [kept] = (await both('kept')) as [HttpClient];
    for (const client of [held, kept]) expect((await client.chat('echo')).status).toBe(200);
    await killRedis();
    // Out of the share that the replica has leased.
    for (const client of [held, kept]) expect((await client.chat('echo')).status).toBe(200);
    expect((await rate.chat('echo')).status).toBe(200);
    const refused = await unheld.chat('echo');
    expect([refused.status, refused.code]).toEqual([503, 'unavailable']);
    await startRedis();
    await counted();
    expect((await unheld.chat('costly')).status).toBe(200);
    // Spending is reported every 250 ms: by now the replicas know that what they leased is leased no more.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    // Redis came back empty: what was counted in it is gone, what is counted from now on holds.
    const passing = async (client: HttpClient) => {
      let passed = 0;
      while ((await client.chat('echo')).status === 200) passed++;
      return passed;
    };
    const [again] = (await both('crowd')) as [HttpClient];
    expect(await passing(again)).toBe(MOST);
    expect(await passing(kept)).toBe(MANY);
  }, 60_000);
});
