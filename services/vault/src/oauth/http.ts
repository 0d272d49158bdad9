import { withTimeout } from '@sallyport/chassis/deadline';
import { asGatewayError } from '@sallyport/chassis/errors';
import { type Outbound, outbound } from '@sallyport/chassis/http/fetch';
import { urlGuard } from '@sallyport/chassis/net/guard';
import type { Component } from '@sallyport/chassis/process';
import { away } from './answers.ts';

/** How long one request to an authorization server may take, all in all. */
export const REQUEST_MS = 6_000;
const MAX_ANSWER_BYTES = 256 * 1024;
const AWAY: ReadonlySet<string> = new Set(['upstream_error', 'upstream_timeout', 'deadline_exceeded']);
const NO_BODY = new Set([101, 204, 205, 304]);

/** Requests to authorization servers and their metadata: guarded, bounded in time and size, never redirected. */
export interface OAuthHttp extends Component {
  /** `fetch` for a tool server that may, or may not, lead to private addresses. */
  fetchFor(allowPrivate: boolean): (url: string, init?: FetchInit) => Promise<Response>;
  stop(): Promise<void>;
}

/** What is sent, as oauth4webapi hands it over. */
export interface FetchInit {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
}

/** Makes it; `requestMs` is for tests. */
export function oauthHttp(requestMs: number = REQUEST_MS): OAuthHttp {
  const timeouts = { connectMs: Math.min(3_000, requestMs), headersMs: requestMs, bodyIdleMs: requestMs };
  const open = outbound({ guard: urlGuard({ allowPrivate: true, allowHttp: true }), timeouts, maxConnections: 32 });
  const closed = outbound({ guard: urlGuard(), timeouts, maxConnections: 32 });
  const through =
    (line: Outbound) =>
    async (url: string, init: FetchInit = {}) => {
      const signal = withTimeout(init.signal, requestMs);
      const { method = 'GET', headers = {}, body } = init;
      const text = body === undefined || body === null ? undefined : String(body);
      try {
        const answer = await line.request(url, { method, headers, body: text, signal });
        const received = new Headers();
        for (const [name, value] of Object.entries(answer.headers)) {
          for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined) received.append(name, one);
        }
        const content = await answer.text(MAX_ANSWER_BYTES);
        return new Response(NO_BODY.has(answer.status) ? null : content, { status: answer.status, headers: received });
      } catch (error) {
        throw AWAY.has(asGatewayError(error).code) ? away(error) : error;
      }
    };
  return {
    name: 'authorization servers',
    fetchFor: (allowPrivate) => through(allowPrivate ? open : closed),
    async stop() {
      await Promise.all([open.stop(), closed.stop()]);
    },
  };
}
