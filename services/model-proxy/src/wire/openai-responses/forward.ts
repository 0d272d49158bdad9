import { asArray, asObject, asString, isObject } from '../../chat/json.ts';
import type { JsonObject } from '../../chat/message.ts';
import type { Tool } from '../../chat/tools.ts';
import { layFields, type RequestChanges, without } from '../forward.ts';
import { spliceBody } from '../splice.ts';
import { itemsOf, typeOfItem } from './inspect.ts';
import { encodeMessages, type Notes } from './items-encode.ts';
import { decodeReasoningItem, ownEncrypted } from './reasoning.ts';
import { ENCRYPTED_REASONING, type OpenAiResponsesQuirks } from './request.ts';
import { decodeTool, decodeToolChoice, encodeFunctionTool, encodeToolChoice } from './tools.ts';

/** Fields of state, which is the gateway's: the input that goes out holds the whole context. */
const ownState = ['previous_response_id', 'conversation', 'background'];

/**
 * Applies changes to a request whose input holds its whole context, and keeps every other field, known or not. The body
 * itself is not changed; unchanged parts are shared.
 */
export function forwardRequest(
  body: JsonObject,
  changes: RequestChanges,
  quirks: OpenAiResponsesQuirks = {},
): JsonObject {
  const forwarded = without(body, ownState);
  if (changes.model !== undefined) forwarded.model = changes.model;
  if (changes.stream !== undefined) forwarded.stream = changes.stream;
  if (!quirks.keeps) forwarded.store = false;
  if (forwarded.store === false && quirks.encryptsReasoning?.(asString(forwarded.model) ?? '')) {
    const include = asArray(body.include);
    if (!include.includes(ENCRYPTED_REASONING)) forwarded.include = [...include, ENCRYPTED_REASONING];
  }
  layFields(forwarded, changes.fields, ['text', 'reasoning']);
  if (changes.maxTokens !== undefined) forwarded.max_output_tokens = changes.maxTokens;
  if (changes.keepTool || changes.addTools?.length) changeTools(forwarded, changes);
  const { prependSystem, appendSystem, appendMessages } = changes;
  if (Array.isArray(body.input) || prependSystem?.length || appendSystem?.length || appendMessages?.length) {
    forwarded.input = changeInput(itemsOf(body.input), changes);
  }
  return forwarded;
}

/** The bytes of a request that stays in its dialect: the client's own where it wants nothing kept and has no state. */
export function forwardBytes(
  bytes: Buffer,
  body: JsonObject,
  { streamUsage: _usage, ...changes }: RequestChanges,
  quirks: OpenAiResponsesQuirks,
): Buffer {
  const isStateless = body.store === false && ownState.every((field) => body[field] === undefined);
  const isScalar = Object.keys(changes).every((change) => change === 'model');
  const asks = quirks.encryptsReasoning?.(changes.model ?? '') && !asArray(body.include).includes(ENCRYPTED_REASONING);
  const isWhole = typeof body.input === 'string' || !asArray(body.input).some(isForgotten);
  const spliced = isStateless && isScalar && !asks && isWhole ? spliceBody(bytes, changes, body) : undefined;
  return spliced ?? Buffer.from(JSON.stringify(forwardRequest(body, changes, quirks)));
}

function changeTools(forwarded: JsonObject, changes: RequestChanges): void {
  const keep = changes.keepTool ?? (() => true);
  const tools: unknown[] = asArray(forwarded.tools).filter((tool, index) => keep(decodeTool(tool, `tools[${index}]`)));
  for (const tool of changes.addTools ?? []) tools.push(encodeFunctionTool(tool));
  if (tools.length === 0) {
    for (const field of ['tools', 'tool_choice', 'parallel_tool_calls']) delete forwarded[field];
    return;
  }
  forwarded.tools = tools;
  const offered = tools.map((tool, index) => decodeTool(tool, `tools[${index}]`));
  const names = new Set(offered.map(nameOf));
  const choice = decodeToolChoice(forwarded.tool_choice);
  // A choice that names a hidden tool would make the provider refuse, and tell the client that it exists.
  if (choice?.type === 'tool' && !names.has(choice.name)) delete forwarded.tool_choice;
  else if (choice?.type === 'allowed' && !choice.names.every((name) => names.has(name))) delete forwarded.tool_choice;
  // A tool of a server that the gateway runs is a function for the provider.
  else if (asObject(forwarded.tool_choice)?.type === 'mcp' && choice) {
    forwarded.tool_choice = encodeToolChoice(choice, offered);
  }
}

function nameOf(tool: Tool): string {
  if (tool.type === 'mcp') return tool.serverLabel;
  return tool.type === 'provider' ? tool.kind : tool.name;
}

function changeInput(items: readonly unknown[], changes: RequestChanges): unknown[] {
  const asItem = (content: string) => ({ type: 'message', role: 'system', content });
  const system = (changes.prependSystem ?? []).map(asItem);
  const results = changes.toolResults;
  const kept = items.filter((item) => !isForgotten(item));
  const changed = !results
    ? kept
    : kept.map((item) => {
        const text = isObject(item) && isOutput(item) ? results.get(asString(item.call_id) ?? '') : undefined;
        return text === undefined ? item : { ...(item as JsonObject), output: text };
      });
  // What the gateway appends is text and calls, which this dialect can always say.
  const ignored: Notes = { unsupported: [], adjusted: [] };
  const isInstruction = (item: unknown) => isObject(item) && (item.role === 'system' || item.role === 'developer');
  const other = changed.findIndex((item) => !isInstruction(item));
  const leading = other < 0 ? changed.length : other;
  const behind = (changes.appendSystem ?? []).map(asItem);
  const own = [...changed.slice(0, leading), ...behind, ...changed.slice(leading)];
  return [...system, ...own, ...encodeMessages(changes.appendMessages ?? [], ignored)];
}

function isOutput(item: JsonObject): boolean {
  const type = typeOfItem(item);
  return type === 'function_call_output' || type === 'custom_tool_call_output';
}

/** Reasoning of which only the id is left, or a summary, or what another provider made: this one knows no such item. */
function isForgotten(item: unknown): boolean {
  if (!isObject(item) || item.type !== 'reasoning' || asArray(item.content).length > 0) return false;
  const block = decodeReasoningItem(item);
  return block === undefined || ownEncrypted(block) === undefined;
}
