// A closed-loop load driver in a process of its own, told what to do over IPC. Each connection sends its next request
// when the last answer is whole. An answer counts as good when it is 2xx and complete.
import { Client, type Dispatcher } from 'undici';

/** One load. */
export interface Load {
  /** Origin, for example http://127.0.0.1:9000. */
  readonly origin: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** An SSE answer is expected: it must have this many data frames and end with [DONE]. 0: a whole answer. */
  readonly frames: number;
  /** What a whole answer holds; a finished chat completion where it is left out. */
  readonly holds?: string;
  /** What a stream ends with; OpenAI's mark where it is left out. */
  readonly ends?: string;
  readonly connections: number;
  /** Ends after so many requests or milliseconds, whichever comes first. */
  readonly requests: number;
  readonly ms: number;
}

/** What a load did. Times in milliseconds. */
export interface LoadResult {
  readonly requests: number;
  readonly bad: number;
  /** Why the first bad answer was bad. */
  readonly why: string;
  readonly seconds: number;
  readonly p50: number;
  readonly p99: number;
  /** Time to the first byte of the body. */
  readonly first50: number;
  readonly first99: number;
}

const ANSWER_MS = 10_000;

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly firstMs: number;
  readonly wholeMs: number;
}

function exchange(client: Client, load: Load): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    let status = 0;
    let firstMs = 0;
    let text = '';
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart() {},
      onResponseStart(_controller, code) {
        status = code;
      },
      onResponseData(_controller, part) {
        if (firstMs === 0) firstMs = performance.now() - began;
        text += part.toString('latin1');
      },
      onResponseEnd() {
        resolve({ status, text, firstMs, wholeMs: performance.now() - began });
      },
      onResponseError(_controller, error) {
        reject(error);
      },
    };
    client.dispatch({ path: load.path, method: 'POST', headers: load.headers, body: load.body }, handler);
  });
}

function faultOf({ status, text }: Answer, load: Load): string {
  if (status < 200 || status > 299) return `status ${status}: ${text.slice(0, 200)}`;
  if (load.frames === 0)
    return text.includes(load.holds ?? '"finish_reason":"stop"') ? '' : `not whole: ${text.slice(0, 200)}`;
  const frames = text.split('\ndata: ').length - 1 + (text.startsWith('data: ') ? 1 : 0);
  const done = text.includes(load.ends ?? 'data: [DONE]\n\n');
  return done && frames === load.frames ? '' : `${frames} frames, ${done ? '' : 'not '}done: ${text.slice(-200)}`;
}

async function run(load: Load): Promise<LoadResult> {
  const clients = Array.from(
    { length: load.connections },
    () =>
      new Client(load.origin, {
        pipelining: 1,
        headersTimeout: ANSWER_MS,
        bodyTimeout: ANSWER_MS,
        keepAliveTimeout: 60_000,
      }),
  );
  const whole: number[] = [];
  const first: number[] = [];
  let [asked, bad, why] = [0, 0, ''];
  const began = performance.now();
  const until = began + load.ms;
  await Promise.all(
    clients.map(async (client) => {
      while (asked < load.requests && performance.now() < until) {
        asked++;
        try {
          const answer = await exchange(client, load);
          const fault = faultOf(answer, load);
          if (fault === '') {
            whole.push(answer.wholeMs);
            first.push(answer.firstMs);
            continue;
          }
          bad++;
          why ||= fault;
        } catch (error) {
          bad++;
          why ||= String(error);
        }
        // A gateway that refuses all must not be asked a hundred thousand times.
        if (bad > 1_000) break;
      }
    }),
  );
  const seconds = (performance.now() - began) / 1000;
  await Promise.all(clients.map((client) => client.destroy()));
  return {
    requests: whole.length,
    bad,
    why,
    seconds,
    p50: percentile(whole, 0.5),
    p99: percentile(whole, 0.99),
    first50: percentile(first, 0.5),
    first99: percentile(first, 0.99),
  };
}

function percentile(values: number[], share: number): number {
  values.sort((a, b) => a - b);
  return values[Math.min(values.length - 1, Math.floor(values.length * share))] ?? Number.NaN;
}

process.on('message', (load: Load) => {
  void run(load).then((result) => process.send?.(result));
});
process.on('disconnect', () => process.exit(0));
