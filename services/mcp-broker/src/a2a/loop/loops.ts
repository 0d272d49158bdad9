import { asGatewayError, GatewayError } from '@sallyport/chassis/errors';
import type { Logger } from '@sallyport/chassis/log';
import type { Component } from '@sallyport/chassis/process';
import type { Client } from '@sallyport/chassis/rpc/client';
import { awaitApprovals } from '@sallyport/peers/approval-wait';
import { labelOf, wireLabel } from '@sallyport/peers/decision-wire';
import { openWork } from '@sallyport/peers/open-work';
import type { Principals } from '@sallyport/peers/principals';
import type { LoopService } from '@sallyport/proto/models/v1/models_pb';
import { type ApprovalService, ApprovalState } from '@sallyport/proto/policy/v1/approval_pb';
import type { Principal } from '@sallyport/proto/principal/v1/principal_pb';
import { approvalText, join, TRUSTED } from '@sallyport/turn';
import type { Server } from '../../catalog/catalog.ts';
import { shares } from '../../downstream/shares.ts';
import type { IdScope } from '../agent-ids.ts';
import type { CallRun } from './call-run.ts';
import { LoopRun } from './loop-run.ts';
import { BEAT_MS, type LoopTask, type LoopTasks, type Outcome } from './loop-tasks.ts';

/** Work on a task. */
export interface LoopWork {
  readonly server: Server;
  readonly principal: Principal;
  readonly run: CallRun;
  readonly task: LoopTask;
  /** What the user says, a text a part. */
  readonly said: readonly string[];
  /** Tells who the principal is now, where the work may go on after the call that began it; absent: it ends with that. */
  readonly askAgain: (() => Promise<Principal>) | undefined;
}

/** The agents of this gateway at work. */
export interface Loops extends Component {
  readonly tasks: LoopTasks;
  /** Begins to work on a task, which is kept. Throws GatewayError `unavailable` where too much is under way. */
  begin(work: LoopWork): LoopRun;
  /** The work on a task in this process. */
  underWay(scope: IdScope, id: string): LoopRun | undefined;
  /** Waits a little for the approvals of a task; false where people have not answered. */
  decided(principal: Principal, task: LoopTask, signal: AbortSignal): Promise<boolean>;
}

/** Longest work on one message. */
const MAX_WORK_MS = 900_000;
/** At once in one replica. */
const MOST = { all: 512, tenant: 128, principal: 32 } as const;

/** Puts agents to work, through model-proxy. */
export function createLoops(options: {
  readonly tasks: LoopTasks;
  readonly client: Pick<Client<typeof LoopService>, 'run'>;
  readonly approvals: Pick<Client<typeof ApprovalService>, 'awaitApprovals'>;
  readonly principals: Pick<Principals, 'onRevoked'>;
  /** Where clients reach this gateway; undefined: not known. */
  readonly publicUrl: string | undefined;
  readonly maxTextBytes: number;
  readonly approvalWaitMs: number;
  readonly log: Logger;
}): Loops {
  const { tasks, client, approvals, principals, publicUrl, maxTextBytes, approvalWaitMs, log } = options;
  const open = openWork({ principals, timeoutMs: MAX_WORK_MS });
  const running = new Map<string, { readonly run: LoopRun; readonly over: Promise<void> }>();
  const places = shares(MOST);

  const turn = async (work: LoopWork, run: LoopRun, signal: AbortSignal): Promise<LoopTask> => {
    const { server, principal, run: of, task, said } = work;
    const loop = server.spec.turnLoop;
    if (loop === undefined) throw new GatewayError('not_found', 'There is no such agent.');
    const { model, instructions, servers, maxModelCalls, maxOutputTokens = 0 } = loop;
    const waiting = task.questions.length > 0;
    const from = waiting ? task : await tasks.endedLast(scopeOf(work), task.contextId);
    // What was said before is known by the words that answered it; where there were none, by what was read for them.
    const unanswered = !waiting && from?.text === '' ? from.label : TRUSTED;
    const request = {
      principal,
      trajectory: of.trajectory,
      context: wireLabel(join(of.label, unanswered)),
      model,
      instructions,
      servers: [...servers],
      maxModelCalls,
      maxOutputTokens,
      previous: from?.response ?? '',
      answered: [...task.questions],
      said: [...said],
    };
    const options = { timeoutMs: MAX_WORK_MS, signal, depth: of.depth + 1 };
    for await (const { text, ended } of client.run(request, options)) {
      if (text !== undefined) {
        run.add(text.text, labelOf(text.label));
        if (run.text.length > maxTextBytes) throw new GatewayError('upstream_invalid', 'The answer is too long.');
      } else if (ended !== undefined) {
        const { response, label, questions, approvals: asked, incomplete } = ended;
        run.add('', labelOf(label));
        const waits = questions.length > 0;
        return {
          ...run.task(),
          state: waits ? 'TASK_STATE_INPUT_REQUIRED' : 'TASK_STATE_COMPLETED',
          words: waits ? asks(asked) : incomplete ? 'The answer was cut: the model stopped before it was done.' : '',
          response,
          questions,
          approvals: asked,
        };
      }
    }
    throw new GatewayError('upstream_error', 'The turn ended without saying how.');
  };

  const asks = (ids: readonly string[]) => {
    const base = publicUrl?.replace(/\/+$/, '');
    const links = ids.map((id) =>
      base === undefined ? { id } : { id, link: `${base}/approve/${encodeURIComponent(id)}` },
    );
    return `${approvalText(links)} Once it is decided, send a message to this task: it goes on then.`;
  };

  const make = async (work: LoopWork, run: LoopRun): Promise<void> => {
    const scope = scopeOf(work);
    const entry = open.begin();
    if (work.askAgain !== undefined) entry.own(work.principal, work.askAgain);
    const beat = setInterval(() => {
      tasks.beat(scope, run.id).then(
        (isAtWork) => {
          if (!isAtWork) run.leave(cancelled());
        },
        (error: unknown) => log.debug('A task could not be marked as being worked on', { task: run.id, error }),
      );
    }, BEAT_MS);
    const signal = AbortSignal.any([entry.signal, run.signal]);
    let end: LoopTask;
    try {
      end = await turn(work, run, signal);
    } catch (caught) {
      const error = asGatewayError(signal.aborted ? (signal.reason ?? caught) : caught);
      if (error.code === 'internal') log.error('An agent failed', { server: work.server.name, error: caught });
      const state = error.code === 'cancelled' ? 'TASK_STATE_CANCELED' : 'TASK_STATE_FAILED';
      end = { ...run.task(), state, words: `[${error.code}] ${error.message}` };
    } finally {
      clearInterval(beat);
      entry.end();
    }
    run.end(await settled(scope, end));
  };

  const settled = async (scope: IdScope, end: LoopTask): Promise<LoopTask> => {
    try {
      const isMine = await tasks.settle(scope, end.id, end.state as Outcome, end);
      // Cancelled elsewhere in the last moment: nothing of it is told.
      return isMine ? end : { ...end, state: 'TASK_STATE_CANCELED', words: '' };
    } catch (error) {
      log.warn('The end of a task could not be kept', { task: end.id, error });
      return { ...end, state: 'TASK_STATE_FAILED', words: '[unavailable] What it came to could not be kept.' };
    }
  };

  return {
    name: 'agents at work',
    tasks,
    begin(work) {
      const { principal, task } = work;
      const leave = places.take(principal);
      if (typeof leave === 'string') {
        throw new GatewayError('unavailable', 'Too many agents are at work.', { retryAfterMs: 2_000 });
      }
      const run = new LoopRun(task);
      const key = keyOf(scopeOf(work), task.id);
      const over = make(work, run).finally(() => {
        running.delete(key);
        leave();
      });
      running.set(key, { run, over });
      return run;
    },
    underWay: (scope, id) => running.get(keyOf(scope, id))?.run,
    async decided(principal, { approvals: ids }, signal) {
      const untilMs = Date.now() + approvalWaitMs;
      const asked = { tenant: principal.tenant, ids, untilMs };
      const states = await awaitApprovals(approvals, asked, { signal, log, waits: () => undefined });
      return !states.includes(ApprovalState.PENDING);
    },
    async stop() {
      const all = [...running.values()];
      for (const { run } of all) run.leave(new GatewayError('unavailable', 'The gateway was stopped meanwhile.'));
      await Promise.all(all.map(({ over }) => over));
    },
  };
}

/** The reason of work that is given up because it is not wanted any more. */
export function cancelled(): GatewayError {
  return new GatewayError('cancelled', 'The task was cancelled.');
}

function scopeOf({ principal, server }: Pick<LoopWork, 'principal' | 'server'>): IdScope {
  return { principal, serverUid: server.uid };
}

function keyOf({ principal, serverUid }: IdScope, id: string): string {
  return [principal.tenant, principal.id, principal.user, serverUid, id].join('\n');
}
