import { afterEach, describe, expect, it } from '@jest/globals';
import { GatewayError } from '@sallyport/chassis/errors';
import { toDetail } from '@sallyport/chassis/rpc/error-trailer';
import { type InProcess, inProcess } from '@sallyport/chassis/rpc/testing';
import { type AskedDecision, DecisionService } from '@sallyport/proto/policy/v1/policy_pb';
import { decisionStream } from './decision-stream.ts';

type Answer = (asked: AskedDecision) => Promise<object> | object;

let served: InProcess<typeof DecisionService> | undefined;
afterEach(() => served?.close());

/** Policy as a test plays it: each question of a stream is answered by `answer`; the message sizes are kept. */
async function played(answer: Answer, breaksAfter = Number.POSITIVE_INFINITY) {
  const messages: number[] = [];
  const plain: string[] = [];
  served = await inProcess(DecisionService, {
    async *decide(requests) {
      for await (const { asked } of requests) {
        messages.push(asked.length);
        if (messages.length > breaksAfter) throw new GatewayError('unavailable', 'The server is stopping.');
        for (const one of asked) yield { answered: [{ id: one.id, ...(await answer(one)) }] };
      }
    },
    async decideCalls({ trajectory }) {
      plain.push(trajectory);
      return { decisions: [{ rule: `plain ${trajectory}` }] };
    },
    decideResult: async () => ({ remembered: true }),
    decideTools: async () => ({}),
  });
  const { decideCalls, decideResult } = decisionStream(served.client);
  const rule = async (trajectory: string, options = {}) =>
    (await decideCalls({ trajectory }, { timeoutMs: 2_000, ...options })).decisions[0]?.rule;
  return { messages, plain, rule, decideResult };
}
const said = (one: AskedDecision) => ({ calls: { decisions: [{ rule: `streamed ${one.calls?.trajectory}` }] } });

describe('decisionStream', () => {
  it('[peers:decision-stream] sends what is asked at once as one message, and gives each its own answer', async () => {
    const { messages, rule, decideResult } = await played((one) => (one.calls ? said(one) : { result: {} }));
    expect(await Promise.all([rule('a'), rule('b'), rule('c')])).toEqual(['streamed a', 'streamed b', 'streamed c']);
    expect(await decideResult({ trajectory: 'a' }, { timeoutMs: 2_000 })).toMatchObject({ remembered: false });
    expect(messages).toEqual([3, 1]);
  });

  it('[peers:decision-stream] sends what is asked while two messages are under way soon and together, answered or not', async () => {
    const messages: number[] = [];
    const arrived = async (count: number) => {
      while (messages.length < count) await new Promise((resolve) => setTimeout(resolve, 1));
    };
    served = await inProcess(DecisionService, {
      async *decide(requests) {
        const held: AskedDecision[] = [];
        for await (const { asked } of requests) {
          messages.push(asked.length);
          held.push(...asked);
          // Nobody has an answer before all four have asked.
          if (held.length === 4) yield { answered: held.map((one) => ({ id: one.id, ...said(one) })) };
        }
      },
      decideCalls: async () => ({}),
      decideResult: async () => ({}),
      decideTools: async () => ({}),
    });
    const { decideCalls } = decisionStream(served.client);
    const asked: Promise<unknown>[] = [];
    const ask = (trajectory: string) => asked.push(decideCalls({ trajectory }, { timeoutMs: 5_000 }));
    ask('a');
    await arrived(1);
    ask('b');
    await arrived(2);
    ask('c');
    ask('d');
    await Promise.all(asked);
    expect(messages).toEqual([1, 1, 2]);
  });

  it('[peers:decision-stream] hands on a failure of one question alone, as it was', async () => {
    const refused = new GatewayError('invalid_request', 'No.', { details: { why: 'so' } });
    const { rule } = await played((one) =>
      one.calls?.trajectory === 'bad' ? { error: toDetail(refused) } : said(one),
    );
    const [bad, good] = await Promise.allSettled([rule('bad'), rule('good')]);
    expect(bad).toMatchObject({ reason: { code: 'invalid_request', message: 'No.', details: { why: 'so' } } });
    expect(good).toMatchObject({ value: 'streamed good' });
  });

  it('[peers:decision-stream] asks once more by a call what a broken stream left open, and then for a while', async () => {
    const { rule, plain } = await played(said, 1);
    expect(await rule('a')).toBe('streamed a');
    expect(await rule('b')).toBe('plain b');
    expect(await rule('c')).toBe('plain c');
    expect(plain).toEqual(['b', 'c']);
  });

  it('[peers:decision-stream] keeps to deadlines and signals', async () => {
    const { rule } = await played(() => new Promise(() => undefined));
    await expect(rule('a', { timeoutMs: 50 })).rejects.toMatchObject({ code: 'deadline_exceeded' });
    const leaving = new AbortController();
    const asked = rule('b', { signal: leaving.signal });
    leaving.abort(new GatewayError('cancelled', 'gone'));
    await expect(asked).rejects.toMatchObject({ code: 'cancelled' });
    await expect(rule('c', { signal: leaving.signal })).rejects.toMatchObject({ code: 'cancelled' });
  });
});
