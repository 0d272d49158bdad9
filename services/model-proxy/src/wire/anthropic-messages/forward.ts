import { asArray, asObject, asString, isObject } from '../../chat/json.ts';
import type { JsonObject } from '../../chat/message.ts';
import { layFields, type RequestChanges, without } from '../forward.ts';
import { withCacheMarks } from './cache-marks.ts';
import { sealedOnly } from './citations.ts';
import { encodeMessages } from './messages.ts';
import type { AnthropicMessagesQuirks } from './request.ts';
import { decodeTool, decodeToolChoice, decodeTools, encodeFunctionTool } from './tools.ts';

/**
 * Applies changes to a messages request and keeps every other field, known or not. The body itself is not changed;
 * unchanged parts are shared.
 */
export function forwardRequest(
  body: JsonObject,
  changes: RequestChanges,
  quirks: AnthropicMessagesQuirks = {},
): JsonObject {
  const forwarded: JsonObject = { ...body };
  if (changes.model !== undefined) forwarded.model = changes.model;
  if (changes.stream !== undefined) forwarded.stream = changes.stream;
  layFields(forwarded, changes.fields, ['output_config']);
  if (changes.maxTokens !== undefined) forwarded.max_tokens = changes.maxTokens;
  if (changes.keepTool || changes.addTools?.length) changeTools(forwarded, changes);
  if (changes.prependSystem?.length || changes.appendSystem?.length) {
    const block = (text: string) => ({ type: 'text', text });
    const own = (changes.prependSystem ?? []).map(block);
    const { system } = body;
    const given = typeof system === 'string' ? [{ type: 'text', text: system }] : asArray(system);
    forwarded.system = [...own, ...given, ...(changes.appendSystem ?? []).map(block)];
  }
  if (changes.sealedOnly) forwarded.messages = sealedOnly(asArray(forwarded.messages));
  if (changes.toolResults?.size) {
    forwarded.messages = replaceResults(asArray(forwarded.messages), changes.toolResults);
  }
  if (changes.appendMessages?.length) {
    const notes = { unsupported: [], adjusted: [] };
    const { messages } = encodeMessages(changes.appendMessages, quirks.systemInMessages === true, notes);
    forwarded.messages = [...asArray(forwarded.messages), ...messages];
  }
  return changes.cacheMarks ? withCacheMarks(forwarded, changes.cacheMarks) : forwarded;
}

function changeTools(forwarded: JsonObject, changes: RequestChanges): void {
  const keep = changes.keepTool ?? (() => true);
  const tools: unknown[] = asArray(forwarded.tools).filter((tool, index) => keep(decodeTool(tool, `tools[${index}]`)));
  for (const tool of changes.addTools ?? []) tools.push(encodeFunctionTool(tool));
  if (forwarded.mcp_servers !== undefined) {
    const kept = decodeTools({ mcp_servers: forwarded.mcp_servers }).filter(keep);
    if (kept.length > 0) forwarded.mcp_servers = kept.map((tool) => ('definition' in tool ? tool.definition : {}));
    else delete forwarded.mcp_servers;
  }
  if (!decodeTools({ container: forwarded.container }).every(keep)) {
    forwarded.container = without(asObject(forwarded.container) ?? {}, ['skills']);
  }
  if (tools.length > 0) {
    forwarded.tools = tools;
    const { toolChoice } = decodeToolChoice(forwarded.tool_choice);
    const isThere = (tool: unknown): boolean => toolChoice?.type === 'tool' && asObject(tool)?.name === toolChoice.name;
    // A choice that names a hidden tool would make the provider refuse, and tell the client that it exists.
    if (toolChoice?.type === 'tool' && !tools.some(isThere)) delete forwarded.tool_choice;
  } else {
    delete forwarded.tools;
    delete forwarded.tool_choice;
  }
}

function replaceResults(messages: readonly unknown[], results: ReadonlyMap<string, string>): unknown[] {
  return messages.map((message) => {
    if (!isObject(message) || message.role !== 'user' || !Array.isArray(message.content)) return message;
    const content: unknown[] = message.content.map((block: unknown) => {
      if (!isObject(block) || block.type !== 'tool_result') return block;
      const text = results.get(asString(block.tool_use_id) ?? '');
      return text === undefined ? block : { ...block, content: text };
    });
    return { ...message, content };
  });
}
