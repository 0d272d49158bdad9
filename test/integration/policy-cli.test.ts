import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { type Suite, startSuite } from '@sallyport/cli/dev/suite';
import OpenAI from 'openai';
import { root } from '../architecture/tree.ts';
import { admin, eventually } from '../support/suite.ts';

interface Told {
  readonly code: number;
  readonly out: string;
}

let suite: Suite;
let folder: string;

const policy = (...args: string[]): Promise<Told> =>
  new Promise((resolve) => {
    const command = [
      join(root, 'services/cli/src/main.ts'),
      'policy',
      ...args,
      '--endpoint',
      suite.endpoint,
      '--key',
      suite.adminKey,
    ];
    execFile(process.execPath, command, { timeout: 60_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), out: stdout + stderr });
    });
  });
const read = (out: string) => {
  if (!out.startsWith('{')) throw new Error(out);
  return JSON.parse(out);
};
const candidate = (name: string, calls: string): string => {
  const path = join(folder, name);
  mkdirSync(path);
  writeFileSync(
    join(path, 'policy.yaml'),
    `apiVersion: sallyport.dev/v1alpha1\nkind: ToolPolicy\nmetadata: { name: tried }\nspec:\n  mode: Enforce\n  tools: [{ server: mailbox, tool: "*_mail*" }]\n  calls: ${calls}\n`,
  );
  return path;
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-policy-cli-'));
  const resources = join(folder, 'resources');
  cpSync(join(root, 'deploy/local'), resources, { recursive: true });
  suite = await startSuite({ data: join(folder, 'data'), resources });
  const sdk = new OpenAI({ baseURL: `${suite.endpoint}/v1`, apiKey: suite.key, maxRetries: 5 });
  await sdk.chat.completions.create({
    model: 'demo-assistant',
    messages: [{ role: 'user', content: 'What is in my inbox?' }],
    tools: [{ type: 'mcp', server_label: 'mailbox' }] as never,
  });
}, 120_000);
afterAll(async () => {
  await suite?.stop();
  rmSync(folder, { recursive: true, force: true });
}, 30_000);

const recorded = () =>
  eventually(
    async () => {
      const { items } = await admin<{ items: { id: string }[] }>(suite, 'trajectories');
      const path = `trajectories/${items[0]?.id}`;
      return admin<{ id: string; records: { kind: string; step: number; toolName?: string }[] }>(suite, path);
    },
    ({ records }) => records.some(({ kind }) => kind === 'tool_outcome') && records.at(-1)?.kind === 'model_call',
  );

describe('policies and what was recorded', () => {
  it('[cli:policy-replay] the same policies decide recorded calls as they were decided', async () => {
    const { records } = await recorded();
    const intents = records.filter(({ kind }) => kind === 'tool_intent').length;
    const { code, out } = await policy('replay', '--policies', join(folder, 'resources'), '--fail-on', 'any', '--json');
    expect({ code, found: read(out) }).toEqual({
      code: 0,
      found: { calls: intents, unchanged: intents, otherRule: 0, incomplete: 0, changes: [] },
    });
  }, 30_000);

  it('[cli:policy-replay] other policies are told by rule, principal and run, and fail where one asks for it', async () => {
    const { id } = await recorded();
    const strict = candidate(
      'strict',
      `[{ name: never, when: 'tool.name == "list_mails"', action: Deny, reason: No. }]`,
    );
    const { code, out } = await policy(
      'replay',
      '--policies',
      strict,
      '--fail-on',
      'stricter',
      '--since',
      '1h',
      '--json',
    );
    expect(code).toBe(1);
    const { changes } = read(out);
    expect(changes).toEqual([
      {
        tool: 'mailbox/list_mails',
        from: { decision: 'allow', rule: 'builtin/authorised' },
        to: { decision: 'deny', rule: 'tried/never' },
        direction: 'stricter',
        calls: 1,
        principals: { 'robin@example.com': 1 },
        runs: [id],
      },
    ]);
    expect((await policy('replay', '--policies', strict, '--fail-on', 'looser')).code).toBe(0);
    const text = (await policy('replay', '--policies', strict)).out;
    expect(text).toMatch(/allow → deny {2}mailbox\/list_mails {2}builtin\/authorised → tried\/never/);
  }, 60_000);

  it('[cli:policy-explain] a recorded call is explained by its rules, origins and what would have let it pass', async () => {
    const { id, records } = await recorded();
    const step = records.find(({ kind, toolName }) => kind === 'tool_intent' && toolName?.endsWith('list_mails'))?.step;
    const { code, out } = await policy('explain', '--trajectory', id, '--step', String(step));
    expect(code).toBe(0);
    expect(out).toMatch(/^step \d+: mailbox__list_mails allow, by builtin\/authorised/);
    expect(out).toMatch(/call of mailbox\/list_mails \(read\): allow, by builtin\/authorised/);
    expect(out).toMatch(/^(?:No arguments|Arguments: nothing but null|Arguments)$/m);
    const missing = await policy('explain', '--trajectory', 'nothing-like-that');
    expect(missing).toEqual({ code: 1, out: 'sallyport: 404 There is no such trajectory.\n' });
  }, 60_000);

  it('[cli:policy-explain] what the tool plane refused is explained by the same rules, and replayed', async () => {
    const before = await recorded();
    const client = new Client({ name: 'policy-cli', version: '1.0.0' });
    const requestInit = { headers: { authorization: `Bearer ${suite.key}` } };
    await client.connect(new StreamableHTTPClientTransport(new URL(`${suite.endpoint}/mcp`), { requestInit }));
    const answer = await client.callTool({ name: 'mailbox__delete_mail', arguments: { id: 'm1' } });
    await client.close();
    expect(answer.isError).toBe(true);
    const { items } = await eventually(
      () => admin<{ items: { id: string }[] }>(suite, 'trajectories'),
      (page) => page.items[0]?.id !== before.id,
    );
    const { out } = await policy('explain', '--trajectory', items[0]?.id ?? '');
    expect(out).toMatch(
      /^step \d+: mailbox__delete_mail deny, by deleting-what-the-user-named\/id-not-typed-by-the-user/,
    );
    expect(out).toMatch(/ {2}\/id {2}"m1" {2}of unknown origin/);
    expect(out).toMatch(/✓ deleting-what-the-user-named\/id-not-typed-by-the-user {2}Deny {2}holds: /);
    expect(out).toMatch(/It would have passed\n {2}with \/id typed by a human\n$/);
    const looser = candidate('looser', '[{ name: all, action: Allow, reason: Yes. }]');
    const found = await policy('replay', '--policies', looser, '--fail-on', 'looser', '--json');
    expect(found.code).toBe(1);
    expect(read(found.out).changes).toContainEqual(
      expect.objectContaining({
        tool: 'mailbox/delete_mail',
        direction: 'looser',
        to: { decision: 'allow', rule: 'tried/all' },
      }),
    );
  }, 60_000);
});
