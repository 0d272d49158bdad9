import { afterEach, describe, expect, it } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import { createLogger } from '@sallyport/chassis/log';
import { type InProcess, inProcess } from '@sallyport/chassis/rpc/testing';
import { DecisionService } from '@sallyport/proto/policy/v1/policy_pb';
import { decisionStream } from './decision-stream.ts';

const log = createLogger({ service: 'test', write: () => undefined });
let served: InProcess<typeof DecisionService> | undefined;
afterEach(() => served?.close());

/** What is answered, in its order; `slow` is ready only after two others were answered. */
async function answers(asked: object[][]) {
  const others = Promise.withResolvers<void>();
  const service = {
    async decideCalls({ trajectory }: { trajectory: string }) {
      if (trajectory === 'slow') await others.promise;
      if (trajectory === 'bad') throw new GatewayError('unavailable', 'Not now.', { retryAfterMs: 5 });
      if (trajectory === 'fault') throw new TypeError('secret of ours');
      return { decisions: [{ rule: trajectory }] };
    },
    decideResult: async () => ({ remembered: true }),
  };
  const decide = decisionStream(service);
  served = await inProcess(DecisionService, { ...service, decideTools: async () => ({}), decide }, { log });
  const stream = served.client.decide({ timeoutMs: 5_000 });
  for (const one of asked) await stream.send({ asked: one });
  stream.end();
  const got: [number, string | undefined][] = [];
  for await (const { answered } of stream.messages) {
    for (const { id, calls, result, error } of answered) {
      const remembered = result?.remembered ? 'remembered' : undefined;
      got.push([id, calls?.decisions[0]?.rule ?? remembered ?? `${error?.code} ${error?.message}`]);
      if (got.length === 2) others.resolve();
    }
  }
  return got;
}
const about = (id: number, trajectory: string) => ({ id, calls: { trajectory } });

describe('the stream of decisions', () => {
  it('[policy:decision-stream] answers all that was asked before it ends, each as it is ready', async () => {
    const got = await answers([[about(1, 'slow'), about(2, 'fast')], [{ id: 3, result: {} }]]);
    expect(got.at(-1)).toEqual([1, 'slow']);
    expect(got).toHaveLength(3);
    expect(got).toContainEqual([3, 'remembered']);
  });

  it('[policy:decision-stream] fails one question alone, without a word of what is internal', async () => {
    const got = await answers([[about(1, 'bad'), about(2, 'fault'), { id: 3 }, about(4, 'good')]]);
    expect(Object.fromEntries(got)).toEqual({
      1: 'unavailable Not now.',
      2: expect.stringMatching(/^internal (?!.*secret)/),
      3: 'invalid_request Nothing was asked.',
      4: 'good',
    });
  });
});
