import { describe, expect, it } from '@jest/globals';
import { gathering } from './gathering.ts';

function recorded(parallel: number, most = 10) {
  const groups: number[][] = [];
  const ends: (() => void)[] = [];
  const ask = gathering<number, string>({
    most,
    parallel,
    answer: async (group) => {
      groups.push([...group]);
      await new Promise<void>((resolve) => ends.push(resolve));
      if (group.includes(13)) throw new Error('unlucky');
      return group.map(String);
    },
  });
  const tick = () => new Promise((resolve) => setImmediate(resolve));
  return { groups, ends, ask, tick };
}

describe('gathering', () => {
  it('[chassis:gathering] answers together what is asked at once, each with its own answer', async () => {
    const { groups, ends, ask, tick } = recorded(1);
    const answers = Promise.all([ask(1), ask(2), ask(3)]);
    await tick();
    ends.shift()?.();
    expect(await answers).toEqual(['1', '2', '3']);
    expect(groups).toEqual([[1, 2, 3]]);
  });

  it('[chassis:gathering] gathers what comes meanwhile, no more than fit, and waits for nothing else', async () => {
    const { groups, ends, ask, tick } = recorded(1, 2);
    const first = ask(1);
    await tick();
    const later = [ask(2), ask(3), ask(4)];
    await tick();
    expect(groups).toEqual([[1]]);
    for (let group = 0; group < 3; group++) {
      ends.shift()?.();
      await tick();
      await tick();
    }
    expect(await Promise.all([first, ...later])).toEqual(['1', '2', '3', '4']);
    expect(groups).toEqual([[1], [2, 3], [4]]);
  });

  it('[chassis:gathering] fails those whose group fails, and no others', async () => {
    const { ends, ask, tick } = recorded(2);
    const failing = [ask(12), ask(13)].map((one) => one.catch((error: Error) => error.message));
    await tick();
    const other = ask(14);
    await tick();
    for (const end of ends) end();
    expect(await Promise.all(failing)).toEqual(['unlucky', 'unlucky']);
    expect(await other).toBe('14');
  });
});
