import { TaskState } from '@a2a-js/sdk';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import { wireLabel } from '@sallyport/peers/decision-wire';
import type { RunRequest } from '@sallyport/proto/models/v1/models_pb';
import { ApprovalState } from '@sallyport/proto/policy/v1/approval_pb';
import { Action } from '@sallyport/proto/policy/v1/policy_pb';
import { TRUSTED, untrusted } from '@sallyport/turn';
import { agentClient, says, taskFor, textsOf } from '../../../../../test/fakes/agent-client.ts';
import { KEYS, startBroker, type TestBroker, untilTrue } from '../../testing/broker.ts';
import { allowAll, resultsOf } from '../../testing/peers.ts';
import { events } from '../testing.ts';

const tools = [
  { name: 'send_message', class: 'Write', enabled: true },
  { name: 'get_task', class: 'Read', enabled: true },
  { name: 'cancel_task', class: 'Write', enabled: true },
];
const turnLoop = {
  title: 'Clerk',
  description: 'Answers letters.',
  skills: [],
  model: 'smart',
  instructions: 'You are a clerk. SECRET-INSTRUCTION',
  servers: ['mail', 'crm'],
  maxModelCalls: 7,
};
const plain = wireLabel(TRUSTED);
const tainted = wireLabel(untrusted('tool:mail/read'));

let broker: TestBroker;
const asked: { request: RunRequest; depth: number; aborted: boolean }[] = [];
let script: (request: RunRequest, signal: AbortSignal) => AsyncGenerator<object>;

const text = (value: string, label = plain) => ({ text: { text: value, label } });
const ended = (over: object = {}) => ({
  ended: { response: 'resp_1', label: plain, questions: [], approvals: [], ...over },
});
const last = () => asked.at(-1)?.request as RunRequest;
const clientOf = (key = KEYS.alice) => agentClient(broker.url, 'clerk', key);

beforeAll(async () => {
  broker = await startBroker({ approvals: { wait: '100ms' } });
  await broker.servers({ clerk: { turnLoop, tools, timeoutSeconds: 5 } });
});
afterAll(() => broker.close());
afterEach(() => {
  allowAll(broker.state);
  broker.state.decideResult = () => resultsOf(Action.ALLOW, true);
});

beforeAll(() => {
  broker.state.decideResult = () => resultsOf(Action.ALLOW, true);
  script = answering;
  broker.state.runLoop = async function* (request, { depth, signal }) {
    const one = { request, depth, aborted: false };
    asked.push(one);
    signal.addEventListener('abort', () => {
      one.aborted = true;
    });
    yield* script(request, signal) as AsyncGenerator<never>;
  };
});

async function* answering(request: RunRequest) {
  yield text('You said ');
  yield text(request.said.join('|'));
  yield ended({ response: `resp_${asked.length}` });
}

async function* hanging(_request: RunRequest, signal: AbortSignal) {
  yield text('thinking');
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  throw new GatewayError('cancelled', 'gone');
}

/** Calls the agent as a turn of the model plane does. */
async function executing() {
  const principal = broker.principal();
  const { tools: listed } = await broker.tools.listTools({ principal, servers: ['clerk'] }, { timeoutMs: 2_000 });
  const ref = listed.find((one) => one.ref?.name === 'send_message')?.ref;
  return async ({ depth = 1, context = plain, trajectory = '01a00000-0000-7000-8000-0000000000ff', args = {} }) =>
    await broker.tools.execute(
      {
        principal,
        trajectory,
        ...(ref ? { tool: ref } : {}),
        argumentsJson: JSON.stringify({ parts: [{ text: 'by a model' }], ...args }),
        context,
      },
      { timeoutMs: 5_000, depth },
    );
}

describe('a turn loop that is an agent', () => {
  it.each(['1.0', '0.3'] as const)(
    '[a2a:turn-loop] answers the official client of revision %s as its caller',
    async (revision) => {
      script = answering;
      const client = await agentClient(broker.url, 'clerk', KEYS.alice, revision);
      const task = await taskFor(client, 'hello');
      expect(task.status?.state).toBe(TaskState.TASK_STATE_COMPLETED);
      expect(textsOf(task.artifacts[0]?.parts)).toEqual(['You said hello']);
      expect(last()).toMatchObject({
        principal: { id: 'key:alice' },
        model: 'smart',
        instructions: turnLoop.instructions,
        servers: ['mail', 'crm'],
        maxModelCalls: 7,
        said: ['hello'],
        previous: '',
      });
      expect(asked.at(-1)?.depth).toBe(1);
      expect(last().trajectory).toBe(broker.state.decided.at(-1)?.trajectory);
      const before = `resp_${asked.length}`;
      const more = await taskFor(client, 'again', { contextId: task.contextId });
      expect([more.contextId, last().previous]).toEqual([task.contextId, before]);
      expect((await client.getTask({ tenant: '', id: task.id })).artifacts).toHaveLength(1);
    },
  );

  it('[a2a:turn-loop-card] has a card of what its resource says to all, and of its instructions, model and tools nothing', async () => {
    const response = await fetch(`${broker.url}/a2a/clerk/.well-known/agent-card.json`, {
      headers: { authorization: `Bearer ${KEYS.alice}`, 'a2a-version': '1.0' },
    });
    const card = await response.text();
    expect(JSON.parse(card)).toMatchObject({
      name: 'Clerk',
      description: 'Answers letters.',
      capabilities: { streaming: true, pushNotifications: false },
      skills: [{ id: 'clerk', name: 'Clerk' }],
    });
    for (const hidden of ['SECRET-INSTRUCTION', 'smart', 'mail', 'crm', 'agent.invalid'])
      expect(card).not.toContain(hidden);
    broker.state.grants.splice(0, 9, 'other/*');
    const denied = await fetch(`${broker.url}/a2a/clerk/.well-known/agent-card.json`, {
      headers: { authorization: `Bearer ${KEYS.alice}` },
    });
    const none = await fetch(`${broker.url}/a2a/nobody/.well-known/agent-card.json`, {
      headers: { authorization: `Bearer ${KEYS.alice}` },
    });
    expect([denied.status, await denied.text()]).toEqual([404, await none.text()]);
  });

  it('[a2a:turn-loop-changed] is in force as its resource says now, and not held for review', async () => {
    script = answering;
    await broker.servers({ clerk: { turnLoop: { ...turnLoop, description: 'Other.', instructions: 'New.' }, tools } });
    await taskFor(await clientOf(), 'hello');
    expect(last().instructions).toBe('New.');
    await broker.servers({ clerk: { turnLoop, tools, timeoutSeconds: 5 } });
  });

  it('[a2a:turn-loop-stream] streams what is said, and says of it how far its model can be trusted', async () => {
    const heard = Promise.withResolvers<void>();
    script = async function* () {
      yield text('clean ');
      await heard.promise;
      yield text('dirty', tainted);
      yield ended({ label: tainted });
    };
    const parts: [string, boolean][] = [];
    let state: TaskState | undefined;
    for await (const { payload } of (await clientOf()).sendMessageStream(says('x'))) {
      if (payload?.$case === 'artifactUpdate') {
        for (const part of payload.value.artifact?.parts ?? []) {
          parts.push([textsOf([part]).join(''), JSON.stringify(part.metadata ?? {}).includes('untrusted')]);
          heard.resolve();
        }
      }
      if (payload?.$case === 'statusUpdate') state = payload.value.status?.state;
    }
    expect([parts, state]).toEqual([
      [
        ['clean ', false],
        ['dirty', true],
      ],
      TaskState.TASK_STATE_COMPLETED,
    ]);
  });

  it('[a2a:turn-loop-taint] a reply is no better than what its model has read, whatever policy says of replies', async () => {
    script = async function* () {
      yield text('read');
      yield ended({ label: tainted });
    };
    const seen = broker.state.remembered.length;
    const task = await taskFor(await clientOf(), 'x');
    expect(JSON.stringify(task.artifacts[0]?.parts[0]?.metadata)).toContain('untrusted');
    const kept = broker.state.remembered.slice(seen);
    expect(kept.length).toBeGreaterThan(0);
    expect(kept.every(({ label }) => label?.trusted === false)).toBe(true);
    const again = await (await clientOf()).getTask({ tenant: '', id: task.id });
    expect(JSON.stringify(again.artifacts[0]?.parts[0]?.metadata)).toContain('untrusted');
  });

  it('[a2a:turn-loop-taint] what was said where nothing was answered is what it was in any other run too', async () => {
    script = async function* () {
      yield ended({ label: tainted });
    };
    const execute = await executing();
    const { resultJson } = await execute({ context: tainted });
    const { contextId } = JSON.parse(resultJson).structuredContent.task as { contextId: string };
    script = answering;
    const other = { trajectory: '01a00000-0000-7000-8000-0000000000fe', args: { contextId } };
    await execute(other);
    expect([last().previous, last().context?.trusted]).toEqual(['resp_1', false]);
    // Words of an answer are known by themselves.
    await execute(other);
    expect([last().previous, last().context?.trusted]).toEqual([`resp_${asked.length - 1}`, true]);
  });

  it('[a2a:turn-loop-approval] waits for people as a task that wants input, and goes on once they have answered', async () => {
    script = async function* () {
      yield text('I shall write.');
      yield ended({ response: 'resp_parked', questions: ['mcpr_1'], approvals: ['ap-1'] });
    };
    const client = await clientOf();
    const task = await taskFor(client, 'write to bob');
    expect(task.status?.state).toBe(TaskState.TASK_STATE_INPUT_REQUIRED);
    expect(textsOf(task.status?.message?.parts).join()).toContain('https://gate.example/approve/ap-1');
    const approval = { state: ApprovalState.PENDING as ApprovalState, principalId: 'key:alice', trajectory: '' };
    broker.state.approvals.set('ap-1', approval);
    const runs = asked.length;
    script = answering;
    const early = await taskFor(client, 'go on', { taskId: task.id });
    expect([early.status?.state, asked.length]).toEqual([TaskState.TASK_STATE_INPUT_REQUIRED, runs]);
    approval.state = ApprovalState.APPROVED;
    const done = await taskFor(client, 'go on', { taskId: task.id });
    expect([done.id, done.status?.state]).toEqual([task.id, TaskState.TASK_STATE_COMPLETED]);
    expect(last()).toMatchObject({ previous: 'resp_parked', answered: ['mcpr_1'], said: ['go on'] });
    expect(textsOf(done.artifacts[0]?.parts).join()).toContain('I shall write.');
    await expect(taskFor(client, 'more', { taskId: task.id })).rejects.toThrow('takes no message now');
  });

  it('[a2a:turn-loop-approval] goes on with one message of several that come at once, and says of the others that it did not', async () => {
    script = async function* () {
      yield ended({ response: 'resp_parked', questions: ['mcpr_1'], approvals: ['ap-2'] });
    };
    const client = await clientOf();
    const task = await taskFor(client, 'write to bob');
    broker.state.approvals.set('ap-2', { state: ApprovalState.APPROVED, principalId: 'key:alice', trajectory: '' });
    script = answering;
    const told = await Promise.allSettled(
      ['one', 'two', 'three'].map((said) => taskFor(client, said, { taskId: task.id })),
    );
    expect(told.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(JSON.stringify(told.map((one) => String('reason' in one ? one.reason : '')))).toContain(
      'takes no message now',
    );
  });

  it('[a2a:turn-loop-left] a parked task outlives who sent it a message and left, and takes none of its messages twice', async () => {
    script = async function* () {
      yield ended({ response: 'resp_parked', questions: ['mcpr_1'], approvals: ['ap-3'] });
    };
    const client = await clientOf();
    const task = await taskFor(client, 'write to bob');
    broker.state.approvals.set('ap-3', { state: ApprovalState.APPROVED, principalId: 'key:alice', trajectory: '' });
    let go = () => {};
    const gone = new Promise<void>((resolve) => {
      go = resolve;
    });
    script = async function* (_request, signal) {
      yield text('half ');
      await Promise.race([gone, new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))]);
      if (signal.aborted) throw new GatewayError('cancelled', 'gone');
      yield text('whole');
      yield ended({ response: 'resp_2', questions: ['mcpr_2'], approvals: ['ap-4'] });
    };
    const runs = asked.length;
    const message = says('go on', { taskId: task.id });
    const leaving = new AbortController();
    const left = client.sendMessage(message, { signal: leaving.signal }).catch(() => 'left');
    await untilTrue(() => asked.length > runs);
    leaving.abort();
    expect(await left).toBe('left');
    // Sent again while it is worked on: the answer is that of the first.
    const again = [client.sendMessage(message), client.sendMessage(message)];
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(asked.at(-1)?.aborted).toBe(false);
    go();
    for (const reply of await Promise.all(again)) {
      expect(reply).toMatchObject({ id: task.id, status: { state: TaskState.TASK_STATE_INPUT_REQUIRED } });
      expect(JSON.stringify(reply)).toContain('half whole');
    }
    // And when it waits for something else by now.
    broker.state.approvals.set('ap-4', { state: ApprovalState.APPROVED, principalId: 'key:alice', trajectory: '' });
    await client.sendMessage(message);
    expect(asked).toHaveLength(runs + 1);
    script = answering;
    expect((await taskFor(client, 'go on', { taskId: task.id })).status?.state).toBe(TaskState.TASK_STATE_COMPLETED);
    expect(await client.sendMessage(message)).toMatchObject({ status: { state: TaskState.TASK_STATE_COMPLETED } });
    expect(asked).toHaveLength(runs + 2);
  });

  it('[a2a:turn-loop-left] takes one of two messages of one id that come at once, and tells both how it stands', async () => {
    script = async function* () {
      yield ended({ response: 'resp_parked', questions: ['mcpr_1'], approvals: ['ap-5'] });
    };
    const client = await clientOf();
    const task = await taskFor(client, 'write to bob');
    broker.state.approvals.set('ap-5', { state: ApprovalState.APPROVED, principalId: 'key:alice', trajectory: '' });
    script = answering;
    const runs = asked.length;
    const message = says('go on', { taskId: task.id });
    const told = await Promise.all([1, 2, 3].map(() => client.sendMessage(message)));
    for (const one of told) expect(one).toMatchObject({ id: task.id });
    expect(asked).toHaveLength(runs + 1);
  });

  it('[a2a:turn-loop-cancel] a task is cancelled while it is worked on, and the turn with it', async () => {
    script = hanging;
    const client = await clientOf();
    const [first] = await events(client.sendMessageStream(says('hang')), 2);
    const id = first?.payload?.$case === 'task' ? first.payload.value.id : '';
    expect(asked.at(-1)?.aborted).toBe(false);
    const again = events(client.resubscribeTask({ tenant: '', id }), 99);
    const cancelled = await client.cancelTask({ tenant: '', id, metadata: undefined });
    expect(cancelled.status?.state).toBe(TaskState.TASK_STATE_CANCELED);
    await untilTrue(() => asked.at(-1)?.aborted === true);
    const seen = (await again).map(({ payload }) => payload?.$case);
    expect([seen[0], seen.at(-1)]).toEqual(['task', 'statusUpdate']);
    expect((await client.getTask({ tenant: '', id })).status?.state).toBe(TaskState.TASK_STATE_CANCELED);
    await expect(client.cancelTask({ tenant: '', id, metadata: undefined })).rejects.toMatchObject({
      name: /TaskNotCancelable/,
    });
  });

  it('[a2a:turn-loop-bound] tasks are of who began them, and a turn ends with the key it is made for', async () => {
    script = hanging;
    const client = await clientOf(KEYS.erin);
    const [first] = await events(client.sendMessageStream(says('hang')), 2);
    const id = first?.payload?.$case === 'task' ? first.payload.value.id : '';
    await expect((await clientOf(KEYS.bob)).getTask({ tenant: '', id })).rejects.toThrow('no such task');
    broker.revoke('erin');
    await untilTrue(() => asked.at(-1)?.aborted === true);
  });

  it('[a2a:turn-loop-failed] what ends a turn is told with its code, and the next message works', async () => {
    script = async function* () {
      yield text('so far');
      throw new GatewayError('budget_exceeded', 'The budget is used up.');
    };
    const task = await taskFor(await clientOf(), 'x');
    expect(task.status?.state).toBe(TaskState.TASK_STATE_FAILED);
    expect(textsOf(task.status?.message?.parts)).toEqual(['[budget_exceeded] The budget is used up.']);
    script = answering;
    expect((await taskFor(await clientOf(), 'y')).status?.state).toBe(TaskState.TASK_STATE_COMPLETED);
  });

  it('[a2a:turn-loop-depth] is called by turns as a tool, four calls deep at most, with the label of what it is told', async () => {
    script = answering;
    const execute = await executing();
    const first = await execute({ depth: 1, context: tainted });
    expect([first.isError, asked.at(-1)?.depth]).toEqual([false, 2]);
    expect(last()).toMatchObject({ trajectory: '01a00000-0000-7000-8000-0000000000ff', context: { trusted: false } });
    expect(first.label?.trusted).toBe(true);
    const runs = asked.length;
    const deep = await execute({ depth: 3, context: tainted });
    expect([deep.isError, asked.length]).toEqual([true, runs]);
    expect(deep.resultJson).toContain('too deep');
  });

  it('[a2a:turn-loop-parts] takes text and data, and says so of files', async () => {
    const message = {
      ...says('x').message,
      parts: [{ ...says('x').message.parts[0], content: { $case: 'raw', value: Buffer.from('x') } }],
    };
    const sent = (await clientOf()).sendMessage({ ...says('x'), message: message as never });
    await expect(sent).rejects.toThrow('no files');
  });
});
