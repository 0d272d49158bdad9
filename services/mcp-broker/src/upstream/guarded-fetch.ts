import type { FetchLike } from '@modelcontextprotocol/client';
import { GatewayError } from '@sallyport/chassis/errors';
import type { OutboundResponse } from '@sallyport/chassis/http/fetch';
import { callScope } from './call-scope.ts';
import { endedStream } from './ended-stream.ts';
import { markedNumbers } from './long-numbers.ts';
import { paced } from './pace.ts';
import type { ServerSend } from './server-send.ts';

/** How long a server may take for a notice or for the end of a session, which nobody waits for. */
const NOTICE_MS = 10_000;
/** How much of what it listens for a server may tell in a second. */
const NOTICES_A_SECOND = 64 * 1024;
const NO_BODY = new Set([101, 204, 205, 304]);

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
    const { id, method: asked } = body === undefined ? {} : requestIn(body);
    // What tells the server that a call was cancelled must go out although the call's own signal has fired, but no
    // server may keep it waiting for long. A GET goes on with the answer to a call.
    const isOfCall = id !== undefined || init?.method === 'GET';
    const ending = isOfCall ? callScope.getStore()?.signal : AbortSignal.timeout(NOTICE_MS);
    const signals = [init?.signal, ending].filter((one) => one != null);
    const method = init?.method ?? 'GET';
    const answer = await send(url, { method, headers: Object.fromEntries(headers), body, signals });
    const pace = headers.get('mcp-method') === 'subscriptions/listen' ? signals : undefined;
    // A stream that goes on with an answer may go on with that to a call.
    const ofTool = asked === 'tools/call' || init?.method === 'GET';
    return responseOf(answer, { id, ofTool }, maxResultBytes, pace);
  };
}

function responseOf(
  answer: OutboundResponse,
  { id, ofTool }: { readonly id: string | number | undefined; readonly ofTool: boolean },
  maxBytes: number,
  pace: readonly AbortSignal[] | undefined,
): Response {
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
  const read = pace === undefined ? answer.body : paced(answer.body, NOTICES_A_SECOND, AbortSignal.any([...pace]));
  const bounded = atMost(read, maxBytes);
  const streams = headers.get('content-type')?.startsWith('text/event-stream') === true;
  const exact = ofTool ? markedNumbers(bounded, streams) : bounded;
  const body = streams && id !== undefined ? endedStream(exact, id) : exact;
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

function requestIn(body: string): { readonly id?: string | number; readonly method?: string } {
  return JSON.parse(body) as { id?: string | number; method?: string };
}
