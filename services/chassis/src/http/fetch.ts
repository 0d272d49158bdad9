import { createRequire } from 'node:module';
import type { Dispatcher, Agent as UndiciAgent } from 'undici';
import type { EndSignal } from '../ending.ts';
import { GatewayError } from '../errors.ts';
import type { UrlGuard } from '../net/guard.ts';
import type { Component } from '../process.ts';
import { Exchange } from './exchange.ts';
import type { OutboundResponse } from './outbound-response.ts';

export type { OutboundResponse } from './outbound-response.ts';

/** How a process calls out. */
export interface OutboundOptions {
  readonly guard: UrlGuard;
  readonly timeouts: {
    readonly connectMs: number;
    /** Until the first byte of the answer's head. */
    readonly headersMs: number;
    /** Longest silence within the answer's body. */
    readonly bodyIdleMs: number;
  };
  /** Connections kept to one origin; default 256. */
  readonly maxConnections?: number;
  /** Further CA (PEM) and a client certificate for the upstream. */
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
}

/** One call. */
export interface OutboundRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: string | Buffer | undefined;
  readonly signal?: EndSignal | undefined;
  /** How many redirects are followed, each checked anew; default none. */
  readonly redirects?: number;
  /** Overrides of the time until the head and of the silence, for this call. */
  readonly headersMs?: number | undefined;
  readonly bodyIdleMs?: number | undefined;
}

/** Makes calls over kept-alive connections, a pool for each origin. */
export interface Outbound extends Component {
  request(url: string | URL, request?: OutboundRequest): Promise<OutboundResponse>;
  stop(): Promise<void>;
}

// The package as a whole is four times as much: fetch, WebSocket, a cache and more, 2 MB that nothing here uses. It also adds
// `request` and the like to the agent, which this one lacks.
const Agent = createRequire(import.meta.url)('undici/lib/dispatcher/agent.js') as new (
  options: UndiciAgent.Options,
) => Pick<UndiciAgent, 'dispatch' | 'close'>;

const MAX_CHECKED = 256;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const ORIGIN_BOUND = new Set([
  'authorization',
  'cookie',
  'proxy-authorization',
  'x-api-key',
  'x-goog-api-key',
  'api-key',
]);

/** Makes the outbound client. Every URL passes the guard, and names are resolved by it. */
export function outbound(options: OutboundOptions): Outbound {
  const checked = new Map<string, Destination>();
  const agent = new Agent({
    connections: options.maxConnections ?? 256,
    pipelining: 1,
    keepAliveTimeout: 30_000,
    keepAliveMaxTimeout: 300_000,
    headersTimeout: options.timeouts.headersMs,
    bodyTimeout: options.timeouts.bodyIdleMs,
    connect: { timeout: options.timeouts.connectMs, lookup: options.guard.lookup, ...options.tls },
  });
  const once = ({ origin, path }: Destination, request: OutboundRequest): Promise<OutboundResponse> =>
    new Exchange(request.signal).begin(agent, {
      origin,
      path,
      method: (request.method ?? 'GET') as Dispatcher.HttpMethod,
      headers: request.headers as Record<string, string | string[]> | null,
      body: request.body ?? null,
      headersTimeout: request.headersMs ?? null,
      bodyTimeout: request.bodyIdleMs ?? null,
    });
  const destinationOf = (input: string | URL): Destination => {
    const text = typeof input === 'string' ? input : input.href;
    const known = checked.get(text);
    if (known !== undefined) return known;
    const made = destination(options.guard.check(input));
    // What is checked is a property of the text alone; names are resolved and judged anew at each connection.
    if (checked.size >= MAX_CHECKED) checked.clear();
    checked.set(text, made);
    return made;
  };
  const following = async (first: Destination, request: OutboundRequest, most: number): Promise<OutboundResponse> => {
    let to = first;
    let next = request;
    for (let left = most; ; left--) {
      const answer = await once(to, next);
      const location = answer.headers.location;
      if (left <= 0 || typeof location !== 'string' || !REDIRECTS.has(answer.status)) return answer;
      await answer.discard();
      const target = destination(options.guard.check(resolveUrl(location, to.url)));
      next = redirected(next, answer.status, target.origin === to.origin);
      to = target;
    }
  };
  return {
    name: 'outbound',
    stop: () => agent.close(),
    request(input, request = {}) {
      try {
        const to = destinationOf(input);
        const { redirects = 0 } = request;
        return redirects > 0 ? following(to, request, redirects) : once(to, request);
      } catch (error) {
        return Promise.reject(error);
      }
    },
  };
}

/** A checked URL in the parts that a call needs, which a URL makes anew each time it is asked. */
interface Destination {
  readonly url: URL;
  readonly origin: string;
  readonly path: string;
}

function destination(url: URL): Destination {
  return { url, origin: url.origin, path: url.pathname + url.search };
}

function resolveUrl(location: string, base: URL): URL {
  try {
    return new URL(location, base);
  } catch {
    throw new GatewayError('upstream_invalid', 'The upstream redirected to what is not a URL.');
  }
}

/** The request for the target of a redirect (RFC 9110 §15.4): credentials stay with the origin they were given for. */
function redirected(request: OutboundRequest, status: number, sameOrigin: boolean): OutboundRequest {
  const method = request.method ?? 'GET';
  const becomesGet = status === 303 ? method !== 'HEAD' : status < 303 && method === 'POST';
  const headers = Object.fromEntries(
    Object.entries(request.headers ?? {}).filter(([name]) => {
      const lower = name.toLowerCase();
      return (
        (sameOrigin || !ORIGIN_BOUND.has(lower)) &&
        lower !== 'host' &&
        !(becomesGet && (lower.startsWith('content-') || lower === 'transfer-encoding'))
      );
    }),
  );
  return { ...request, headers, ...(becomesGet ? { method: 'GET', body: undefined } : {}) };
}
