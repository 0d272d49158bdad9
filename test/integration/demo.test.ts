import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type Suite, startSuite } from '@sallyport/cli/dev/suite';
import OpenAI, { APIError } from 'openai';
import { root } from '../architecture/tree.ts';
import { readmeBlocks } from '../support/readme.ts';
import { askedCall, readmeFolder, readmeScript } from '../support/readme-commands.ts';
import { admin, eventually } from '../support/suite.ts';

const run = promisify(execFile);
const INBOX = 'What is in my inbox?';
const MAILBOX = [{ type: 'mcp', server_label: 'mailbox' }] as never;
const CALENDAR = [{ type: 'mcp', server_label: 'calendar' }] as never;
const ATTACKER = 'helpdesk@mail-archive.example';

interface Trajectory {
  untrusted: boolean;
  records: {
    kind: string;
    toolName?: string;
    rule?: string;
    outcome: string;
    errorCode?: string;
    hidden?: { tool: string; rule: string }[];
  }[];
}

const folders: string[] = [];
const folder = (name: string) => {
  const made = mkdtempSync(join(tmpdir(), `sallyport-${name}-`));
  folders.push(made);
  return made;
};
const sdk = (suite: Suite) => new OpenAI({ baseURL: `${suite.endpoint}/v1`, apiKey: suite.key, maxRetries: 0 });
const sentMails = async (suite: Suite): Promise<{ to: string }[]> => {
  const answer = await fetch(`http://127.0.0.1:${suite.ports.demo?.http}/mailbox/sent`);
  return ((await answer.json()) as { sent: { to: string }[] }).sent;
};
const latest = async (suite: Suite): Promise<Trajectory> => {
  const { items } = await admin<{ items: { id: string }[] }>(suite, 'trajectories');
  return await admin<Trajectory>(suite, `trajectories/${items[0]?.id}`);
};

afterAll(() => {
  for (const one of folders) rmSync(one, { recursive: true, force: true });
});

describe('the demo, through the gate', () => {
  let suite: Suite;
  let resources: string;

  beforeAll(async () => {
    resources = join(folder('resources'), 'local');
    cpSync(join(root, 'deploy/local'), resources, { recursive: true });
    suite = await startSuite({ data: folder('demo'), resources });
  }, 120_000);
  afterAll(async () => {
    await suite?.stop();
  }, 30_000);

  it.each(['demo-assistant', 'claude-demo'])(
    '[demo:quarantined] %s sees typed answers and sends nothing',
    async (model) => {
      const answer = await sdk(suite).chat.completions.create({
        model,
        messages: [{ role: 'user', content: INBOX }],
        tools: MAILBOX,
      });
      // Handles in the text were filled for the client, who may read what the model may not.
      expect(answer.choices[0]?.message.content).toContain('Invoice 2026-118');
      expect(answer.choices[0]?.message.content).not.toContain('h_');
      expect(await sentMails(suite)).toEqual([]);
      const story = await eventually(
        () => latest(suite),
        ({ records }) => records.filter(({ kind }) => kind === 'tool_outcome').length === 6,
      );
      expect(story.records.filter(({ kind }) => kind === 'quarantine').length).toBe(6);
      expect(JSON.stringify(story)).not.toContain(ATTACKER);
    },
  );

  it('[demo:refused] a model that reads the mail in plain obeys it, and is refused with a reason', async () => {
    const policies = readFileSync(join(resources, 'policies.yaml'), 'utf8');
    const without = policies.split(/^---$/m).filter((one) => !one.includes('quarantine:'));
    writeFileSync(join(resources, 'policies.yaml'), without.join('---\n'));
    await eventually(
      () => admin<{ items: { name: string }[] }>(suite, 'resources?kind=ToolPolicy'),
      ({ items }) => !items.some(({ name }) => name === 'mails-are-read-in-quarantine'),
    );
    await new Promise((resolve) => setTimeout(resolve, 500));
    const answer = await sdk(suite).chat.completions.create({
      model: 'demo-assistant',
      messages: [{ role: 'user', content: INBOX }],
      tools: MAILBOX,
    });
    expect(answer.choices[0]?.finish_reason).toBe('stop');
    expect(await sentMails(suite)).toEqual([]);
    const story = await eventually(
      () => latest(suite),
      ({ records }) => records.some(({ kind }) => kind === 'tool_refusal'),
    );
    expect(story.untrusted).toBe(true);
    const refused = story.records.find(({ kind }) => kind === 'tool_refusal');
    expect(refused).toMatchObject({ toolName: 'mailbox__send_mail', outcome: 'refused' });
    expect(story.records.some(({ hidden }) => hidden?.some(({ tool }) => tool === 'mailbox__send_mail'))).toBe(true);
    writeFileSync(join(resources, 'policies.yaml'), policies);
  }, 30_000);

  it('[demo:readme] what the README shows for SDKs runs as it is printed there', async () => {
    const snippets = readmeBlocks('ts');
    expect(snippets.map((code) => /from '(.*?)'/.exec(code)?.[1])).toEqual([
      'openai',
      '@anthropic-ai/sdk',
      '@google/genai',
      '@modelcontextprotocol/client',
    ]);
    await Promise.all(
      snippets.map(async (code) => {
        const here = code.replaceAll('http://localhost:4180', suite.endpoint);
        const started = run(
          process.execPath,
          ['--input-type=module-typescript', '--eval', `${here}\nprocess.exit(0);`],
          {
            cwd: join(root, 'test'),
            env: { ...process.env, KEY: suite.key },
          },
        );
        await expect(started).resolves.toMatchObject({ stderr: '' });
      }),
    );
  }, 30_000);

  it.each([
    ['demo-looper', 'step_limit'],
    ['demo-looper-costly', 'budget_exceeded'],
  ])(
    '[demo:stopped] %s is stopped by its limit',
    async (model, code) => {
      const failure = await sdk(suite)
        .chat.completions.create({ model, messages: [{ role: 'user', content: 'Go on.' }], tools: CALENDAR })
        .then(
          () => undefined,
          (error: unknown) => error,
        );
      expect(failure).toBeInstanceOf(APIError);
      expect((failure as APIError).code).toBe(code);
    },
    30_000,
  );

  it('[cli:story] the CLI tells the story, shows status and lints', async () => {
    const cli = (...args: string[]) => run(process.execPath, ['services/cli/src/main.ts', ...args], { cwd: root });
    const on = ['--endpoint', suite.endpoint, '--key', suite.adminKey];
    expect((await cli('trajectory', 'list', ...on)).stdout).toContain('robin@example.com');
    expect((await cli('trajectory', 'show', '--last', ...on)).stdout).toMatch(/model call.*demo-looper/);
    expect((await cli('get', ...on)).stdout).toMatch(/ToolServer\s+mailbox\s+True/);
    await cli('lint', 'deploy/local');
    expect((await cli('approvals', '--help')).stdout).toContain('sallyport approvals list');
    const bad = join(folder('lint'), 'bad.yaml');
    writeFileSync(
      bad,
      'apiVersion: sallyport.dev/v1alpha1\nkind: Model\nmetadata: {name: m}\nspec: {targets: [], retries: 1}\n',
    );
    await expect(cli('lint', bad)).rejects.toMatchObject({ code: 1 });
  }, 60_000);

  it('[demo:readme-commands] what the README shows for a shell runs as it is printed there', async () => {
    const { trajectory, approval } = await askedCall(suite, resources);
    const { script, commands } = readmeScript({ trajectory, approval }, suite.endpoint);
    const cwd = folder('readme');
    readmeFolder(cwd, suite);
    const { stdout } = await run('bash', ['-ec', script], { cwd, maxBuffer: 4_000_000 });
    expect(commands).toBe(10);
    for (const told of [
      '"finish_reason":"stop"',
      'Untrusted content was read in quarantine only',
      'my-folder/models.yaml',
      `${approval} approved`,
      '0 failed, 0 rules not shown from both sides',
      '*/send_email',
      'ask, by mail-sending/unknown-recipients',
      'calls decided again',
      'without gap',
    ]) {
      expect(stdout).toContain(told);
    }
  }, 60_000);
});

describe('make dev', () => {
  const started: ChildProcess[] = [];
  const ended = (child: ChildProcess) =>
    new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));

  afterAll(() => {
    for (const child of started) if (child.exitCode === null) child.kill('SIGKILL');
  });

  it('[demo:contract] two suites run side by side, write dev.json and stop cleanly', async () => {
    const suites = await Promise.all(
      [4187, 4188].map(async (port) => {
        const data = folder(`dev-${port}`);
        const child = spawn(
          process.execPath,
          ['services/cli/src/main.ts', 'dev', '--port', String(port), '--data', data, '--resources', 'deploy/local'],
          { cwd: root, stdio: 'pipe' },
        );
        started.push(child);
        child.stdout?.resume();
        child.stderr?.resume();
        await eventually(
          () =>
            fetch(`http://127.0.0.1:${port}/readyz`).then(
              (answer) => answer.status,
              () => 0,
            ),
          (status) => status === 200,
          90_000,
        );
        const file = join(data, 'dev.json');
        await eventually(
          () => Promise.resolve(existsSync(file)),
          (there) => there,
          10_000,
        );
        return { child, port, dev: JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown> };
      }),
    );
    for (const { dev, port, child } of suites) {
      expect(dev).toMatchObject({ endpoint: `http://127.0.0.1:${port}`, pid: child.pid });
      for (const name of ['key', 'adminKey']) expect(dev[name]).toMatch(/^sp-/);
      expect(Object.keys(dev.ports as object)).toEqual(expect.arrayContaining(['model-proxy', 'mcp-broker', 'policy']));
    }
    expect(suites[0]?.dev.key).not.toBe(suites[1]?.dev.key);
    const exits = suites.map(({ child }) => ended(child));
    for (const { child } of suites) child.kill('SIGTERM');
    expect(await Promise.all(exits)).toEqual([0, 0]);
  }, 180_000);
});
