import type { Definition, JsonObject } from '../catalog/definition.ts';
import { readAskedInput } from './asked-input.ts';
import type { Ask } from './asking.ts';
import { type Caller, callerOfCall, lackedOf } from './caller.ts';
import type { ToolAnswer } from './connection.ts';
import { type Answered, invalid, isObject, type PlainExchange } from './plain-exchange.ts';

/** Makes one `tools/call`. Throws GatewayError where there is no answer of the tool. */
export type PlainCall = (definition: Definition, args: JsonObject, signal: AbortSignal) => Promise<ToolAnswer>;

/**
 * Calls tools of a server that speaks a revision without sessions. The official client validates each answer against schemas
 * of all that MCP knows, for ten times the CPU; it remains for the handshake, for listing, for servers that keep sessions
 * and for arguments that are mirrored in headers.
 */
export function plainCalls(exchange: PlainExchange, ownHost: string): PlainCall {
  return async ({ name }, args, signal) => {
    const answered = await exchange('tools/call', name, { name, arguments: args }, signal);
    const caller = callerOfCall.getStore();
    if ('refused' in answered) {
      return { content: [{ type: 'text', text: refusalOf(answered, caller) }], isError: true };
    }
    const { content, structuredContent, isError, resultType } = answered.result;
    const asked = askedOf(answered.result, caller, ownHost);
    // What the server asks is content of its own, like any result.
    if (asked !== undefined) return { content: [{ type: 'text', text: asked }], isError: false, asks: true };
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
  };
}

/** Asks such a server by one of the methods by which something else than a tool is got. */
export function plainAsk(exchange: PlainExchange, ownHost: string): Ask {
  return async (method, params, { signal }) => {
    const name = params.uri ?? params.name;
    const answered = await exchange(method, typeof name === 'string' ? name : undefined, params, signal);
    const caller = callerOfCall.getStore();
    if ('refused' in answered) return { refusal: refusalOf(answered, caller) };
    const asked = askedOf(answered.result, caller, ownHost);
    if (asked !== undefined) return { asked };
    const { resultType } = answered.result;
    if (resultType !== undefined && resultType !== 'complete') throw invalid();
    return { result: answered.result as JsonObject };
  };
}

/** The words of a refusal; what the client lacks for the call is told to its caller. */
function refusalOf({ refused }: Extract<Answered, { refused: unknown }>, caller: Caller | undefined): string {
  if (caller !== undefined) caller.lacked = lackedOf(refused);
  return refused.message;
}

/** What a server asks of the user in place of a result, as JSON; undefined for what is a result. */
function askedOf(result: Record<string, unknown>, caller: Caller | undefined, ownHost: string): string | undefined {
  if (result.resultType !== 'input_required' || caller === undefined) return undefined;
  const asked = readAskedInput(result as JsonObject, caller, ownHost);
  if (asked === undefined) throw invalid();
  caller.asked = asked;
  return JSON.stringify(asked.requests);
}

function isBlock(block: unknown): boolean {
  if (!isObject(block) || typeof block.type !== 'string') return false;
  return block.type !== 'text' || typeof block.text === 'string';
}
