import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type FakeProvider, startFakeProvider } from '../fakes/provider.ts';
import { type HttpClient, httpClient } from '../support/http-client.ts';
import { MODEL_PLANE } from '../support/planes.ts';
import { admin, eventually, PRICE, type ResourceInit, suiteWith, type TestSuite } from '../support/suite.ts';

/** Services of a gate for models alone. */

interface Run {
  readonly records: readonly object[];
}
type Runs = { readonly items: readonly { readonly id: string }[] };

let provider: FakeProvider;
/** The one behind; it alone speaks to the provider. */
let behind: TestSuite;
let front: TestSuite;
const clients = new Map<string, HttpClient>();

const key = (name: string, spec: object): ResourceInit => ({
  kind: 'VirtualKey',
  name,
  spec: { targetSecret: { name: `${name}-key`, key: 'key' }, ...spec },
});
const ADMIN = key('admin', { owner: 'ada', role: 'Admin' });
const EVERYONE: ResourceInit = {
  kind: 'AccessPolicy',
  name: 'everyone',
  spec: { subjects: { everyone: true }, models: ['*'], tools: ['*/*'] },
};
const TOOLS = [{ type: 'function', function: { name: 'look_up', parameters: { type: 'object' } } }];

beforeAll(async () => {
  provider = await startFakeProvider({ key: 'key-of-the-last-provider' });
  const starting = suiteWith(
    [
      { kind: 'Secret', name: 'provider', stringData: { key: 'key-of-the-last-provider' } },
      {
        kind: 'ModelProvider',
        name: 'fake',
        spec: {
          type: 'openai-compatible',
          baseURL: provider.openAiUrl,
          allowPrivateNetwork: true,
          credentials: { secretRef: { name: 'provider', key: 'key' } },
        },
      },
      { kind: 'Model', name: 'plain', spec: { targets: [{ provider: 'fake', model: 'plain' }], price: PRICE } },
      EVERYONE,
      key('dana', { owner: 'dana-there', mayAssert: ['customer', 'tags'] }),
      key('robin', { owner: 'robin-there' }),
      ADMIN,
    ],
    { services: MODEL_PLANE },
  );
  // Both start at once: what the one in front is told of the other comes after.
  [behind, front] = await Promise.all([
    starting,
    suiteWith(
      [
        EVERYONE,
        key('dana', { owner: 'dana', customer: 'acme', teams: ['support'], tags: ['nightly'] }),
        key('robin', { owner: 'robin', customer: 'globex' }),
        key('stranger', { owner: 'sam' }),
        ADMIN,
      ],
      { services: MODEL_PLANE },
    ),
  ]);
  const via = (name: string, more: object = {}): ResourceInit[] => [
    {
      kind: 'ModelProvider',
      name,
      spec: {
        type: 'sallyport',
        baseURL: `${behind.endpoint}/v1`,
        allowPrivateNetwork: true,
        credentials: { perPrincipal: { order: ['User'] } },
        ...more,
      },
    },
    { kind: 'Model', name: `by-${name}`, spec: { targets: [{ provider: name, model: 'plain' }], price: PRICE } },
  ];
  front.apply('upstream', [
    ...via('telling', { attribution: ['User', 'Customer', 'Teams', 'Tags'] }),
    ...via('silent'),
  ]);
  for (const name of ['dana', 'robin', 'stranger']) {
    clients.set(name, httpClient(front.endpoint, await front.keyOf('default', name)));
  }
  const keeper = httpClient(front.endpoint, front.adminKey);
  for (const resource of ['telling', 'silent']) {
    for (const name of ['dana', 'robin']) {
      const value = await behind.keyOf('default', name);
      const body = { kind: 'ModelProvider', resource, owner: 'user', name, value };
      await eventually(
        () => keeper.send('PUT', '/admin/v1/credentials', body),
        ({ status }) => status === 200,
        15_000,
      );
    }
    await eventually(
      () => by('dana').chat(`by-${resource}`),
      ({ status }) => status === 200,
      15_000,
    );
  }
}, 90_000);

afterAll(async () => {
  await Promise.all([front?.end(), behind?.end()]);
  await provider?.close();
}, 30_000);

const by = (name: string) => clients.get(name) as HttpClient;
const runs = async (suite: TestSuite) => (await admin<Runs>(suite, 'trajectories')).items.map(({ id }) => id);

/** The records behind of what `act` did. */
async function recordedBehind(act: () => Promise<{ trajectory: string }>) {
  // What was done before may be recorded a moment later.
  let count = -1;
  await eventually(
    async () => {
      const last = count;
      await new Promise((resolve) => setTimeout(resolve, 150));
      count = (await runs(behind)).length;
      return count === last;
    },
    (still) => still,
  );
  const before = new Set(await runs(behind));
  const answer = await act();
  const [id] = await eventually(
    async () => (await runs(behind)).filter((one) => !before.has(one)),
    (fresh) => fresh.length > 0,
  );
  const run = await eventually(
    () => admin<Run>(behind, `trajectories/${id}`).catch((): Run => ({ records: [] })),
    ({ records }) => records.length > 0,
  );
  return { answer, id: id as string, run };
}

describe('a second Sallyport as upstream', () => {
  it('[import:second-sallyport] is called with the key of each person, and never with that of another', async () => {
    for (const name of ['dana', 'robin']) {
      const { run } = await recordedBehind(() => by(name).chat('by-silent'));
      expect(JSON.stringify(run)).toContain(`${name}-there`);
    }
    const stranger = await by('stranger').chat('by-silent');
    expect([stranger.status, stranger.code]).toEqual([502, 'upstream_credentials']);
  });

  it('[import:second-sallyport] is told who asks where that is opted into, as far as its key may say so', async () => {
    const told = await recordedBehind(() => by('dana').chat('by-telling'));
    expect(JSON.stringify(told.run)).toContain('acme');
    expect(JSON.stringify(told.run)).toContain('nightly');
    expect(JSON.stringify(told.run)).toContain('team:support');
    // Its key asserts no user: who acts there is whose key it is.
    expect(JSON.stringify(told.run)).not.toContain('"dana"');
    const silent = await recordedBehind(() => by('dana').chat('by-silent'));
    expect(JSON.stringify(silent.run)).not.toMatch(/acme|nightly|support/);
    // A key that may assert nothing says nothing of who asks.
    const robins = await recordedBehind(() => by('robin').chat('by-telling'));
    expect(JSON.stringify(robins.run)).not.toContain('globex');
  });

  it('[import:second-sallyport] never learns the run: each has trajectories of its own', async () => {
    provider.clear();
    const { answer, id, run } = await recordedBehind(() => by('dana').chat('by-telling', { stream: true }));
    expect(answer.trajectory).not.toBe('');
    expect(id).not.toBe(answer.trajectory);
    expect(JSON.stringify(run)).not.toContain(answer.trajectory);
    const wire = provider.requests.map(({ headers, body }) => JSON.stringify(headers) + body).join('\n');
    expect(wire).not.toContain(answer.trajectory);
    expect(wire).not.toContain(id);
    expect(wire).not.toMatch(/"sallyport-|nightly|acme/);
  });

  it('[import:second-sallyport] carries streams and tool calls through both gates', async () => {
    const streamed = await by('dana').chat('by-telling', { stream: true });
    const words = [...streamed.text.matchAll(/"content":"([^"]*)"/g)].map(([, text]) => text).join('');
    expect([streamed.status, words]).toEqual([200, 'hello fox']);
    provider.script('plain', { toolCalls: [{ name: 'look_up', arguments: { city: 'Łódź', days: 3 } }] });
    const called = await by('dana').chat('by-telling', { tools: TOOLS });
    const [choice] = called.json<{
      choices: { message: { tool_calls: { function: { arguments: string } }[] } }[];
    }>().choices;
    const [call] = choice?.message.tool_calls ?? [];
    expect(JSON.parse(call?.function.arguments ?? '{}')).toEqual({ city: 'Łódź', days: 3 });
    provider.script('plain', { text: 'hello fox' });
  });
});
