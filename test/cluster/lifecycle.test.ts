import { join } from 'node:path';
import Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import OpenAI from 'openai';
import { callAsTwo, callServers, comeBack, holdAccounts, holdHostile, hostServers, keepAndRemove } from './hosted.ts';
import { installArguments, kindsIn, prepareCluster, restoreCluster, USER_KINDS } from './install.ts';
import {
  cluster,
  diagnosis,
  eventually,
  hostingServices,
  kubectl,
  kubectlBeside,
  NAMESPACE,
  names,
  RELEASE,
  run,
  secretValue,
  services,
} from './kube.ts';
import { admin, missingRecords, startLoad } from './load.ts';

const onCluster = cluster === undefined ? describe.skip : describe;
const samples = join(import.meta.dirname, '../../deploy/samples');
const pods = `app.kubernetes.io/instance=${RELEASE},app.kubernetes.io/component notin (migrate,bootstrap)`;

let shown = false;
let broken: string | undefined;
let key = '';
let adminKey = '';
const endpoint = cluster?.endpoint ?? '';

/**
 * A test that the next ones stand on. After the first failure the pods are shown; without an installed release with
 * its samples (`first`), there is nothing to wait for in the others.
 */
function step(name: string, body: () => Promise<void>, timeoutMs: number, first = false): void {
  const inOrder = async () => {
    if (broken !== undefined) throw new Error(`Not tried, since this failed: ${broken}`);
    try {
      await body();
    } catch (error) {
      if (!shown) process.stderr.write(`${diagnosis()}\n`);
      shown = true;
      if (first) broken = name;
      throw error;
    }
  };
  it(name, inOrder, timeoutMs);
}

onCluster('a release on a real cluster', () => {
  beforeAll(() => prepareCluster(), 120_000);
  afterAll(() => restoreCluster(), 180_000);

  step(
    '[cluster:install] is installed into a restricted namespace, and all pods become ready',
    async () => {
      run('helm', ['install', RELEASE, ...installArguments(), '--wait', '--timeout', '5m']);
      kubectl('-n', NAMESPACE, 'wait', '--for=condition=Ready', 'pod', '-l', pods, '--timeout=60s');
      expect(names('-n', NAMESPACE, 'pods', '-l', pods)).toHaveLength(services.length + hostingServices.length + 1);
      const jobs = kubectl('-n', NAMESPACE, 'wait', '--for=condition=Complete', 'job', '--all', '--timeout=30s');
      expect(jobs.trim().split('\n')).toHaveLength(2);
    },
    420_000,
    true,
  );

  step(
    '[cluster:samples] makes every kind of the samples Ready',
    async () => {
      kubectl('apply', '-f', samples);
      const sampled = kindsIn(samples);
      expect(sampled.length).toBeGreaterThan(6);
      const waited = kubectl('wait', '--for=condition=Ready', '--all', '--timeout=90s', sampled.join());
      for (const kind of sampled)
        for (const name of [names(kind)[0]]) expect(waited).toContain(`${name} condition met`);
      key = await secretValue('default', 'demo-key', 'key');
      adminKey = await secretValue('default', 'admin-key', 'key');
    },
    150_000,
    true,
  );

  step(
    '[cluster:openai] answers an OpenAI SDK through the Ingress, and records it',
    async () => {
      const openai = new OpenAI({ baseURL: `${endpoint}/v1`, apiKey: key, maxRetries: 0 });
      const ask = () =>
        openai.chat.completions
          .create({ model: 'demo-assistant', messages: [{ role: 'user', content: 'Hello' }] })
          .withResponse();
      // The samples are Ready when they are compiled; the gates hear of it a moment later.
      const { data, response } = await eventually('the first answer', 20, ask);
      expect(data.choices[0]?.message.content).toEqual(expect.stringContaining('Hello'));
      expect(response.headers.get('sallyport-cost-usd')).toMatch(/^0\.\d+$/);
      const id = response.headers.get('sallyport-trajectory') ?? '';
      await eventually('its record', 10, async () =>
        expect(await missingRecords(endpoint, adminKey, [id], 'model_call')).toEqual([]),
      );
    },
    60_000,
  );

  step(
    '[cluster:stream] streams piece by piece through the Ingress',
    async () => {
      const openai = new OpenAI({ baseURL: `${endpoint}/v1`, apiKey: key, maxRetries: 0 });
      const messages = [{ role: 'user' as const, content: 'one two three four five six' }];
      const stream = await openai.chat.completions.create({ model: 'demo-echo', messages, stream: true });
      const pieces: string[] = [];
      for await (const chunk of stream) pieces.push(chunk.choices[0]?.delta.content ?? '');
      expect(pieces.filter((piece) => piece !== '').length).toBeGreaterThan(1);
      expect(pieces.join('')).toContain('three');
    },
    30_000,
  );

  step(
    '[cluster:anthropic] answers an Anthropic SDK through the Ingress',
    async () => {
      const anthropic = new Anthropic({ baseURL: `${endpoint}/anthropic`, apiKey: key, maxRetries: 0 });
      const messages = [{ role: 'user' as const, content: 'Hello' }];
      const answer = await anthropic.messages.create({ model: 'claude-demo', max_tokens: 64, messages });
      expect(answer.content[0]).toMatchObject({ type: 'text' });
      expect(answer.usage.output_tokens).toBeGreaterThan(0);
    },
    30_000,
  );

  step(
    '[cluster:mcp] serves an MCP client through the Ingress',
    async () => {
      const client = new Client({ name: 'cluster-test', version: '0' });
      const requestInit = { headers: { authorization: `Bearer ${key}` } };
      await client.connect(new StreamableHTTPClientTransport(new URL(`${endpoint}/mcp`), { requestInit }));
      const { tools } = await client.listTools();
      expect(tools.map(({ name }) => name)).toEqual(
        expect.arrayContaining(['calendar__list_events', 'mailbox__read_mail']),
      );
      const result = await client.callTool({ name: 'calendar__list_events', arguments: {} });
      expect(result.isError ?? false).toBe(false);
      expect(JSON.stringify(result.structuredContent)).toContain('Planning meeting');
      await client.close();
    },
    30_000,
  );

  const hosts = cluster?.hostedImage !== undefined;
  if (hosts) {
    step('[cluster:hosted] hosts servers of npm over stdio and over HTTP, and one of Python', hostServers, 150_000);
    step('[cluster:hosted] serves their tools through the Ingress', () => callServers(endpoint, key), 60_000);
    step('[cluster:principals] serves two principals from a pod each', () => callAsTwo(endpoint, key), 120_000);
    step('[cluster:hosted] holds the account of mcp-host to hosted servers', async () => holdAccounts(), 30_000);
    step(
      '[cluster:hostile] holds a hostile server: what it tries fails, in its status and in the records',
      () => holdHostile(endpoint, key),
      120_000,
    );
  }

  for (const service of services) {
    step(
      `[cluster:kill] loses no acknowledged record when a pod of ${service} is killed`,
      async () => {
        const usage = () =>
          admin<{ rows: { requests: number }[] }>(endpoint, adminKey, 'usage?groupBy=model').then(({ rows }) =>
            rows.reduce((sum, { requests }) => sum + requests, 0),
          );
        const before = await eventually('the admin API', 30, usage);
        const load = startLoad(endpoint, key);
        try {
          await eventually('load', 30, () => expect(load.acknowledged.length).toBeGreaterThan(5));
          const selector = `app.kubernetes.io/instance=${RELEASE},app.kubernetes.io/component=${service}`;
          const uids = () =>
            kubectlBeside('-n', NAMESPACE, 'get', 'pods', '-l', selector, '-o', 'jsonpath={.items[*].metadata.uid}');
          const old = await uids();
          await kubectlBeside(
            '-n',
            NAMESPACE,
            'delete',
            'pod',
            '-l',
            selector,
            '--grace-period=0',
            '--force',
            '--wait=false',
          );
          await eventually('another pod', 30, async () => expect([old, '']).not.toContain(await uids()));
          await kubectlBeside('-n', NAMESPACE, 'wait', '--for=condition=Ready', 'pod', '-l', selector, '--timeout=90s');
          const [calls, tools] = [load.acknowledged.length, load.toolCalls.length];
          await eventually('calls after it', 45, () => {
            expect(load.acknowledged.length).toBeGreaterThan(calls + 3);
            expect(load.toolCalls.length).toBeGreaterThan(tools);
          });
        } finally {
          // Left alone it would go on through all that comes after.
          await load.stop();
        }
        // What stood in a spool goes on when a connection that died without a word has been given up.
        await eventually('every acknowledged record', 90, async () => {
          expect(await missingRecords(endpoint, adminKey, load.acknowledged, 'model_call')).toEqual([]);
          expect(await missingRecords(endpoint, adminKey, load.toolCalls, 'tool_outcome')).toEqual([]);
        });
        const after = await usage();
        expect(after - before).toBeGreaterThanOrEqual(load.acknowledged.length);
        expect(after - before).toBeLessThanOrEqual(load.attempted);
        process.stderr.write(
          `  ${service}: ${load.acknowledged.length} model calls and ${load.toolCalls.length} tool calls acknowledged of ` +
            `${load.attempted}, all recorded; longest time without an answer ${(load.longestGapMs() / 1000).toFixed(1)} s\n`,
        );
      },
      240_000,
    );
  }

  if (hosts) {
    step(
      '[cluster:idle] has stopped what nobody called meanwhile, and starts it by the next call',
      () => comeBack(endpoint, key),
      240_000,
    );
    step('[cluster:hosted] repairs what was changed, and leaves nothing behind', keepAndRemove, 120_000);
  }

  step(
    '[cluster:upgrade] keeps keys and certificates through an upgrade',
    async () => {
      const secrets = () =>
        kubectl(
          '-n',
          NAMESPACE,
          'get',
          'secrets',
          '-l',
          `app.kubernetes.io/instance=${RELEASE}`,
          '-o',
          'jsonpath={.items[*].data}',
        );
      const before = secrets();
      expect(before.length).toBeGreaterThan(1000);
      run('helm', ['upgrade', RELEASE, ...installArguments(), '--set', 'policy.config.accessCacheTtl=5s', '--wait']);
      expect(secrets()).toBe(before);
      const openai = new OpenAI({ baseURL: `${endpoint}/v1`, apiKey: key, maxRetries: 0 });
      const messages = [{ role: 'user' as const, content: 'Hello' }];
      await eventually('an answer', 30, () => openai.chat.completions.create({ model: 'demo-echo', messages }));
    },
    240_000,
  );

  step(
    '[cluster:uninstall] leaves the CRDs and the resources of users, none of them stuck',
    async () => {
      const resources = names(USER_KINDS.join());
      run('helm', ['uninstall', RELEASE, '-n', NAMESPACE, '--wait', '--timeout', '3m']);
      expect(names('crd', '-l', 'app.kubernetes.io/part-of=sallyport')).toHaveLength(USER_KINDS.length);
      expect(names(USER_KINDS.join())).toEqual(resources);
      const kinds = kubectl('api-resources', '--namespaced', '--verbs=list', '-o', 'name').trim().split('\n');
      const looked = kinds.filter((kind) => !/^events|metrics\.k8s\.io$/.test(kind)).join();
      const always = ['configmap/kube-root-ca.crt', 'serviceaccount/default'];
      await eventually('an empty namespace', 60, () => expect(names('-n', NAMESPACE, looked).sort()).toEqual(always));
      const label = ['-l', `app.kubernetes.io/instance=${RELEASE}`];
      expect(names('clusterroles,clusterrolebindings', ...label)).toEqual([]);
      kubectl('delete', '-f', samples, '--timeout=30s');
      expect(names(USER_KINDS.join())).toEqual([]);
      // Generated keys go with the VirtualKey that asked for them.
      await eventually('no generated key', 60, () => expect(names('secret', 'demo-key', 'admin-key')).toEqual([]));
    },
    300_000,
  );
});
