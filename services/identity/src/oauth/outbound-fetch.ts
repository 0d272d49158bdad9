import { GatewayError } from '@sallyport/chassis/errors';
import { type Outbound, outbound } from '@sallyport/chassis/http/fetch';
import { urlGuard } from '@sallyport/chassis/net/guard';
import type { Component } from '@sallyport/chassis/process';

/** The web's fetch through the URL guard: no redirects, bounded in time and size. */
export type GuardedFetch = (url: string | URL, init?: RequestInit) => Promise<Response>;

/** Fetches for documents of strangers, and for hosts that a resource lets be private. */
export interface OutboundFetch extends Component {
  readonly public: GuardedFetch;
  readonly private: GuardedFetch;
}

const TIMEOUTS = { connectMs: 2_000, headersMs: 5_000, bodyIdleMs: 5_000 };
const TOTAL_MS = 8_000;
const MAX_BYTES = 256 * 1024;
const WITHOUT_BODY = new Set([204, 205, 304]);

/** Opens both. `trusted`: further CA certificates (PEM) for hosts that may be private. */
export function outboundFetch(trusted?: string): OutboundFetch {
  const strangers = outbound({ guard: urlGuard(), timeouts: TIMEOUTS, maxConnections: 16 });
  const known = outbound({
    guard: urlGuard({ allowPrivate: true, allowHttp: true }),
    timeouts: TIMEOUTS,
    maxConnections: 16,
    ...(trusted === undefined ? {} : { tls: { ca: trusted } }),
  });
  return {
    name: 'outbound fetch',
    public: fetchBy(strangers),
    private: fetchBy(known),
    async stop() {
      await Promise.all([strangers, known].map((one) => one.stop()));
    },
  };
}

function fetchBy(calls: Pick<Outbound, 'request'>): GuardedFetch {
  return async (url, init = {}) => {
    const signal = AbortSignal.any([AbortSignal.timeout(TOTAL_MS), ...(init.signal ? [init.signal] : [])]);
    const headers = Object.fromEntries(new Headers(init.headers).entries());
    const answer = await calls.request(url, {
      method: init.method ?? 'GET',
      headers,
      body: bodyOf(init.body),
      signal,
    });
    const text = await answer.text(MAX_BYTES);
    const body = WITHOUT_BODY.has(answer.status) ? null : text;
    return new Response(body, { status: answer.status, headers: flat(answer.headers) });
  };
}

function bodyOf(body: RequestInit['body']): string | undefined {
  if (body === undefined || body === null) return undefined;
  if (typeof body === 'string' || body instanceof URLSearchParams) return body.toString();
  throw new GatewayError('internal', 'A body of this kind is not sent.');
}

function flat(headers: Readonly<Record<string, string | string[] | undefined>>): Headers {
  const kept = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    // What was decoded on the way here is no longer encoded.
    if (value === undefined || name === 'content-encoding' || name === 'content-length') continue;
    for (const one of [value].flat()) kept.append(name, one);
  }
  return kept;
}
