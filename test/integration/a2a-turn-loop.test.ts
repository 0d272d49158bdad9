import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TaskState } from '@a2a-js/sdk';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { root } from '../architecture/tree.ts';
import { agentClient, says, taskFor, textsOf } from '../fakes/agent-client.ts';
import { httpClient } from '../support/http-client.ts';
import { admin, eventually, type ResourceInit, suiteWith, type TestSuite } from '../support/suite.ts';

interface Run {
  readonly untrusted: boolean;
  readonly records: readonly { readonly kind: string; readonly toolName?: string; readonly endpoint?: string }[];
}

/** The demo, with an agent over its mailbox and calendar, and people who are asked about new entries. */
function resources(): ResourceInit[] {
  const folder = join(root, 'deploy/local');
  const texts = readdirSync(folder).filter((name) => name.endsWith('.yaml') && name !== 'acme.yaml');
  const demo = texts.flatMap((name) =>
    parseAllDocuments(readFileSync(join(folder, name), 'utf8')).map((one) => {
      const { metadata, ...rest } = one.toJS() as ResourceInit & { metadata: { name: string } };
      return { ...rest, name: metadata.name };
    }),
  );
  const turnLoop = {
    title: 'Secretary',
    description: 'Looks after mails and dates.',
    model: 'demo-assistant',
    instructions: 'You look after mails and dates.',
    servers: ['mailbox', 'calendar'],
  };
  return [
    ...demo,
    { kind: 'ToolServer', name: 'secretary', spec: { turnLoop, timeoutSeconds: 30 } },
    // One that has itself as its tool.
    { kind: 'ToolServer', name: 'mirror', spec: { turnLoop: { ...turnLoop, servers: ['mirror', 'calendar'] } } },
    {
      kind: 'AccessPolicy',
      name: 'secretary',
      spec: {
        subjects: { keys: ['demo', 'admin'], users: ['robin@example.com', 'admin@example.com'] },
        tools: ['secretary/*', 'mirror/*'],
      },
    },
    {
      kind: 'ToolPolicy',
      name: 'entries',
      spec: {
        mode: 'Enforce',
        tools: [{ server: 'calendar', tool: 'create_event' }],
        calls: [{ name: 'asked', action: 'Ask', reason: 'Somebody looks at new entries.' }],
        approvers: { users: ['admin@example.com'] },
      },
    },
  ];
}

let suite: TestSuite;
const secretary = () => agentClient(suite.endpoint, 'secretary', suite.key);
const runOf = (trajectory: string, holds: (run: Run) => boolean) =>
  eventually(() => admin<Run>(suite, `trajectories/${trajectory}`), holds);

beforeAll(async () => {
  suite = await suiteWith(resources());
  await eventually(
    () => httpClient(suite.endpoint, suite.key).get('/a2a/secretary/.well-known/agent-card.json'),
    ({ status }) => status === 200,
    15_000,
  );
}, 120_000);

afterAll(() => suite?.end(), 30_000);

describe('the turn loop of the gateway as an agent', () => {
  it('[a2a:turn-loop] runs tools as its caller, in the run of the conversation', async () => {
    const task = await taskFor(await secretary(), 'Is there a free slot of 30 min on 2026-03-03?');
    expect([task.status?.state, textsOf(task.artifacts[0]?.parts).join()]).toEqual([
      TaskState.TASK_STATE_COMPLETED,
      expect.stringContaining('2026-03-03T'),
    ]);
    // Free slots are the server's own words: all that was read is trusted, and so is what is said of it.
    expect(JSON.stringify(task.artifacts)).not.toContain('untrusted');
    const run = await runOf(
      task.contextId,
      ({ records }) => records.filter(({ kind }) => kind === 'tool_outcome').length === 2,
    );
    expect(run.untrusted).toBe(false);
    expect(run.records.map(({ kind, toolName, endpoint }) => [kind, toolName ?? '', endpoint]).sort()).toEqual(
      [
        ['model_call', '', 'agent'],
        ['model_call', '', 'agent'],
        ['tool_intent', 'calendar__find_free_slot', 'agent'],
        ['tool_intent', 'secretary__send_message', 'a2a'],
        ['tool_outcome', 'calendar__find_free_slot', 'agent'],
        ['tool_outcome', 'secretary__send_message', 'a2a'],
      ].sort(),
    );
  });

  it('[a2a:turn-loop-taint] what its tools bring taints the run and what it says; what quarantine reads does not reach its model', async () => {
    const client = await secretary();
    const events = await taskFor(client, 'What is in my calendar?');
    expect(JSON.stringify(events.artifacts[0]?.parts[0]?.metadata)).toContain('untrusted');
    expect((await runOf(events.contextId, ({ untrusted }) => untrusted)).untrusted).toBe(true);
    const words: string[] = [];
    for await (const { payload } of client.sendMessageStream(says('What is in my inbox?'))) {
      if (payload?.$case === 'artifactUpdate') words.push(...textsOf(payload.value.artifact?.parts));
    }
    const more = await taskFor(client, 'Is there a free slot?', { contextId: events.contextId });
    expect([more.status?.state, more.contextId]).toEqual([TaskState.TASK_STATE_COMPLETED, events.contextId]);
    // Handles are filled for the caller, and the values are an outsider's.
    expect(words.join('')).toContain('Invoice 2026-118');
    expect(words.join('')).not.toContain('h_');
  });

  it('[a2a:turn-loop-approval] a call that people are asked about parks the task in the database, and goes on once approved', async () => {
    const client = await secretary();
    const task = await taskFor(client, 'Book a meeting called Review on 2026-03-04');
    expect(task.status?.state).toBe(TaskState.TASK_STATE_INPUT_REQUIRED);
    const link = /\/approve\/([\w-]+)/.exec(textsOf(task.status?.message?.parts).join());
    const said = await httpClient(suite.endpoint, suite.adminKey).send('POST', `/admin/v1/approvals/${link?.[1]}`, {
      decision: 'approve',
    });
    expect(said.status).toBe(200);
    const kept = await client.getTask({ tenant: '', id: task.id });
    expect(kept.status?.state).toBe(TaskState.TASK_STATE_INPUT_REQUIRED);
    const done = await taskFor(client, 'It is approved.', { taskId: task.id, contextId: task.contextId });
    expect([done.id, done.status?.state]).toEqual([task.id, TaskState.TASK_STATE_COMPLETED]);
    const run = await runOf(task.contextId, ({ records }) =>
      records.some(({ kind, toolName }) => kind === 'tool_outcome' && toolName === 'calendar__create_event'),
    );
    expect(
      run.records.filter(({ kind, toolName }) => kind === 'tool_intent' && toolName === 'calendar__create_event'),
    ).toHaveLength(1);
    const again = await client.sendMessage(says('again', { taskId: task.id })).catch((error: Error) => error.message);
    expect(String(again)).toContain('takes no message now');
  });

  it('[a2a:turn-loop-depth] an agent that has itself as a tool is listed and answers', async () => {
    const task = await taskFor(
      await agentClient(suite.endpoint, 'mirror', suite.key),
      'Is there a free slot on 2026-03-05?',
    );
    expect(task.status?.state).toBe(TaskState.TASK_STATE_COMPLETED);
  });
});
