import type { FetchLike } from '@modelcontextprotocol/client';
import { GatewayError } from '@sallyport/chassis/errors';
import type { Outbound, OutboundResponse } from '@sallyport/chassis/http/fetch';
import type { Credentials, CredentialUse } from '@sallyport/peers/credentials';
import type { Server } from '../catalog/catalog.ts';
import { callScope } from './call-scope.ts';
import { endedStream } from './ended-stream.ts';

/** A tool may think for long before its first byte; the call's own time ends it (`callScope`). */
const HEADERS_MS = 3_700_000;
/** How long a server may take for a notice or for the end of a session, which nobody waits for. */
const NOTICE_MS = 10_000;
const NO_BODY = new Set([101, 204, 205, 304]);

/** What a server's requests are made with. */
export interface FetchOptions {
  readonly outbound: Outbound;
  readonly credentials: Pick<Credentials, 'lease' | 'drop'>;
}

/** One request to a tool server. */
export interface ServerRequest {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: string | undefined;
  /** Signals that end it. */
  readonly signals: readonly AbortSignal[];
}

/** Sends a request to a tool server. Throws GatewayError `upstream_credentials` where the server refuses the credential. */
export type ServerSend = (url: URL, request: ServerRequest) => Promise<OutboundResponse>;

/**
 * Sends over guarded, pooled connections, with the ToolServer's own headers and credential and nothing of the caller's.
 */
export function serverSend(server: Server, options: FetchOptions): ServerSend {
  const { remote, credentials } = server.spec;
  const origin = new URL(remote.url).origin;
  return async (url, { method, headers, body, signals }) => {
    for (const [name, value] of Object.entries(remote.headers ?? {})) headers[name.toLowerCase()] = value;
    const drop = await addCredential(server, headers, url.origin === origin, options.credentials);
    const answer = await options.outbound.request(url, {
      method,
      headers,
      body,
      signal: signals.length > 1 ? AbortSignal.any([...signals]) : signals[0],
      headersMs: HEADERS_MS,
      bodyIdleMs: HEADERS_MS,
    });
    if (answer.status === 401 || answer.status === 403) {
      drop();
      await answer.discard();
      throw new GatewayError('upstream_credentials', 'The tool server refused the credential.', {
        details: { status: answer.status },
      });
    }
    return answer;
  };

  async function addCredential(
    of: Server,
    headers: Record<string, string>,
    sameOrigin: boolean,
    leases: FetchOptions['credentials'],
  ): Promise<() => void> {
    const scope = callScope.getStore();
    // The credential is bound to the origin that it was granted for (DESIGN section 3).
    if (credentials === undefined || !sameOrigin || !scope) return () => {};
    const { tenant, name, uid } = of;
    const { secretRef: ref, perPrincipal } = credentials;
    const own = perPrincipal !== undefined;
    const use: CredentialUse = { tenant, ref, perPrincipal: own, kind: 'ToolServer', name, uid, origin };
    const lease = await leases.lease(use, scope.principal);
    scope.credential = lease.reference;
    const value = credentials.scheme === '' ? lease.value : `${credentials.scheme} ${lease.value}`;
    headers[credentials.header.toLowerCase()] = value;
    return () => leases.drop(use, scope.principal);
  }
}

/**
 * `fetch` for the MCP client, with an end to what may come back. Redirects are not followed across origins by the client,
 * and each hop passes the guard.
 */
export function guardedFetch(send: ServerSend, maxResultBytes: number): FetchLike {
  return async (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input);
    const headers = new Headers(init?.headers);
    // A stream for messages of the server's own asking: none is offered here (no sampling, elicitation or roots). One that
    // resumes an answer carries the id of its last event.
    if (init?.method === 'GET' && !headers.has('last-event-id')) return new Response(null, { status: 405 });
    const body = typeof init?.body === 'string' ? init.body : undefined;
    const id = body === undefined ? undefined : requestId(body);
    // What tells the server that a call was cancelled must go out although the call's own signal has fired, but no
    // server may keep it waiting for long. A GET goes on with the answer to a call.
    const isOfCall = id !== undefined || init?.method === 'GET';
    const ending = isOfCall ? callScope.getStore()?.signal : AbortSignal.timeout(NOTICE_MS);
    const signals = [init?.signal, ending].filter((one) => one != null);
    const method = init?.method ?? 'GET';
    const answer = await send(url, { method, headers: Object.fromEntries(headers), body, signals });
    return responseOf(answer, id, maxResultBytes);
  };
}

function responseOf(answer: OutboundResponse, id: string | number | undefined, maxBytes: number): Response {
  const headers = new Headers();
  for (const [name, value] of Object.entries(answer.headers)) {
    for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined) headers.append(name, one);
  }
  // undici's `request` leaves bodies as they were sent; nothing but identity was asked for.
  if ((headers.get('content-encoding') ?? 'identity') !== 'identity') {
    void answer.discard();
    throw new GatewayError('upstream_invalid', 'The tool server answered in an encoding that was not asked for.');
  }
  if (NO_BODY.has(answer.status)) {
    void answer.discard();
    return new Response(null, { status: answer.status, headers });
  }
  const bounded = atMost(answer.body, maxBytes);
  const streams = headers.get('content-type')?.startsWith('text/event-stream') === true;
  const body = streams && id !== undefined ? endedStream(bounded, id) : bounded;
  return new Response(ReadableStream.from(body) as unknown as ReadableStream<Uint8Array>, {
    status: answer.status,
    headers,
  });
}

/** A body that ends with an error beyond a number of bytes. */
export async function* atMost(body: AsyncIterable<Buffer>, maxBytes: number): AsyncGenerator<Buffer> {
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.length;
    if (bytes > maxBytes) {
      throw new GatewayError('upstream_invalid', `The tool server's answer is larger than ${maxBytes} bytes.`);
    }
    yield chunk;
  }
}

function requestId(body: string): string | number | undefined {
  const message = JSON.parse(body) as { id?: string | number };
  return message.id;
}
