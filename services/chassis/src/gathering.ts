import { GatewayError } from './errors.ts';

const MAX_WAITING = 10_000;

/** How requests are gathered. */
export interface GatheringOptions<A, B> {
  /** Most requests that are answered together. */
  readonly most: number;
  /** How many groups may be under way at once. */
  readonly parallel: number;
  /** Answers a group, in its order. */
  readonly answer: (group: readonly A[]) => Promise<readonly B[]>;
}

/**
 * Answers together what is asked in the same turn of the event loop, or while as many groups as may be are under way: a
 * round trip costs the same for one and for many. Nothing waits for time to pass. A group that fails fails for each of its
 * requests, with the same error. The caller bounds how much may wait.
 */
export function gathering<A, B>({ most, parallel, answer }: GatheringOptions<A, B>): (request: A) => Promise<B> {
  let waiting: { request: A; done: (of: B) => void; failed: (error: unknown) => void }[] = [];
  let underWay = 0;
  let scheduled = false;
  const begin = async (): Promise<void> => {
    const group = waiting.slice(0, most);
    waiting = waiting.slice(most);
    underWay++;
    try {
      const answers = await answer(group.map(({ request }) => request));
      for (const [index, { done, failed }] of group.entries()) {
        if (index < answers.length) done(answers[index] as B);
        else failed(new Error('A group was answered in part.'));
      }
    } catch (error) {
      for (const { failed } of group) failed(error);
    } finally {
      underWay--;
      if (waiting.length > 0) schedule();
    }
  };
  const schedule = (): void => {
    if (scheduled || underWay >= parallel) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      while (waiting.length > 0 && underWay < parallel) void begin();
    });
  };
  return (request) =>
    new Promise<B>((done, failed) => {
      if (waiting.length >= MAX_WAITING) throw new GatewayError('unavailable', 'Too much waits to be answered.');
      waiting.push({ request, done, failed });
      schedule();
    });
}
