import { type Finding, findCondition } from '@sallyport/custom-resources';

/** A condition that holds. */
export function holds(type: string, reason: string, message = ''): Finding {
  return { type, status: 'True', reason, message };
}

/** A condition that does not hold. */
export function fails(type: string, reason: string, message: string): Finding {
  return { type, status: 'False', reason, message };
}

/** A condition of which it is not known whether it holds. */
export function unknown(type: string, reason: string, message: string): Finding {
  return { type, status: 'Unknown', reason, message };
}

/** What `Ready` needs of another condition: to be True, or only not to be False. */
export type Need = readonly [type: string, need: 'True' | 'notFalse'];

/** Sums conditions up in `Ready`: the first that is not as needed lends its reason and message. */
export function readyBy(findings: readonly Finding[], needs: readonly Need[]): Finding {
  for (const [type, need] of needs) {
    const found = findCondition(findings, type);
    if (found?.status === 'True' || (need === 'notFalse' && found?.status !== 'False')) continue;
    if (found === undefined) return unknown('Ready', 'Pending', `${type} is not known yet`);
    return { ...found, type: 'Ready', message: found.message };
  }
  return holds('Ready', 'Ready');
}
