import { GatewayError } from '@sallyport/chassis/errors';
import { readSse } from '@sallyport/chassis/http/sse';
import type { Definition, JsonObject } from '../catalog/definition.ts';
import { META } from '../protocol.ts';
import { readAskedInput } from './asked-input.ts';
import { type Caller, callerOfCall, readProgress } from './caller.ts';
import type { ToolAnswer } from './connection.ts';
import { atMost } from './guarded-fetch.ts';
import type { ServerSend } from './server-send.ts';

/** Makes one `tools/call`. Throws GatewayError where there is no answer of the tool. */
export type PlainCall = (definition: Definition, args: JsonObject, signal: AbortSignal) => Promise<ToolAnswer>;

const ACCEPT = 'application/json, text/event-stream';
const ENVELOPE = {
  [META.clientInfo]: { name: 'sallyport', version: '0.1.0' },
  [META.clientCapabilities]: {},
};

/**
 * Calls tools of a server that speaks a revision without sessions: one POST, one answer, as JSON or as the last event of a
 * stream. The official client validates each answer against schemas of all that MCP knows, for ten times the CPU; it
 * remains for the handshake, for listing, for servers that keep sessions and for arguments that are mirrored in headers.
 */
export function plainCalls(
  url: string,
  version: string,
  line: { readonly send: ServerSend; readonly maxResultBytes: number },
): PlainCall {
  let lastId = 0;
  const target = new URL(url);
  const meta = { [META.protocolVersion]: version, ...ENVELOPE };
  return async ({ name }, args, signal) => {
    const id = ++lastId;
    const caller = callerOfCall.getStore();
    const params = paramsOf({ name, arguments: args, _meta: meta }, id, caller);
    const answer = await line.send(target, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: ACCEPT,
        'mcp-protocol-version': version,
        'mcp-method': 'tools/call',
        'mcp-name': headerText(name),
      },
      body: JSON.stringify({ jsonrpc: '2.0', id, method: 'tools/call', params }),
      signals: [signal],
    });
    const { status } = answer;
    const type = String(answer.headers['content-type'] ?? '');
    const encoding = answer.headers['content-encoding'] ?? 'identity';
    if (encoding === 'identity' && type.startsWith('application/json')) {
      return resultOf(parsed(await answer.text(line.maxResultBytes)), id, status, caller);
    }
    if (encoding === 'identity' && type.startsWith('text/event-stream')) {
      const events = readSse(atMost(answer.body, line.maxResultBytes), { maxEventBytes: line.maxResultBytes, signal });
      for await (const { data } of events) {
        const message = parsed(data);
        if (!isObject(message)) continue;
        if (message.id === id && !('method' in message)) return resultOf(message, id, status, caller);
        if (caller?.progress !== undefined) tellProgress(message, id, caller.progress);
      }
      throw new GatewayError('upstream_error', 'The tool server ended its answer early.');
    }
    await answer.discard();
    throw status >= 400 ? failed(status) : invalid();
  };
}

interface CallParams {
  readonly name: string;
  readonly arguments: JsonObject;
  readonly _meta: object;
}

/** The params of a call, with what its caller takes and brings. */
function paramsOf(params: CallParams, id: number, caller: Caller | undefined): object {
  if (caller === undefined) return params;
  const { progress, elicitation, back } = caller;
  const can = elicitation && {
    elicitation: { ...(elicitation.form ? { form: {} } : {}), ...(elicitation.url ? { url: {} } : {}) },
  };
  return {
    ...params,
    ...(back === undefined ? {} : { inputResponses: back.responses }),
    ...(back?.state === undefined ? {} : { requestState: back.state }),
    _meta: {
      ...params._meta,
      ...(progress === undefined ? {} : { progressToken: id }),
      ...(can === undefined ? {} : { [META.clientCapabilities]: can }),
    },
  };
}

function tellProgress(message: Record<string, unknown>, id: number, tell: NonNullable<Caller['progress']>): void {
  const { method, params } = message;
  if (method !== 'notifications/progress' || !isObject(params) || params.progressToken !== id) return;
  const read = readProgress(params);
  if (read !== undefined) tell(read.done, read.total);
}

function resultOf(message: unknown, id: number, status: number, caller: Caller | undefined): ToolAnswer {
  if (!isObject(message) || message.jsonrpc !== '2.0') throw status >= 400 ? failed(status) : invalid();
  const { error, result } = message;
  if (isObject(error) && typeof error.message === 'string') {
    // What is no refusal of this call is a fault of the line: a proxy's error, or one about no request.
    if (message.id !== id) throw status >= 400 ? failed(status) : invalid();
    return { content: [{ type: 'text', text: error.message }], isError: true };
  }
  if (message.id !== id || !isObject(result)) throw invalid();
  const { content, structuredContent, isError, resultType } = result;
  if (resultType === 'input_required' && caller !== undefined) {
    const asked = readAskedInput(result as JsonObject, caller);
    if (asked === undefined) throw invalid();
    caller.asked = asked;
    // What the server asks is content of its own, like any result.
    return { content: [{ type: 'text', text: JSON.stringify(asked.requests) }], isError: false, asks: true };
  }
  // Of a server that wants input nothing was declared that it may ask for.
  if (resultType !== undefined && resultType !== 'complete') throw invalid();
  const blocks = Array.isArray(content) ? content : [];
  if (content !== undefined && !Array.isArray(content)) throw invalid();
  if (!blocks.every(isBlock) || (isError !== undefined && typeof isError !== 'boolean')) throw invalid();
  return {
    content: blocks as JsonObject[],
    ...(structuredContent === undefined ? {} : { structuredContent }),
    isError: isError === true,
  };
}

function isBlock(block: unknown): boolean {
  if (!isObject(block) || typeof block.type !== 'string') return false;
  return block.type !== 'text' || typeof block.text === 'string';
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw invalid();
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

// MCP 2026-07-28: what is no plain ASCII is sent as base64 in this form.
function headerText(name: string): string {
  const plain = /^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(name) && !name.startsWith('=?base64?');
  return plain ? name : `=?base64?${Buffer.from(name).toString('base64')}?=`;
}

function failed(status: number): GatewayError {
  return new GatewayError('upstream_error', `The tool server answered with status ${status}.`, { details: { status } });
}

function invalid(): GatewayError {
  return new GatewayError('upstream_invalid', 'The tool server does not answer as MCP says.');
}
