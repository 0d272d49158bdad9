import { GatewayError } from '@sallyport/chassis/errors';
import { toDetail } from '@sallyport/chassis/rpc/error-trailer';
import type { CallContext, ServiceImpl } from '@sallyport/chassis/rpc/server';
import { rootSpan } from '@sallyport/chassis/tracing';
import type { AskedDecision, DecisionService } from '@sallyport/proto/policy/v1/policy_pb';

type Service = ServiceImpl<typeof DecisionService>;
type Answers = Service['decide'] extends (...args: never[]) => AsyncIterable<infer A> ? A : never;
type Answered = NonNullable<Answers['answered']>[number];

const NAME = 'sallyport.policy.v1.DecisionService/Decide';
// Whoever asks has a bound of its own below this.
const MAX_OPEN = 10_000;

/**
 * Serves DecideCalls and DecideResult over one stream: questions are answered side by side, and what is answered in the same
 * turn of the event loop goes out as one message. A question that fails fails alone. At the end of the requests the stream
 * ends once all is answered.
 */
export function decisionStream(service: Pick<Service, 'decideCalls' | 'decideResult'>): Service['decide'] {
  const answer = async (one: AskedDecision, context: CallContext): Promise<Answered> => {
    const { id, calls, result } = one;
    try {
      if (calls !== undefined) return { id, calls: await service.decideCalls(calls, context) };
      if (result !== undefined) return { id, result: await service.decideResult(result, context) };
      throw new GatewayError('invalid_request', 'Nothing was asked.');
    } catch (error) {
      const detail = toDetail(error);
      if (detail.code === 'internal') context.log.error('a decision failed', { error });
      return { id, error: detail };
    }
  };
  return async function* decide(requests, context) {
    let ready: Answered[] = [];
    let open = 0;
    let ended = false;
    let failure: unknown;
    let scheduled = false;
    let wake: () => void = () => undefined;
    const tell = () => {
      if (scheduled) return;
      scheduled = true;
      setImmediate(() => {
        scheduled = false;
        wake();
      });
    };
    const take = async (one: AskedDecision) => {
      const { traceparent, tracestate, baggage } = one;
      const answered = await rootSpan(NAME, { traceparent, tracestate, baggage }, {}, () => answer(one, context));
      ready.push(answered);
      open--;
      tell();
    };
    const read = async () => {
      for await (const { asked } of requests) {
        open += asked.length;
        if (open > MAX_OPEN) throw new GatewayError('unavailable', 'Too much is asked at once.');
        for (const one of asked) void take(one);
      }
    };
    read()
      .catch((error: unknown) => {
        failure = error;
      })
      .finally(() => {
        ended = true;
        tell();
      });
    for (;;) {
      if (ready.length > 0) {
        const answered = ready;
        ready = [];
        yield { answered };
      } else if (failure !== undefined) throw failure;
      else if (ended && open === 0) return;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  };
}
