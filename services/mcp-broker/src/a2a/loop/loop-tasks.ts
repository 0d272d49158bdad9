import { hkdfSync } from 'node:crypto';
import type { Postgres } from '@sallyport/chassis/postgres';
import { sealer } from '@sallyport/chassis/seal';
import { sweepExpired } from '@sallyport/chassis/sweep-expired';
import type { Label } from '@sallyport/turn';
import type { IdScope } from '../agent-ids.ts';
import type { TaskState } from '../forms.ts';

/** What a task has come to. */
export interface LoopSaid {
  /** The answer, as far as it was given. */
  readonly text: string;
  /** What the gateway says of the state; ''. */
  readonly words: string;
  /** By which the next turn of its conversation goes on; '' for none. */
  readonly response: string;
  /** What the turn waits for. */
  readonly questions: readonly string[];
  readonly approvals: readonly string[];
  /** Of what its model has read. */
  readonly label: Label;
}

/** A task of an agent that is the gateway's own. */
export interface LoopTask extends LoopSaid {
  readonly id: string;
  readonly contextId: string;
  readonly state: TaskState;
}

/** A task as it is kept. */
export interface KeptTask extends LoopTask {
  /** Ids of messages that it took, as the agent is told them; the last of them. */
  readonly messages: readonly string[];
}

/** States in which a task is left as it is. */
export type Outcome = Extract<
  TaskState,
  'TASK_STATE_COMPLETED' | 'TASK_STATE_FAILED' | 'TASK_STATE_INPUT_REQUIRED' | 'TASK_STATE_CANCELED'
>;

/**
 * Tasks of a principal, for all replicas. One that is at work is of the process that works on it, which says again and again
 * that it lives; once that is silent the task has failed.
 */
export interface LoopTasks {
  begin(scope: IdScope, task: LoopTask, messageId: string): Promise<void>;
  find(scope: IdScope, id: string): Promise<KeptTask | undefined>;
  /** What the task of a conversation said that ended last, by whose response it goes on; undefined where none did. */
  endedLast(scope: IdScope, contextId: string): Promise<LoopSaid | undefined>;
  /** Takes a task that waits for input to work on what a message says; false where it does not wait any more. */
  resume(scope: IdScope, id: string, messageId: string): Promise<boolean>;
  /** Says that the process lives; false where the task is not at work any more: it was cancelled. */
  beat(scope: IdScope, id: string): Promise<boolean>;
  /** Ends the work on a task; false where it was not at work any more. */
  settle(scope: IdScope, id: string, state: Outcome, said: LoopSaid): Promise<boolean>;
  /** Cancels a task that is not over; false where it is. */
  cancel(scope: IdScope, id: string): Promise<boolean>;
  /** Forgets some of what has expired before a time (epoch milliseconds); answers how much. */
  sweep(nowMs: number): Promise<number>;
}

/** How often a process says that it works on a task. */
export const BEAT_MS = 1_000;
const ALIVE_MS = 15_000;
/** So many messages of a task are known again. */
const MESSAGES = 100;
const OWN = 'tenant = $1 and principal_id = $2 and user_id = $3 and server_uid = $4';
const AT_WORK = "state = 'TASK_STATE_WORKING'";
const PARKED = "state = 'TASK_STATE_INPUT_REQUIRED'";
const after = (at: number) => `now() + $${at}::float8 * interval '1 ms'`;

type Row = {
  readonly context_id: string;
  readonly state: TaskState;
  readonly said: Buffer;
  readonly alive: boolean;
  readonly messages: readonly string[];
};

const GONE = 'The process that worked on it is gone.';

/** Keeps them in Postgres for `ttlMs` after their last change, what was said sealed under a key that comes of `secret`. */
export function createLoopTasks(postgres: Postgres, secret: string, ttlMs: number): LoopTasks {
  const key = new Uint8Array(hkdfSync('sha256', secret, '', 'tasks of agents', 32));
  const seal = sealer([{ id: 'tasks', key }]);
  const bound = (scope: IdScope, id: string) => [...whose(scope), id].join('\n');
  const sealed = (scope: IdScope, id: string, { text, words, response, questions, approvals, label }: LoopSaid) => {
    const said: LoopSaid = { text, words, response, questions, approvals, label };
    return seal.seal(Buffer.from(JSON.stringify(said)), bound(scope, id));
  };
  const opened = (scope: IdScope, id: string, { said }: Pick<Row, 'said'>) =>
    JSON.parse(seal.open(said, bound(scope, id)).toString()) as LoopSaid;
  const change = async (scope: IdScope, id: string, set: string, where: string, values: readonly unknown[] = []) =>
    await postgres.withTenant(scope.principal.tenant, async (client) => {
      const { rowCount } = await client.query(`update loop_tasks set ${set} where ${OWN} and id = $5 and ${where}`, [
        ...whose(scope),
        id,
        ...values,
      ]);
      return rowCount === 1;
    });
  return {
    begin: (scope, { id, contextId, state, ...said }, messageId) =>
      postgres.withTenant(scope.principal.tenant, async (client) => {
        await client.query(
          `insert into loop_tasks (tenant, principal_id, user_id, server_uid, id, context_id, state, said, running_until, changed_at, expires_at, messages)
             values ($1, $2, $3, $4, $5, $6, $7, $8, ${after(9)}, now(), ${after(10)}, array[$11])`,
          [...whose(scope), id, contextId, state, sealed(scope, id, said), ALIVE_MS, ttlMs, messageId],
        );
      }),
    find: (scope, id) =>
      postgres.withTenant(scope.principal.tenant, async (client) => {
        const { rows } = await client.query<Row>(
          `select context_id, state, said, running_until > now() as alive, messages from loop_tasks
             where ${OWN} and id = $5 and expires_at > now()`,
          [...whose(scope), id],
        );
        const [row] = rows;
        if (row === undefined) return undefined;
        const said = opened(scope, id, row);
        const task = { id, contextId: row.context_id, state: row.state, messages: row.messages, ...said };
        const isDead = row.state === 'TASK_STATE_WORKING' && !row.alive;
        return isDead ? { ...task, state: 'TASK_STATE_FAILED', words: GONE } : task;
      }),
    endedLast: (scope, contextId) =>
      postgres.withTenant(scope.principal.tenant, async (client) => {
        const { rows } = await client.query<Row & { id: string }>(
          `select id, said from loop_tasks where ${OWN} and context_id = $5 and state = 'TASK_STATE_COMPLETED'
             and expires_at > now() order by changed_at desc limit 1`,
          [...whose(scope), contextId],
        );
        const [row] = rows;
        return row && opened(scope, row.id, row);
      }),
    resume: (scope, id, messageId) =>
      change(
        scope,
        id,
        `state = 'TASK_STATE_WORKING', running_until = ${after(6)}, changed_at = now(),
         messages = messages[cardinality(messages) - ${MESSAGES - 2}:] || $7::text`,
        PARKED,
        [ALIVE_MS, messageId],
      ),
    beat: (scope, id) => change(scope, id, `running_until = ${after(6)}`, AT_WORK, [ALIVE_MS]),
    settle: (scope, id, state, said) =>
      change(scope, id, `state = $6, said = $7, changed_at = now(), expires_at = ${after(8)}`, AT_WORK, [
        state,
        sealed(scope, id, said),
        ttlMs,
      ]),
    cancel: (scope, id) =>
      change(scope, id, `state = 'TASK_STATE_CANCELED', changed_at = now()`, `(${AT_WORK} or ${PARKED})`),
    sweep: (nowMs) => sweepExpired(postgres, ['loop_tasks'], nowMs),
  };
}

function whose({ principal, serverUid }: IdScope): string[] {
  return [principal.tenant, principal.id, principal.user, serverUid];
}
