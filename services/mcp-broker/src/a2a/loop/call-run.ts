import { AsyncLocalStorage } from 'node:async_hooks';
import { type Label, replyLabel, TRUSTED } from '@sallyport/turn';
import type { BrokerTool } from '../../catalog/catalog.ts';

/** The run that a call of an agent is made in, for the turn that it begins here. */
export interface CallRun {
  readonly trajectory: string;
  /** Of the arguments, and of all that whoever made them has read. */
  readonly label: Label;
  /** How many calls of the gateway's services led to it. */
  readonly depth: number;
  /** What the agent has read by now: its words are no better. */
  read: Label;
}

/** Says to the agents of this gateway in which run they are called. */
export const callRun = new AsyncLocalStorage<CallRun>();

/** The run of a call, of a tool that is an agent of this gateway; undefined for all others. */
export function runOf({ server }: Pick<BrokerTool, 'server'>, run: Omit<CallRun, 'read'>): CallRun | undefined {
  return server.spec.turnLoop === undefined ? undefined : { ...run, read: TRUSTED };
}

/** Does something in a run; where there is none, it just does it. */
export async function inRun<T>(run: CallRun | undefined, work: () => Promise<T>): Promise<T> {
  return run === undefined ? await work() : await callRun.run(run, work);
}

/** The label of a result as policy decided it; of what an agent of this gateway answered, that of what its model has read. */
export function labelOfResult(decided: Label, rule: string | undefined, run: CallRun | undefined): Label {
  return run === undefined ? decided : replyLabel(run.read, decided, rule);
}
