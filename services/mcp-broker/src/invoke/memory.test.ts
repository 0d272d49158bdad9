import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import { createLogger } from '@sallyport/chassis/log';
import { PrincipalSchema } from '@sallyport/proto/principal/v1/principal_pb';
import { untrusted } from '@sallyport/turn';
import { keyedDigest } from '../digests.ts';
import { beginTurn } from './admit.ts';
import { resultMemory } from './memory.ts';
import { shownAnswer } from './shown.ts';

const digest = keyedDigest('digest-secret-of-the-tests-0123456789');
const log = createLogger({ service: 'test', level: 'error' });
const MAIL = untrusted('tool:mail/read');

/** Has results of several principals remembered at once; answers what became of each, and the sizes of the requests. */
async function remembered(texts: Readonly<Record<string, string[]>>, refuses: (trajectories: string[]) => string) {
  const requests: { trajectories: string[]; fingerprints: number }[] = [];
  const client = {
    async remember({ released = [] }: { released?: readonly { trajectory?: string; fingerprints?: unknown[] }[] }) {
      await new Promise((resolve) => setTimeout(resolve, 5));
      const trajectories = released.map(({ trajectory = '' }) => trajectory);
      requests.push({
        trajectories,
        fingerprints: released.reduce((sum, one) => sum + (one.fingerprints?.length ?? 0), 0),
      });
      const code = refuses(trajectories);
      if (code !== '') throw new GatewayError(code as never, 'refused');
      return {} as never;
    },
  };
  const memory = resultMemory(client as never, digest, log);
  const outcomes = await Promise.allSettled(
    Object.entries(texts).map(([id, words]) => {
      const principal = create(PrincipalSchema, { tenant: id, id: `key:${id}`, keyId: id });
      const turn = beginTurn({ principal, access: { policyRevision: '' } as never }, {}, new AbortController().signal);
      turn.trajectory = id;
      const result = { callId: 'c', status: 'done', isError: false, label: MAIL, contextLabel: MAIL };
      const tool = { exposedName: 'mail__read', server: { name: 'mail' }, definition: { name: 'read' } };
      const shown = shownAnswer({ content: [], structuredContent: { words }, isError: false } as never);
      return memory.remember(turn, { tool: tool as never, written: {} }, result as never, shown);
    }),
  );
  return { outcomes: outcomes.map(({ status }) => status), requests };
}

describe('results that are remembered together', () => {
  it('[broker:memory-apart] one that policy refuses fails alone', async () => {
    const { outcomes } = await remembered({ a: ['x'], b: ['y'], bad: ['z'], c: ['w'] }, (trajectories) =>
      trajectories.includes('bad') ? 'invalid_request' : '',
    );
    expect(outcomes).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
  });

  it('[broker:memory-apart] are not asked about one by one where policy is away', async () => {
    const { outcomes, requests } = await remembered({ a: ['x'], b: ['y'], c: ['z'], d: ['w'] }, () => 'unavailable');
    expect(outcomes).toEqual(['rejected', 'rejected', 'rejected', 'rejected']);
    expect(requests).toHaveLength(2);
  });

  it('[broker:memory-apart] are no more values at once than policy takes', async () => {
    const words = (of: string) => Array.from({ length: 2_500 }, (_, at) => `somebody-${of}-${at}@example.org`);
    const all = Object.fromEntries(Array.from({ length: 64 }, (_, at) => [`t${at}`, words(String(at))]));
    const { outcomes, requests } = await remembered(all, () => '');
    expect(new Set(outcomes)).toEqual(new Set(['fulfilled']));
    expect(Math.max(...requests.map((one) => one.fingerprints))).toBeLessThan(20_000);
  });
});
