import { MAX_DEPTH } from '@sallyport/chassis/rpc/call-context';
import { uuidv7 } from '@sallyport/chassis/uuid';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import { join, type Label } from '@sallyport/turn';
import type { Server } from '../../catalog/catalog.ts';
import { callScope } from '../../upstream/call-scope.ts';
import { agentExchange } from '../exchange.ts';
import { isAtRest, type Message, type Reply, type Task, type TaskStatus } from '../forms.ts';
import { CODES, type Operation } from '../revisions.ts';
import { AgentRefusal, type AgentRpc } from '../rpc.ts';
import { type CallRun, callRun } from './call-run.ts';
import { type LoopRun, newTask } from './loop-run.ts';
import type { KeptTask, LoopTask } from './loop-tasks.ts';
import { cancelled, type Loops } from './loops.ts';

/** Ways through the gateway that one more agent takes: to the turn, and from there to its tools. */
const FURTHER = 2;
const TOO_DEEP = -32_000;
const REPLY = 'reply';
/** How often it is looked how a task stands that another process works on. */
const LOOK_MS = 1_000;

interface Asked {
  readonly loops: Loops;
  readonly server: Server;
  readonly principal: Principal;
  readonly run: CallRun;
  readonly signal: AbortSignal;
}

/** An agent that is the gateway's own, spoken to as if it were elsewhere: the same requests and answers, without a network. */
export function loopRpc(server: Server, loops: Loops): AgentRpc {
  const begin = (signal: AbortSignal): Asked => {
    const run = callRun.getStore();
    const principal = callScope.getStore()?.principal;
    if (run === undefined || principal === undefined) throw new TypeError('an agent was called in no run');
    return { loops, server, principal, run, signal };
  };
  return {
    async ask(_card, operation, params, signal) {
      const asked = begin(signal);
      if (operation === 'send') return await send(asked, params as Sent);
      return await about(asked, operation, (params as { id: string }).id);
    },
    async *listen(_card, operation, params, signal) {
      const asked = begin(signal);
      const { id } = params as { id: string };
      const begun = operation === 'stream' ? await started(asked, params as Sent) : await found(asked, id);
      yield* events(asked, begun);
    },
  };
}

interface Sent {
  readonly message: Message;
  readonly configuration?: { readonly returnImmediately?: boolean };
}

/** A task with the work on it where this process does that. */
interface Standing {
  readonly task: LoopTask;
  readonly run: LoopRun | undefined;
}

async function send(asked: Asked, params: Sent): Promise<Reply> {
  const { run, task } = await started(asked, params);
  if (run === undefined || (params.configuration?.returnImmediately === true && mayOutlive() !== undefined)) {
    return { task: taskOf(asked, task) };
  }
  // Who leaves before the answer never learns the id of a task that they began. One that was there is theirs to come back for.
  const isTheirs = params.message.taskId !== undefined && mayOutlive() !== undefined;
  try {
    for await (const piece of run.follow(asked.signal, reading(asked))) if ('ended' in piece) break;
  } catch (error) {
    if (!isTheirs) run.leave(cancelled());
    throw error;
  }
  return { task: taskOf(asked, run.task()) };
}

/** Begins the work that a message asks for, or goes on with it. */
async function started(asked: Asked, { message }: Sent): Promise<Standing> {
  const { loops, server, principal, run, signal } = asked;
  if (run.depth + FURTHER > MAX_DEPTH) {
    throw new AgentRefusal(
      TOO_DEEP,
      `Agents call each other too deep: at most ${MAX_DEPTH} calls lead from one to the next.`,
    );
  }
  const said = message.parts.map((part) => {
    if (part.text !== undefined) return part.text;
    if (part.data !== undefined) return JSON.stringify(part.data);
    throw new AgentRefusal(CODES.contentType, 'This agent takes text and data, and no files.');
  });
  const askAgain = mayOutlive();
  if (message.taskId === undefined) {
    const task = newTask(uuidv7(), message.contextId ?? uuidv7());
    await loops.tasks.begin(scopeOf(asked), task, message.messageId);
    return { task, run: begun(asked, { server, principal, run, task, said, askAgain }) };
  }
  const standing = await found(asked, message.taskId);
  // A client that did not hear the answer sends it again.
  if (standing.messages.includes(message.messageId)) return standing;
  const { task } = standing;
  if (task.state !== 'TASK_STATE_INPUT_REQUIRED') throw takesNone();
  const isDecided = await loops.decided(principal, task, signal);
  if (!isDecided) return { task, run: undefined };
  if (!(await loops.tasks.resume(scopeOf(asked), task.id, message.messageId))) {
    const now = await found(asked, task.id);
    if (now.messages.includes(message.messageId)) return now;
    // Another message was first: what this one says nobody would hear.
    throw takesNone();
  }
  return { task, run: begun(asked, { server, principal, run, task, said, askAgain }) };
}

function takesNone(): AgentRefusal {
  return new AgentRefusal(CODES.unsupported, 'The task takes no message now: it is over, or it is being worked on.');
}

/** Begins the work; where it cannot, the task that was kept for it is over. */
function begun({ loops }: Asked, work: Parameters<Loops['begin']>[0]): LoopRun {
  try {
    return loops.begin(work);
  } catch (error) {
    const words = 'Too many agents are at work.';
    const scope = { principal: work.principal, serverUid: work.server.uid };
    void loops.tasks.settle(scope, work.task.id, 'TASK_STATE_FAILED', { ...work.task, words }).catch(() => undefined);
    throw error;
  }
}

async function about(asked: Asked, operation: Operation, id: string): Promise<Task> {
  const { loops } = asked;
  if (operation === 'cancel') {
    if (!(await loops.tasks.cancel(scopeOf(asked), id))) {
      throw new AgentRefusal(CODES.taskNotCancelable, 'The task is over.');
    }
    loops.underWay(scopeOf(asked), id)?.leave(cancelled());
    const { task } = await found(asked, id);
    return taskOf(asked, { ...task, state: 'TASK_STATE_CANCELED', words: '' });
  }
  const { task, run } = await found(asked, id);
  return taskOf(asked, run?.task() ?? task);
}

async function found(asked: Asked, id: string): Promise<Standing & Pick<KeptTask, 'messages'>> {
  const { loops } = asked;
  const run = loops.underWay(scopeOf(asked), id);
  const task = await loops.tasks.find(scopeOf(asked), id);
  if (task === undefined) throw new AgentRefusal(CODES.taskNotFound, 'There is no such task.');
  return { task: run === undefined || isAtRest(task.state) ? task : run.task(), run, messages: task.messages };
}

/** The events of a task from now on: as it stands, what it says, how it ends. */
async function* events(asked: Asked, { task, run }: Standing): AsyncGenerator<Reply> {
  const { signal } = asked;
  if (run === undefined) {
    yield* looked(asked, task);
    return;
  }
  const follow = run.follow(signal, reading(asked));
  yield { task: taskOf(asked, run.task()) };
  for await (const piece of follow) {
    const at = { taskId: run.id, contextId: run.contextId };
    if ('ended' in piece) yield { statusUpdate: { ...at, status: statusOf(piece.ended), metadata: undefined } };
    else {
      const artifact = artifactOf(piece.text);
      yield { artifactUpdate: { ...at, artifact, append: !piece.first, lastChunk: undefined, metadata: undefined } };
    }
  }
}

/** The same of a task that another process works on, or nobody any more: it is looked at until it is at rest. */
async function* looked(asked: Asked, first: LoopTask): AsyncGenerator<Reply> {
  yield { task: taskOf(asked, first) };
  for (let { state } = first; !isAtRest(state); ) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    asked.signal.throwIfAborted();
    const { task } = await found(asked, first.id);
    ({ state } = task);
    if (isAtRest(state)) yield { task: taskOf(asked, task) };
  }
}

/** Where a client can come back for a task, the work on it goes on without them. */
function mayOutlive() {
  return agentExchange.getStore()?.askAgain;
}

function reading({ run }: Asked): (label: Label) => void {
  return (label) => {
    run.read = join(run.read, label);
  };
}

function taskOf(asked: Asked, task: LoopTask): Task {
  reading(asked)(task.label);
  const { id, contextId, text } = task;
  const artifacts = text === '' ? undefined : [artifactOf(text)];
  return { id, contextId, status: statusOf(task), artifacts, history: undefined, metadata: undefined };
}

function artifactOf(text: string) {
  return { artifactId: REPLY, name: undefined, description: undefined, parts: [{ text }], metadata: undefined };
}

function statusOf({ id, contextId, state, words }: LoopTask): TaskStatus {
  const timestamp = new Date().toISOString();
  if (words === '') return { state, message: undefined, timestamp };
  const parts = [{ text: words }];
  const message: Message = {
    messageId: uuidv7(),
    role: 'ROLE_AGENT',
    parts,
    contextId,
    taskId: id,
    referenceTaskIds: undefined,
    metadata: undefined,
  };
  return { state, message, timestamp };
}

function scopeOf({ principal, server }: Asked) {
  return { principal, serverUid: server.uid };
}
