import type { MessageInitShape } from '@bufbuild/protobuf';
import { reasonOf } from '@sallyport/chassis/deadline';
import { GatewayError } from '@sallyport/chassis/errors';
import type { CallOptions, Client } from '@sallyport/chassis/rpc/client';
import { fromDetail } from '@sallyport/chassis/rpc/error-trailer';
import { inject } from '@sallyport/chassis/tracing';
import type {
  AnsweredDecision,
  AskedDecisionSchema,
  DecideResponse,
  DecisionService,
} from '@sallyport/proto/policy/v1/policy_pb';

type Decisions = Client<typeof DecisionService>;
type Asked = MessageInitShape<typeof AskedDecisionSchema>;

/** How long a stream is used: policy's pods share the work anew with each, and connections end now and then. */
const STREAM_MS = 10_000;
/** How long questions go by calls of their own after a stream could not be had. */
const AWAY_MS = 1_000;
/** More that wait for an answer at once go by calls of their own, which have bounds too. */
const MAX_OPEN = 2_000;

interface Waiting {
  readonly done: (answer: AnsweredDecision) => void;
  /** The stream broke before the answer. */
  readonly lost: () => void;
}

interface Lane {
  readonly openedAt: number;
  readonly waiting: Map<number, Waiting>;
  ask(one: Asked): void;
  /** Ends the stream if it is not the current one any more and waits for nothing. */
  retire(): void;
}

/**
 * Asks policy about calls and results over one stream at a time: a message on a stream costs both sides a third of a call,
 * and what is asked in the same turn of the event loop is one message. What a broken stream leaves open is asked once more
 * by a call of its own, since both questions may be asked twice. Answers and errors are those of the plain client.
 */
export function decisionStream(client: Decisions): Pick<Decisions, 'decideCalls' | 'decideResult'> {
  let lane: Lane | undefined;
  let awayUntil = 0;
  let lastId = 0;

  const open = (now: number): Lane => {
    const stream = client.decide({ timeoutMs: Number.POSITIVE_INFINITY });
    const waiting = new Map<number, Waiting>();
    let batch: Asked[] = [];
    const end = () => {
      if (lane === opened) lane = undefined;
      for (const one of [...waiting.values()]) one.lost();
    };
    const failed = () => {
      awayUntil = performance.now() + AWAY_MS;
      end();
    };
    const flush = () => {
      const asked = batch;
      batch = [];
      stream.send({ asked }).catch(() => undefined);
    };
    const opened: Lane = {
      openedAt: now,
      waiting,
      ask(one) {
        if (batch.push(one) === 1) setImmediate(flush);
      },
      retire() {
        if (lane !== opened && waiting.size === 0) stream.end();
      },
    };
    const read = async (messages: AsyncIterable<DecideResponse>) => {
      for await (const { answered } of messages) {
        for (const one of answered) waiting.get(one.id)?.done(one);
      }
    };
    read(stream.messages).then(end, failed);
    return opened;
  };

  const current = (): Lane | undefined => {
    const now = performance.now();
    if (lane !== undefined && now - lane.openedAt > STREAM_MS) {
      const old = lane;
      lane = open(now);
      old.retire();
    }
    if (lane === undefined && now >= awayUntil) lane = open(now);
    return lane !== undefined && lane.waiting.size < MAX_OPEN ? lane : undefined;
  };

  const ask = <A>(
    name: string,
    question: Asked,
    options: CallOptions,
    read: (answer: AnsweredDecision) => A | undefined,
    plain: (timeoutMs: number) => Promise<A>,
  ): Promise<A> => {
    const { signal, timeoutMs } = options;
    if (signal?.aborted) return Promise.reject(reasonOf(signal));
    const at = current();
    if (at === undefined) return plain(timeoutMs);
    const id = ++lastId;
    const headers: Record<string, string> = {};
    inject((header, value) => {
      headers[header] = value;
    });
    return new Promise<A>((resolve, reject) => {
      const deadlineMs = Date.now() + timeoutMs;
      const leave = () => {
        at.waiting.delete(id);
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
        at.retire();
      };
      const onAbort = () => {
        leave();
        reject(reasonOf(signal as AbortSignal));
      };
      const timer = setTimeout(() => {
        leave();
        reject(new GatewayError('deadline_exceeded', `${name} did not answer within ${timeoutMs} ms.`));
      }, timeoutMs);
      signal?.addEventListener('abort', onAbort, { once: true });
      at.waiting.set(id, {
        done(answer) {
          leave();
          const given = read(answer);
          if (given !== undefined) resolve(given);
          else if (answer.error !== undefined) reject(fromDetail(answer.error));
          else reject(new GatewayError('internal', `${name} was answered with nothing.`));
        },
        lost() {
          leave();
          resolve(plain(Math.max(1, deadlineMs - Date.now())));
        },
      });
      const { traceparent = '', tracestate = '', baggage = '' } = headers;
      at.ask({ ...question, id, traceparent, tracestate, baggage });
    });
  };

  return {
    decideCalls: (calls, options) =>
      ask(
        'DecideCalls',
        { calls },
        options,
        (answer) => answer.calls,
        (timeoutMs) => client.decideCalls(calls, { ...options, timeoutMs }),
      ),
    decideResult: (result, options) =>
      ask(
        'DecideResult',
        { result },
        options,
        (answer) => answer.result,
        (timeoutMs) => client.decideResult(result, { ...options, timeoutMs }),
      ),
  };
}
