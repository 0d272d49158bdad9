import {
  Client,
  type JSONRPCMessage,
  ProtocolError,
  SdkError,
  SdkHttpError,
  StreamableHTTPClientTransport,
} from '@modelcontextprotocol/client';
import { asGatewayError, GatewayError, isErrorCode } from '@sallyport/chassis/errors';
import { MAX_TOOLS } from '@sallyport/custom-resources/tool-server-pins';
import { isOfferingCall } from '@sallyport/turn';
import { z } from 'zod';
import type { Definition, JsonObject } from '../catalog/definition.ts';
import { revisionOf } from '../protocol.ts';
import { type Ask, askBy, type Offers, offersOf } from './asking.ts';
import { type Caller, callerOfCall, readLog, readProgress } from './caller.ts';
import { BROKEN_STREAM } from './ended-stream.ts';
import { guardedFetch } from './guarded-fetch.ts';
import { usableByMarks } from './header-marks.ts';
import { listBound } from './list-bound.ts';
import { unmarked } from './long-numbers.ts';
import { olderCalls } from './older-calls.ts';
import type { Askable } from './open-calls.ts';
import { plainAsk, plainCalls } from './plain-call.ts';
import { plainExchange } from './plain-exchange.ts';
import { type OpenResourceLine, resourceLines } from './resource-line.ts';
import type { ServerSend } from './server-send.ts';
import { type StandingStream, standingStream } from './standing-stream.ts';
import { watchBy } from './watching.ts';

/** What a tool gave back, as an MCP CallToolResult without `_meta`. */
export interface ToolAnswer {
  readonly content: readonly JsonObject[];
  readonly structuredContent?: unknown;
  readonly isError: boolean;
  /** It is no result: the server asks the user for something first (`Caller.asked`). */
  readonly asks?: boolean;
}

/** A client that has shaken hands with a tool server, on whichever line of MCP the server speaks. */
export interface Connection {
  /** The server keeps a session: it must not be shared between principals. */
  readonly stateful: boolean;
  /** It is of the older line, whose servers ask users while a call is under way. */
  readonly older?: boolean;
  /** Raw definitions of all pages. */
  list(signal: AbortSignal, timeoutMs: number): Promise<unknown[]>;
  call(definition: Definition, args: JsonObject, signal: AbortSignal, timeoutMs: number): Promise<ToolAnswer>;
  /** What the server has besides tools, and how it is asked for it; absent: nothing. */
  readonly offers?: Offers;
  readonly ask?: Ask;
  /** Listens for changes of its lists until the signal fires; absent: it tells of none. */
  readonly watch?: ((told: () => void, signal: AbortSignal) => Promise<void>) | undefined;
  /** Hears of changes of single resources; absent: it tells of none. */
  readonly updates?: OpenResourceLine | undefined;
  /** Ends the session once nothing is under way. */
  close(): Promise<void>;
}

const MAX_PAGES = 64;
/** The signal ends a call first; this only keeps the client's own 60 s from doing so. */
const CLIENT_LEAD_MS = 5_000;
const page = z.looseObject({ tools: z.array(z.unknown()), nextCursor: z.string().optional() });

/**
 * Connects: asks by `server/discover` first and falls back to `initialize`. Nothing is offered that a server could ask for but,
 * with `askable`, what users of calls are asked, or models.
 */
export async function connectTo(
  url: string,
  line: { readonly send: ServerSend; readonly maxResultBytes: number },
  signal: AbortSignal,
  timeoutMs: number,
  askable?: Askable,
): Promise<Connection> {
  const client = new Client(
    { name: 'sallyport', version: '0.1.0' },
    {
      capabilities: {
        ...(askable?.elicits === true ? { elicitation: { form: {}, url: {} } } : {}),
        ...(askable?.samples === true ? { sampling: {} } : {}),
      },
      versionNegotiation: { mode: 'auto' },
      inputRequired: { autoFulfill: false },
      // Schemas of strangers are not compiled into functions here; results are checked by our own bounded check.
      jsonSchemaValidator: {
        getValidator: () => (input) => ({ valid: true, data: input as never, errorMessage: undefined }),
      },
    },
  );
  // On whose stream it comes, its caller keeps it until the result is decided.
  client.setNotificationHandler('notifications/message', ({ params }) => {
    const logged = readLog(params);
    if (logged !== undefined) callerOfCall.getStore()?.log?.(logged);
  });
  const transport = new StreamableHTTPClientTransport(new URL(url), {
    fetch: guardedFetch(line.send, line.maxResultBytes),
    reconnectionOptions: {
      initialReconnectionDelay: 200,
      maxReconnectionDelay: 2_000,
      reconnectionDelayGrowFactor: 2,
      maxRetries: 3,
    },
  });
  try {
    await client.connect(transport, { signal, timeout: timeoutMs + CLIENT_LEAD_MS });
  } catch (error) {
    await transport.close().catch(() => undefined);
    throw upstreamError(error, signal);
  }
  const { onmessage } = transport;
  transport.onmessage = (message, ...more) => onmessage?.call(transport, unmarked(message), ...more);
  const version = client.getNegotiatedProtocolVersion() ?? '';
  const isModern = revisionOf(version)?.era === 'modern';
  const stateless = isModern && transport.sessionId === undefined;
  const plainly = stateless ? plainExchange(url, version, line) : undefined;
  const plain = plainly && plainCalls(plainly, new URL(url).host);
  const standing = isModern ? undefined : standingBy(url, version, transport, line.send);
  let busy = 0;
  let closing = false;
  const end = async () => {
    standing?.close();
    if (transport.sessionId !== undefined) await transport.terminateSession().catch(() => undefined);
    await client.close().catch(() => undefined);
  };
  const whileBusy = async <T>(work: () => Promise<T>): Promise<T> => {
    busy++;
    try {
      return await work();
    } finally {
      busy--;
      if (closing && busy === 0) void end();
    }
  };
  const list: Connection['list'] = async (ending, ms) => {
    const tools: unknown[] = [];
    if (client.getServerCapabilities()?.tools === undefined) return tools;
    let cursor: string | undefined;
    const bound = listBound();
    try {
      for (let pages = 0; pages < MAX_PAGES && tools.length <= MAX_TOOLS; pages++) {
        const params = cursor === undefined ? {} : { cursor };
        const timeout = ms + CLIENT_LEAD_MS;
        const answer = await client.request({ method: 'tools/list', params }, page, { signal: ending, timeout });
        bound(answer.tools);
        const most = answer.tools.slice(0, 2 * MAX_TOOLS);
        tools.push(...(isModern ? most.map(usableByMarks) : most));
        cursor = answer.nextCursor;
        if (cursor === undefined) break;
      }
    } catch (error) {
      throw upstreamError(error, ending);
    }
    return tools;
  };
  const call: Connection['call'] = async (definition, args, ending, ms) => {
    const { name, inputSchema } = definition;
    if (plain && !mirrors(definition)) return await plain(definition, args, ending);
    // The definition tells the client which arguments this revision mirrors into headers.
    const toolDefinition = { name, inputSchema: inputSchema as { type: 'object' } };
    const timeout = ms + CLIENT_LEAD_MS;
    try {
      const answer = await client.callTool(
        { name, arguments: args },
        { signal: ending, timeout, maxTotalTimeout: timeout, toolDefinition, ...progressTo(callerOfCall.getStore()) },
      );
      return {
        content: answer.content as unknown as JsonObject[],
        ...(answer.structuredContent === undefined ? {} : { structuredContent: answer.structuredContent }),
        isError: answer.isError === true,
      };
    } catch (error) {
      if (error instanceof ProtocolError && error.code !== BROKEN_STREAM) {
        // The server's refusal of the call. Its words are content like any result's, and are decided as such.
        return { content: [{ type: 'text', text: error.message }], isError: true };
      }
      throw upstreamError(error, ending);
    }
  };
  const whileOpen: Connection['call'] = (...args) => whileBusy(() => call(...args));
  const inSession = standing !== undefined && (transport.sessionId !== undefined || askable !== undefined);
  const callAny = inSession ? olderCalls({ client, standing, askable, url, call: whileOpen }) : whileOpen;
  const byClient = askBy(client, CLIENT_LEAD_MS, upstreamError);
  const byUs = plainly && plainAsk(plainly, new URL(url).host);
  const ask: Ask = (method, ...rest) => (isOfferingCall(method) ? (byUs ?? byClient) : byClient)(method, ...rest);
  return {
    stateful: transport.sessionId !== undefined,
    older: !isModern,
    list: (...args) => whileBusy(() => list(...args)),
    call: callAny,
    watch: watchBy(client, standing),
    updates: resourceLines(client, standing),
    offers: offersOf(client),
    ask: (...args) => whileBusy(() => ask(...args)),
    async close() {
      closing = true;
      if (busy === 0) await end();
    },
  };
}

/** What comes on the stream beside all calls is told to the client as if it had opened that, which it would read without bound. */
function standingBy(
  url: string,
  version: string,
  transport: StreamableHTTPClientTransport,
  send: ServerSend,
): StandingStream {
  return standingStream({
    url: new URL(url),
    send,
    headers: () => ({
      'mcp-protocol-version': version,
      ...(transport.sessionId === undefined ? {} : { 'mcp-session-id': transport.sessionId }),
    }),
    told: (message) => transport.onmessage?.(message as unknown as JSONRPCMessage),
  });
}

function progressTo(caller: Caller | undefined): object {
  if (caller?.progress === undefined) return {};
  return {
    onprogress(params: unknown) {
      const read = readProgress(params);
      // Asked for anew: a call that waited for its user has another request to tell it on.
      if (read !== undefined) caller.progress?.(read.done, read.total);
    },
  };
}

const mirroring = new WeakMap<Definition, boolean>();

/** Whether the server wants arguments repeated in headers (2026-07-28, `x-mcp-header`). */
function mirrors(definition: Definition): boolean {
  const known = mirroring.get(definition) ?? JSON.stringify(definition.inputSchema).includes('"x-mcp-header"');
  mirroring.set(definition, known);
  return known;
}

/** True where the server no longer knows the session: nothing was run, so the call may be made anew. */
export function isLostSession(error: unknown): boolean {
  return error instanceof GatewayError && error.details?.lostSession === true;
}

function upstreamError(caught: unknown, signal: AbortSignal): GatewayError {
  if (signal.aborted && signal.reason instanceof GatewayError) return signal.reason;
  if (caught instanceof GatewayError) return caught;
  for (let cause = causeOf(caught), depth = 0; cause !== undefined && depth < 5; cause = causeOf(cause), depth++) {
    if (cause instanceof GatewayError) return cause;
  }
  if (caught instanceof ProtocolError) {
    const code = (caught.data as { code?: unknown } | undefined)?.code;
    const known =
      caught.code === BROKEN_STREAM && typeof code === 'string' && isErrorCode(code) ? code : 'upstream_error';
    return new GatewayError(
      known,
      caught.code === BROKEN_STREAM ? caught.message : 'The tool server refused the request.',
      { cause: caught },
    );
  }
  if (caught instanceof SdkHttpError) {
    const { status } = caught;
    return new GatewayError('upstream_error', `The tool server answered with status ${status}.`, {
      cause: caught,
      details: { status, ...(status === 404 ? { lostSession: true } : {}) },
    });
  }
  if (caught instanceof SdkError || caught instanceof SyntaxError || caught instanceof z.ZodError) {
    return new GatewayError('upstream_invalid', 'The tool server does not answer as MCP says.', { cause: caught });
  }
  if (signal.aborted) return asGatewayError(signal.reason);
  return new GatewayError('upstream_error', 'The tool server cannot be reached or broke off.', { cause: caught });
}

function causeOf(error: unknown): unknown {
  return (error as { cause?: unknown } | undefined)?.cause;
}
