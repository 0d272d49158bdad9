import { setImmediate as nextTurn } from 'node:timers/promises';

const SLICE_MS = 10;

/** Does work that can be left off at each `yield`, with room for others every ten milliseconds. Throws what it throws. */
export async function inSlices<T>(work: Generator<undefined, T>): Promise<T> {
  for (let began = performance.now(); ; ) {
    const { done, value } = work.next();
    if (done === true) return value;
    if (performance.now() - began < SLICE_MS) continue;
    await nextTurn();
    began = performance.now();
  }
}
