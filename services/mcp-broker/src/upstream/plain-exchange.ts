import { GatewayError } from '@sallyport/chassis/errors';
import { readSse } from '@sallyport/chassis/http/sse';
import { isJsonObject, parseExact } from '@sallyport/turn';
import { META } from '../protocol.ts';
import { type Caller, callerOfCall, readLog, readProgress } from './caller.ts';
import { atMost } from './guarded-fetch.ts';
import type { ServerSend } from './server-send.ts';

/** What a server answered to one request: a result, or a refusal. */
export type Answered =
  | { readonly result: Record<string, unknown> }
  | { readonly refused: { readonly code: unknown; readonly message: string; readonly data: unknown } };

/** Sends one request about something of this name. Throws GatewayError where there is no answer to it. */
export type PlainExchange = (
  method: string,
  name: string | undefined,
  params: object,
  signal: AbortSignal,
) => Promise<Answered>;

const ACCEPT = 'application/json, text/event-stream';
const ENVELOPE = {
  [META.clientInfo]: { name: 'sallyport', version: '0.1.0' },
  [META.clientCapabilities]: {},
};

/**
 * Speaks to a server of a revision without sessions: one POST, one answer, as JSON or as the last event of a stream. What
 * the server tells on the way goes to the caller of the call, as far as that takes it.
 */
export function plainExchange(
  url: string,
  version: string,
  line: { readonly send: ServerSend; readonly maxResultBytes: number },
): PlainExchange {
  let lastId = 0;
  const target = new URL(url);
  const meta = { [META.protocolVersion]: version, ...ENVELOPE };
  return async (method, name, params, signal) => {
    const id = ++lastId;
    const caller = callerOfCall.getStore();
    const whole = caller === undefined ? { ...params, _meta: meta } : withCaller(params, meta, id, caller);
    const headers: Record<string, string> = {
      'content-type': 'application/json',
      accept: ACCEPT,
      'mcp-protocol-version': version,
      'mcp-method': method,
    };
    if (name !== undefined) headers['mcp-name'] = headerText(name);
    const body = JSON.stringify({ jsonrpc: '2.0', id, method, params: whole });
    const answer = await line.send(target, { method: 'POST', headers, body, signals: [signal] });
    const { status } = answer;
    const type = String(answer.headers['content-type'] ?? '');
    const encoding = answer.headers['content-encoding'] ?? 'identity';
    if (encoding === 'identity' && type.startsWith('application/json')) {
      return answeredBy(parsed(await answer.text(line.maxResultBytes)), id, status);
    }
    if (encoding === 'identity' && type.startsWith('text/event-stream')) {
      const events = readSse(atMost(answer.body, line.maxResultBytes), { maxEventBytes: line.maxResultBytes, signal });
      for await (const { data } of events) {
        const message = parsed(data);
        if (!isObject(message)) continue;
        if (message.id === id && !('method' in message)) return answeredBy(message, id, status);
        if (caller !== undefined) tell(message, id, caller);
      }
      throw new GatewayError('upstream_error', 'The tool server ended its answer early.');
    }
    await answer.discard();
    throw status >= 400 ? failed(status) : invalid();
  };
}

/** The params of a request, with what its caller takes and brings. */
function withCaller(params: object, meta: object, id: number, caller: Caller): object {
  const { progress, elicitation, roots, sampling, sends, logLevel } = caller;
  const modes = elicitation && { ...(elicitation.form ? { form: {} } : {}), ...(elicitation.url ? { url: {} } : {}) };
  const can = {
    ...(modes === undefined ? {} : { elicitation: modes }),
    ...(roots === undefined ? {} : { roots: {} }),
    ...(sampling === undefined ? {} : { sampling: {} }),
  };
  return {
    ...params,
    ...(sends === undefined ? {} : { inputResponses: sends.responses }),
    ...(sends?.state === undefined ? {} : { requestState: sends.state }),
    _meta: {
      ...meta,
      ...(progress === undefined ? {} : { progressToken: id }),
      [META.clientCapabilities]: can,
      ...(logLevel === undefined ? {} : { [META.logLevel]: logLevel }),
    },
  };
}

function tell({ method, params }: Record<string, unknown>, id: number, { progress, log }: Caller): void {
  if (!isObject(params)) return;
  if (method === 'notifications/progress' && params.progressToken === id) {
    const read = readProgress(params);
    if (read !== undefined) progress?.(read.done, read.total);
  } else if (method === 'notifications/message') {
    const read = readLog(params);
    if (read !== undefined) log?.(read);
  }
}

function answeredBy(message: unknown, id: number, status: number): Answered {
  if (!isObject(message) || message.jsonrpc !== '2.0') throw status >= 400 ? failed(status) : invalid();
  const { error, result } = message;
  if (error != null && result != null) throw invalid();
  if (isObject(error) && typeof error.message === 'string') {
    // What is no refusal of this call is a fault of the line: a proxy's error, or one about no request.
    if (message.id !== id) throw status >= 400 ? failed(status) : invalid();
    return { refused: { code: error.code, message: error.message, data: error.data } };
  }
  if (message.id !== id || !isObject(result)) throw invalid();
  return { result };
}

function parsed(text: string): unknown {
  try {
    return parseExact(text);
  } catch {
    throw invalid();
  }
}

/** Tells whether a value is a JSON object. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return isJsonObject(value);
}

// MCP 2026-07-28: what is no plain ASCII is sent as base64 in this form.
function headerText(name: string): string {
  const plain = /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(name) && !name.startsWith('=?base64?');
  return plain ? name : `=?base64?${Buffer.from(name).toString('base64')}?=`;
}

function failed(status: number): GatewayError {
  return new GatewayError('upstream_error', `The tool server answered with status ${status}.`, { details: { status } });
}

/** The fault of an answer that is none of MCP. */
export function invalid(): GatewayError {
  return new GatewayError('upstream_invalid', 'The tool server does not answer as MCP says.');
}
