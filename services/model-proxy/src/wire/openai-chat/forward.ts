import { asArray, asObject, asString, isObject } from '../../chat/json.ts';
import type { JsonObject } from '../../chat/message.ts';
import type { Unsupported } from '../../chat/request.ts';
import { layFields, type RequestChanges } from '../forward.ts';
import { encodeMessages } from './messages.ts';
import { withoutWish } from './reasoning.ts';
import type { OpenAiChatQuirks } from './request.ts';
import { decodeTool, decodeToolChoice, decodeTools, encodeFunctionTool, TOOL_FIELDS } from './tools.ts';

/**
 * Applies changes to a chat completion request and keeps every other field, known or not. The body itself is not
 * changed; unchanged parts are shared.
 */
export function forwardRequest(body: JsonObject, changes: RequestChanges, quirks: OpenAiChatQuirks = {}): JsonObject {
  const forwarded: JsonObject = { ...body };
  if (changes.model !== undefined) forwarded.model = changes.model;
  if (changes.stream !== undefined) forwarded.stream = changes.stream;
  if (changes.streamUsage !== undefined && forwarded.stream === true) {
    forwarded.stream_options = { ...asObject(body.stream_options), include_usage: changes.streamUsage };
  }
  layFields(forwarded, changes.fields);
  if (changes.fields?.reasoning_effort !== undefined && isObject(forwarded.reasoning)) {
    // The client's other word for what is laid over.
    const rest = withoutWish(forwarded.reasoning);
    if (rest === undefined) delete forwarded.reasoning;
    else forwarded.reasoning = rest;
  }
  if (changes.maxTokens !== undefined) setMaxTokens(forwarded, changes, quirks);
  if (changes.keepTool || changes.addTools?.length) changeTools(forwarded, changes);
  const { prependSystem, appendSystem, toolResults, appendMessages } = changes;
  if (prependSystem?.length || appendSystem?.length || toolResults?.size || appendMessages?.length) {
    forwarded.messages = changeMessages(asArray(body.messages), changes, quirks);
  }
  return forwarded;
}

function setMaxTokens(forwarded: JsonObject, changes: RequestChanges, quirks: OpenAiChatQuirks): void {
  const used = ['max_completion_tokens', 'max_tokens'].filter((field) => typeof forwarded[field] === 'number');
  const fallback = changes.maxTokensField ?? quirks.maxTokensField ?? 'max_completion_tokens';
  for (const field of used.length > 0 ? used : [fallback]) forwarded[field] = changes.maxTokens;
}

function changeTools(forwarded: JsonObject, changes: RequestChanges): void {
  const keep = changes.keepTool ?? (() => true);
  const tools: unknown[] = asArray(forwarded.tools).filter((tool, index) => keep(decodeTool(tool, `tools[${index}]`)));
  for (const tool of changes.addTools ?? []) tools.push(encodeFunctionTool(tool));
  for (const field of TOOL_FIELDS.slice(1)) {
    if (forwarded[field] === undefined) continue;
    const declared = decodeTools({ [field]: forwarded[field] });
    const kept = declared.filter(keep);
    if (kept.length === declared.length) continue;
    if (kept.length === 0) delete forwarded[field];
    else forwarded[field] = kept.map((tool) => ('definition' in tool ? tool.definition : {}));
  }
  if (tools.length > 0) {
    forwarded.tools = tools;
    const choice = decodeToolChoice(forwarded.tool_choice);
    const names = new Set(tools.map(toolName));
    // A choice that names a hidden tool would make the provider refuse, and tell the client that it exists.
    if (choice?.type === 'tool' && !names.has(choice.name)) delete forwarded.tool_choice;
    if (choice?.type === 'allowed' && !choice.names.every((name) => names.has(name))) delete forwarded.tool_choice;
  } else {
    delete forwarded.tools;
    delete forwarded.tool_choice;
    delete forwarded.parallel_tool_calls;
  }
}

function toolName(tool: unknown): string | undefined {
  const object = asObject(tool);
  return asString(asObject(object?.function ?? object?.custom)?.name);
}

function changeMessages(messages: readonly unknown[], changes: RequestChanges, quirks: OpenAiChatQuirks): unknown[] {
  const system = (changes.prependSystem ?? []).map((content) => ({ role: 'system', content }));
  const results = changes.toolResults;
  const changed = !results
    ? messages
    : messages.map((message) => {
        if (!isObject(message) || message.role !== 'tool') return message;
        const text = results.get(asString(message.tool_call_id) ?? '');
        return text === undefined ? message : { ...message, content: text };
      });
  // What the gateway appends is text and calls, which this dialect can always say.
  const ignored: Unsupported[] = [];
  const leading = changes.appendSystem?.length ? countLeading(changed) : 0;
  const behind = (changes.appendSystem ?? []).map((content) => ({ role: 'system', content }));
  const own = [...changed.slice(0, leading), ...behind, ...changed.slice(leading)];
  return [...system, ...own, ...encodeMessages([], changes.appendMessages ?? [], quirks, ignored)];
}

/** How many messages of instruction a conversation begins with. */
function countLeading(messages: readonly unknown[]): number {
  const first = messages.findIndex((one) => !isObject(one) || (one.role !== 'system' && one.role !== 'developer'));
  return first < 0 ? messages.length : first;
}
