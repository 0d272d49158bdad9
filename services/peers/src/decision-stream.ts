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
/** Messages that may be under way before questions wait for each other. */
const MOST_UNDER_WAY = 2;
/** How long they wait for each other at most. */
const GATHER_MS = 1;

/** Questions that went out together, as long as one of them is not answered. */
interface Sent {
  open: number;
}

interface Waiting {
  sent?: Sent;
  readonly done: (answer: AnsweredDecision) => void;
  /** The stream broke before the answer. */
  readonly lost: () => void;
}

interface Lane {
  readonly openedAt: number;
  readonly waiting: Map<number, Waiting>;
  ask(one: Asked): void;
  /** Nobody waits for an answer to this question any more. */
  over(id: number): void;
  /** Ends the stream if it is not the current one any more and waits for nothing. */
  retire(): void;
}

/**
 * Asks policy about calls and results over one stream at a time: a message on a stream costs both sides a third of a call,
 * mostly for the kernel, TLS and waking up, whatever is in it. What is asked in the same turn of the event loop is one
 * message, and so is what is asked while two are under way, for a millisecond at most: what is asked alone waits for
 * nothing, and under load a message holds what eight calls ask. What a broken stream leaves open is asked once more
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
    let underWay = 0;
    let scheduled = false;
    let timer: NodeJS.Timeout | undefined;
    const end = () => {
      clearTimeout(timer);
      if (lane === opened) lane = undefined;
      for (const one of [...waiting.values()]) one.lost();
    };
    const failed = () => {
      awayUntil = performance.now() + AWAY_MS;
      end();
    };
    const flush = () => {
      scheduled = false;
      clearTimeout(timer);
      timer = undefined;
      // Whoever has given up meanwhile needs no answer.
      const asked = batch.filter(({ id }) => waiting.has(id as number));
      batch = [];
      if (asked.length === 0) return;
      underWay++;
      const sent: Sent = { open: asked.length };
      for (const { id } of asked) (waiting.get(id as number) as Waiting).sent = sent;
      stream.send({ asked }).catch(() => undefined);
    };
    const schedule = () => {
      if (scheduled || batch.length === 0) return;
      if (underWay < MOST_UNDER_WAY) {
        scheduled = true;
        setImmediate(flush);
      } else timer ??= setTimeout(flush, GATHER_MS);
    };
    const opened: Lane = {
      openedAt: now,
      waiting,
      ask(one) {
        batch.push(one);
        schedule();
      },
      over(id) {
        const sent = waiting.get(id)?.sent;
        waiting.delete(id);
        if (sent === undefined || --sent.open > 0) return;
        underWay--;
        schedule();
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
        at.over(id);
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
