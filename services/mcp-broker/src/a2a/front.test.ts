import { TaskState } from '@a2a-js/sdk';
import { describe, expect, it } from '@jest/globals';
import { ApprovalState } from '@sallyport/proto/policy/v1/approval_pb';
import { Action } from '@sallyport/proto/policy/v1/policy_pb';
import { says, taskFor, textsOf } from '../../../../test/fakes/agent-client.ts';
import { KEYS, untilTrue } from '../testing/broker.ts';
import { agentsForTests, events, older03 } from './testing.ts';

const at = agentsForTests();
const { clientOf, rpc } = at;

describe('an agent behind the gateway', () => {
  it.each([
    ['newer', '1.0'],
    ['older', '1.0'],
    ['newer', '0.3'],
    ['older', '0.3'],
  ] as const)('[a2a:both-revisions] %s is spoken to by the official client in revision %s', async (agent, revision) => {
    const client = await clientOf(agent, KEYS.alice, revision);
    expect(client.protocolVersion).toBe(revision);
    const message = await client.sendMessage(says('echo hello'));
    if (!('parts' in message)) throw new Error('a message was expected');
    expect(textsOf(message.parts)).toEqual(['hello']);

    const task = await taskFor(client, 'task one two');
    expect(task.status?.state).toBe(TaskState.TASK_STATE_COMPLETED);
    expect(textsOf(task.artifacts[0]?.parts)).toEqual(['one two']);

    const again = await client.getTask({ tenant: '', id: task.id });
    expect(again.id).toBe(task.id);
    expect(textsOf(again.artifacts[0]?.parts)).toEqual(['one two']);

    const words: string[] = [];
    const states: (TaskState | undefined)[] = [];
    for await (const { payload } of client.sendMessageStream(says('stream a b c'))) {
      if (payload?.$case === 'artifactUpdate') words.push(...textsOf(payload.value.artifact?.parts));
      if (payload?.$case === 'statusUpdate' || payload?.$case === 'task') states.push(payload.value.status?.state);
    }
    expect(words).toEqual(['a', 'b', 'c']);
    expect(states.at(-1)).toBe(TaskState.TASK_STATE_COMPLETED);
  });

  it('[a2a:card] has a card of ours: our address, our ways to authenticate, no signature, nothing of where it is', async () => {
    const response = await fetch(`${at.broker.url}/a2a/newer/.well-known/agent-card.json`, {
      headers: { authorization: `Bearer ${KEYS.alice}`, 'a2a-version': '1.0' },
    });
    const text = await response.text();
    const card = JSON.parse(text);
    expect(card).toMatchObject({ name: 'Newer', capabilities: { streaming: true, pushNotifications: false } });
    expect(card.supportedInterfaces.map((one: { url: string }) => one.url)).toEqual([
      `${at.broker.url}/a2a/newer`,
      `${at.broker.url}/a2a/newer`,
    ]);
    expect(Object.keys(card.securitySchemes)).toEqual(['sallyport']);
    expect(text).not.toContain('signatures');
    expect(text).not.toContain(new URL(at.newer.url).host);
    const extended = await rpc('newer', 'GetExtendedAgentCard', {}, { 'a2a-version': '1.0' });
    expect(extended.body.result).toEqual(card);
  });

  it('[a2a:no-passthrough] is told neither the key, nor ids of ours, nor the run, and gets its own credential', async () => {
    const client = await clientOf('newer');
    at.newer.requests.length = 0;
    const sent = says('task canary');
    const task = await client.sendMessage(sent);
    if (!('status' in task)) throw new Error('a task was expected');
    const follow = await taskFor(client, 'ask more', { contextId: task.contextId });
    expect(follow.contextId).toBe(task.contextId);
    const posted = at.newer.requests.filter(({ method }) => method === 'POST');
    expect(posted).toHaveLength(2);
    for (const { headers, body } of posted) {
      expect(headers.authorization).toBe('Bearer upstream-secret-canary-0123456789');
      for (const ours of [KEYS.alice, task.id, task.contextId, sent.message.messageId]) {
        expect(JSON.stringify(headers) + body).not.toContain(ours);
      }
    }
    // The agent knows the conversation by its own id, and goes on with it.
    const [first, second] = posted.map(
      ({ json }) => (json as { params: { message: { contextId?: string } } }).params.message,
    );
    expect(first?.contextId).toBeUndefined();
    expect(second?.contextId).toEqual(expect.any(String));
  });

  it('[a2a:bound-tasks] tasks are of who began them: to others, and to other agents, they are not there', async () => {
    const client = await clientOf('newer');
    const task = await taskFor(client, 'task mine');
    const before = at.newer.requests.length;
    for (const [agent, key] of [
      ['newer', KEYS.bob],
      ['older', KEYS.alice],
    ] as const) {
      const other = await clientOf(agent, key);
      await expect(other.getTask({ tenant: '', id: task.id })).rejects.toMatchObject({ name: /TaskNotFound/ });
      await expect(other.cancelTask({ tenant: '', id: task.id, metadata: undefined })).rejects.toThrow('no such task');
      await expect(other.sendMessage(says('echo x', { taskId: task.id }))).rejects.toThrow('no such task');
    }
    expect(at.newer.requests.slice(before).filter(({ method }) => method === 'POST')).toEqual([]);
    expect((await rpc('rival', 'tasks/get', { id: task.id })).status).toBe(404);
  });

  it('[a2a:cancel] a task is cancelled by its id of ours; one that cannot be is said so', async () => {
    const client = await clientOf('newer');
    const [first] = await events(client.sendMessageStream(says('hang')), 2);
    const id = first?.payload?.$case === 'task' ? first.payload.value.id : '';
    const cancelled = await client.cancelTask({ tenant: '', id, metadata: undefined });
    expect(cancelled).toMatchObject({ id, status: { state: TaskState.TASK_STATE_CANCELED } });
    const done = await taskFor(client, 'task over');
    await expect(client.cancelTask({ tenant: '', id: done.id, metadata: undefined })).rejects.toMatchObject({
      name: /TaskNotCancelable/,
    });
  });

  it('[a2a:resubscribe] a stream that was left is taken up again', async () => {
    const client = await clientOf('newer');
    const [first] = await events(client.sendMessageStream(says('hang')), 2);
    const id = first?.payload?.$case === 'task' ? first.payload.value.id : '';
    const seen: string[] = [];
    const rest = (async () => {
      for await (const { payload } of client.resubscribeTask({ tenant: '', id })) seen.push(payload?.$case ?? '');
    })();
    await untilTrue(() => seen.length > 0);
    await client.cancelTask({ tenant: '', id, metadata: undefined });
    await rest;
    expect(seen[0]).toBe('task');
    expect(seen.length).toBeGreaterThan(1);
  });

  it('[a2a:push] notices to URLs of clients are refused as A2A says', async () => {
    const config = { url: 'https://hooks.example', id: 'x', taskId: 't' };
    for (const [method, params, version] of [
      ['tasks/pushNotificationConfig/set', config, '0.3'],
      ['CreateTaskPushNotificationConfig', config, '1.0'],
      ['message/send', { message: older03('echo x'), configuration: { pushNotificationConfig: config } }, '0.3'],
    ] as const) {
      const { body } = await rpc('newer', method, params, { 'a2a-version': version });
      expect([method, body.error?.code]).toEqual([method, -32_003]);
    }
  });

  it.each([
    ['another version', 'GetTask', { id: 'x' }, { 'a2a-version': '2.0' }, 200, -32_009],
    ['a method of the other revision', 'message/send', {}, { 'a2a-version': '1.0' }, 200, -32_601],
    ['no message', 'SendMessage', {}, { 'a2a-version': '1.0' }, 200, -32_602],
    ['no parts', 'SendMessage', { message: { role: 'ROLE_USER', parts: [] } }, { 'a2a-version': '1.0' }, 200, -32_602],
    [
      'an empty part',
      'SendMessage',
      { message: { role: 'ROLE_USER', parts: [{}] } },
      { 'a2a-version': '1.0' },
      200,
      -32_602,
    ],
    [
      'a client in the role of the agent',
      'SendMessage',
      { message: { role: 'ROLE_AGENT', parts: [{ text: 'x' }] } },
      { 'a2a-version': '1.0' },
      200,
      -32_602,
    ],
    ['a list of tasks', 'ListTasks', {}, { 'a2a-version': '1.0' }, 200, -32_004],
    ['another type', 'SendMessage', {}, { 'content-type': 'text/plain' }, 415, -32_005],
    ['a key that is none', 'SendMessage', {}, { authorization: 'Bearer sk-none-0123456789abcdef' }, 401, -32_000],
  ])(
    '[a2a:errors] %s is answered with the code that A2A gives it',
    async (_what, method, params, headers, status, code) => {
      const answer = await rpc('newer', method, params, headers);
      expect([answer.status, answer.body.error?.code]).toEqual([status, code]);
    },
  );
});

describe('the other ways', () => {
  it('[a2a:client-gone] the agent is left when the client leaves', async () => {
    const client = await clientOf('newer');
    await events(client.sendMessageStream(says('hang')), 2);
    const last = at.newer.requests.filter(({ method }) => method === 'POST').at(-1);
    await untilTrue(() => last?.aborted === true);
  });

  it('[a2a:approval] a message that a rule asks people about goes out once it is approved, and not before', async () => {
    at.broker.state.decideCall = () => ({ verdict: Action.ASK });
    const client = await clientOf('newer');
    const sent = says('echo approved', { contextId: 'asking' });
    const said = await client.sendMessage(sent).catch((error: Error) => error.message);
    expect(said).toMatch(/The approval .* can be given at http.*\/approve\//);
    expect(at.newer.heard).not.toContain('echo approved');
    for (const one of at.broker.state.approvals.values()) one.state = ApprovalState.APPROVED;
    const trajectory = /sallyport-trajectory: (\S+)/.exec(String(said))?.[1] ?? '';
    expect([...at.broker.state.approvals.values()].at(-1)?.trajectory).toBe(trajectory);
    at.broker.state.runs.set(trajectory, { principalId: 'key:alice', label: undefined });
    const again = await rpc(
      'newer',
      'message/send',
      { message: { ...older03('echo approved'), contextId: 'asking' } },
      {
        'sallyport-trajectory': trajectory,
      },
    );
    expect(again.body.result).toMatchObject({ parts: [{ text: 'approved' }] });
  });

  it('[a2a:tools] an MCP client sends messages and looks at tasks, with the same ids of ours', async () => {
    const call = async (name: string, args: object) => {
      const response = await fetch(`${at.broker.url}/mcp`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${KEYS.alice}`,
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          'mcp-protocol-version': '2025-11-25',
        },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name, arguments: args } }),
      });
      return (
        (await response.json()) as {
          result: { structuredContent: { task: { id: string } }; content: { text: string }[] };
        }
      ).result;
    };
    const sent = await call('newer__send_message', { parts: [{ text: 'task by a model' }] });
    expect(sent.content.map(({ text }) => text)).toEqual([
      'by a model',
      expect.stringContaining('TASK_STATE_COMPLETED'),
    ]);
    const { id } = sent.structuredContent.task;
    expect((await call('newer__get_task', { taskId: id })).structuredContent.task.id).toBe(id);
    const client = await clientOf('newer');
    expect((await client.getTask({ tenant: '', id })).id).toBe(id);
    expect((await call('newer__get_task', { taskId: 'none' })).content[0]?.text).toBe('There is no such task.');
  });
});
