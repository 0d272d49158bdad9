import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { importLiteLlm } from '@sallyport/cli/import/litellm/import-config';
import { filesOf } from '@sallyport/cli/import/manifest';
import { lintFiles } from '@sallyport/cli/lint';
import { parse, stringify } from 'yaml';
import { type FakeProvider, startFakeProvider } from '../fakes/provider.ts';
import { type HttpClient, httpClient } from '../support/http-client.ts';
import { type LiteLlm, liteLlmMissing, startLiteLlm } from '../support/litellm.ts';
import { admin, eventually, suiteWith, type TestSuite } from '../support/suite.ts';

const missing = liteLlmMissing();
const described = missing === undefined ? describe : describe.skip;
if (missing !== undefined) console.log(`skipped: ${missing}`);

const MASTER = 'sk-litellm-master-0123456789';
const keyAtLiteLlm = (user: string) => `sk-upstream-of-${user}-0123456789`;
const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
const THIRTY = read('../../services/cli/src/import/litellm/fixtures/thirty-models.yaml');
/** Names of which several deployments share the requests; so many are sent to each. */
const SHARED = ['gpt-4o', 'gpt-4o-mini', 'gpt-4', 'gpt-5', 'claude-haiku', 'llama-70b'];
const DRAWS = 40;

interface Run {
  readonly records: { kind: string; provider: string; model: string; inputTokens: number }[];
}

interface Spent {
  readonly user: string;
  readonly customer: string;
  readonly tags: string[];
  readonly spent: unknown;
  readonly model: string;
  readonly stream: boolean;
  readonly headers: string[];
}

described('a real LiteLLM proxy', () => {
  let provider: FakeProvider;
  let litellm: LiteLlm;
  let suite: TestSuite;
  let master: HttpClient;
  const clients = new Map<string, HttpClient>();
  const groups: string[] = [];

  beforeAll(async () => {
    provider = await startFakeProvider();
    const config = parse(THIRTY.replaceAll('http://provider.example:9000', provider.url));
    groups.push(
      ...new Set((config.model_list as { model_name: string }[]).map(({ model_name: name }) => name)),
      'gpt-4',
    );
    const { manifests } = importLiteLlm(config);
    const faults = lintFiles([...filesOf(manifests)].map(([path, text]) => ({ path, text })));
    if (faults.length > 0) throw new Error(JSON.stringify(faults));
    config.general_settings.custom_auth = 'house_hooks.user_api_key_auth';
    config.litellm_settings.callbacks = 'house_hooks.spent';
    const key = (name: string, fields: object) => ({
      kind: 'VirtualKey',
      name,
      spec: { targetSecret: { name: `${name}-key`, key: 'key' }, ...fields },
    });
    const told = { customer: 'acme', teams: ['support'], tags: ['nightly'] };
    [litellm, suite] = await Promise.all([
      startLiteLlm(stringify(config), { 'house_hooks.py': read('./house_hooks.py') }),
      suiteWith([
        ...manifests,
        key('demo', { owner: 'dana', ...told }),
        key('robin', { owner: 'robin' }),
        key('stranger', { owner: 'sam' }),
        key('admin', { owner: 'ada', role: 'Admin' }),
        { kind: 'AccessPolicy', name: 'through', spec: { subjects: { everyone: true }, models: ['through-*'] } },
      ]),
    ]);
    suite.apply('upstream', [
      {
        kind: 'ModelProvider',
        name: 'their-litellm',
        spec: {
          type: 'litellm',
          baseURL: `${litellm.origin}/v1`,
          allowPrivateNetwork: true,
          credentials: { perPrincipal: { order: ['User'] } },
          attribution: ['User', 'Customer', 'Teams', 'Tags'],
        },
      },
      {
        kind: 'Model',
        name: 'through-litellm',
        spec: { targets: [{ provider: 'their-litellm', model: 'o4-mini' }], retry: { attempts: 0 } },
      },
    ]);
    master = httpClient(litellm.origin, MASTER);
    for (const name of ['demo', 'robin', 'stranger']) {
      clients.set(name, httpClient(suite.endpoint, await suite.keyOf('default', name)));
    }
    const keeper = httpClient(suite.endpoint, suite.adminKey);
    for (const name of ['dana', 'robin']) {
      const body = { kind: 'ModelProvider', resource: 'their-litellm', owner: 'user', name, value: keyAtLiteLlm(name) };
      await eventually(
        () => keeper.send('PUT', '/admin/v1/credentials', body),
        ({ status }) => status === 200,
        15_000,
      );
    }
    await eventually(
      () => ask('demo', 'through-litellm', { messages: [{ role: 'user', content: 'warm' }] }),
      ({ status }) => status === 200,
      20_000,
    );
  }, 240_000);
  afterAll(async () => {
    await suite?.end();
    await litellm?.stop();
    await provider?.close();
  }, 60_000);

  const ask = (name: string, model: string, fields: object = {}) =>
    (clients.get(name) as HttpClient).chat(model, fields);
  const spent = (): Spent[] => {
    const file = join(litellm.folder, 'spent.jsonl');
    if (!existsSync(file)) return [];
    return readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  };

  it('[import:litellm-upstream] is called with the key of each person, and told who asks but not the run', async () => {
    for (const name of ['demo', 'robin']) {
      const answer = await ask(name, 'through-litellm');
      expect([answer.status, answer.text]).toEqual([200, expect.stringContaining('hello fox')]);
    }
    const lines = await eventually(
      async () => spent().filter(({ model }) => model === 'o4-mini'),
      (all) => all.some(({ user }) => user === 'robin-there'),
      15_000,
    );
    const ofDana = lines.filter(({ user }) => user === 'dana-there').at(-1);
    expect(ofDana).toMatchObject({
      customer: 'acme',
      tags: expect.arrayContaining(['nightly']),
      spent: { user: 'dana', team: 'support' },
    });
    for (const { headers } of lines) expect(headers.filter((name) => name.startsWith('sallyport'))).toEqual([]);
    // Who has no key there is not served with that of another.
    const stranger = await ask('stranger', 'through-litellm');
    expect([stranger.status, stranger.code]).toEqual([502, 'upstream_credentials']);
  });

  it('[import:litellm-upstream] streams, and has tools called with arguments in pieces', async () => {
    const streamed = await ask('demo', 'through-litellm', { stream: true });
    expect(streamed.status).toBe(200);
    expect(textOf(streamed.text)).toBe('hello fox');
    expect(streamed.text).toContain('data: [DONE]');

    provider.script('o4-mini', {
      toolCalls: [
        { name: 'look_up', arguments: { city: 'Köln', days: 3 } },
        { name: 'look_up', arguments: { city: 'Łódź', days: 1 } },
      ],
    });
    const tools = [{ type: 'function', function: { name: 'look_up', parameters: { type: 'object' } } }];
    const whole = await ask('demo', 'through-litellm', { tools });
    const calls = whole.json<{
      choices: { finish_reason: string; message: { tool_calls: { function: { arguments: string } }[] } }[];
    }>().choices[0];
    expect(calls?.finish_reason).toBe('tool_calls');
    expect(calls?.message.tool_calls.map((call) => JSON.parse(call.function.arguments))).toEqual([
      { city: 'Köln', days: 3 },
      { city: 'Łódź', days: 1 },
    ]);
    const inPieces = await ask('demo', 'through-litellm', { tools, stream: true });
    const pieces = new Map<number, string>();
    for (const { delta } of chunksOf(inPieces.text)) {
      for (const call of delta?.tool_calls ?? []) {
        pieces.set(call.index, (pieces.get(call.index) ?? '') + (call.function?.arguments ?? ''));
      }
    }
    expect([...pieces.values()].map((text) => JSON.parse(text))).toEqual([
      { city: 'Köln', days: 3 },
      { city: 'Łódź', days: 1 },
    ]);
    provider.script('o4-mini', { text: 'hello fox' });
  });

  it('[import:litellm-upstream] has what it served in our records, with its usage', async () => {
    const answer = await ask('demo', 'through-litellm');
    const { records } = await eventually(
      () => admin<Run>(suite, `trajectories/${answer.trajectory}`).catch((): Run => ({ records: [] })),
      (run) => run.records.length > 0,
    );
    expect(records).toMatchObject([{ kind: 'model_call', provider: 'their-litellm', model: 'through-litellm' }]);
    expect(records[0]?.inputTokens).toBeGreaterThan(0);
  });

  it('[import:live] reaches the same models of a provider as its imported config does, for each name', async () => {
    const theirs = new Map<string, string[]>();
    const ours = new Map<string, string[]>();
    for (const group of groups) {
      if (SHARED.includes(group)) continue;
      theirs.set(group, await reached(master, group));
      ours.set(group, await reached(clients.get('demo') as HttpClient, group));
    }
    expect(Object.fromEntries(ours)).toEqual(Object.fromEntries(theirs));
    expect(theirs.get('grok-beta')?.at(-1)).toBe('glm-4.6');
    expect(theirs.get('fragile')?.at(-1)).toBe('Qwen/Qwen3-32B');
  }, 120_000);

  it('[import:live] shares requests among the same models of a provider, about alike', async () => {
    for (const group of SHARED) {
      const [there, here] = [await drawn(master, group), await drawn(clients.get('demo') as HttpClient, group)];
      expect([group, [...here.keys()].sort()]).toEqual([group, [...there.keys()].sort()]);
      for (const [model, count] of there) expect(Math.abs((here.get(model) ?? 0) - count)).toBeLessThan(DRAWS * 0.45);
    }
  }, 120_000);

  /** Models of the provider that a request to a name reached, each once, in order. */
  async function reached(client: HttpClient, model: string): Promise<string[]> {
    const mark = `mark ${Math.random()}`;
    const answer = await client.chat(model, { messages: [{ role: 'user', content: mark }] });
    if (answer.status !== 200) throw new Error(`${model}: ${answer.status} ${answer.text.slice(0, 500)}`);
    const calls = provider.requests.filter(({ body }) => body.includes(mark));
    return [...new Set(calls.map(({ json }) => (json as { model: string }).model))];
  }

  async function drawn(client: HttpClient, group: string): Promise<Map<string, number>> {
    const counts = new Map<string, number>();
    for (let draw = 0; draw < DRAWS; draw++) {
      const model = (await reached(client, group)).at(-1) as string;
      counts.set(model, (counts.get(model) ?? 0) + 1);
    }
    return counts;
  }
});

interface Delta {
  readonly content?: string | null;
  readonly tool_calls?: { index: number; function?: { arguments?: string } }[];
}

function chunksOf(stream: string): { delta?: Delta }[] {
  return stream
    .split('\n')
    .filter((line) => line.startsWith('data: {'))
    .flatMap((line) => (JSON.parse(line.slice(6)) as { choices?: { delta?: Delta }[] }).choices ?? []);
}

function textOf(stream: string): string {
  return chunksOf(stream)
    .map(({ delta }) => delta?.content ?? '')
    .join('');
}
