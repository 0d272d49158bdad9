import type { AssistantContent, JsonObject, Message, SystemBlock } from '../../chat/message.ts';
import type { Unsupported } from '../../chat/request.ts';
import { encodeContent, encodeInstructions } from './content.ts';
import { ANNOTATION } from './items.ts';
import { encodeReasoningItem, ownEncrypted } from './reasoning.ts';

/** Where losses are noted while a body is written. */
export interface Notes {
  unsupported: Unsupported[];
  adjusted: Unsupported[];
}

/** Writes system text as items; texts of one authority that stand together are one message. */
export function encodeSystem(blocks: readonly SystemBlock[]): JsonObject[] {
  const items: JsonObject[] = [];
  for (let start = 0; start < blocks.length; ) {
    const authority = blocks[start]?.authority;
    let end = start + 1;
    while (end < blocks.length && blocks[end]?.authority === authority) end += 1;
    items.push({ type: 'message', role: authority ?? 'system', content: encodeInstructions(blocks.slice(start, end)) });
    start = end;
  }
  return items;
}

/** Writes messages as the items of an input. */
export function encodeMessages(messages: readonly Message[], notes: Notes): JsonObject[] {
  const items: JsonObject[] = [];
  const custom = new Set<string>();
  for (const [index, message] of messages.entries()) {
    const field = `messages[${index}]`;
    if ('name' in message && message.name !== undefined) {
      notes.adjusted.push({ field: `${field}.name`, reason: 'OpenAI responses have no names of participants' });
    }
    switch (message.role) {
      case 'system':
        items.push(...encodeSystem(message.content));
        break;
      case 'user': {
        const content = encodeContent(message.content, `${field}.content`, notes.unsupported);
        items.push({ type: 'message', role: 'user', content });
        break;
      }
      case 'assistant':
        for (const block of message.content)
          if (block.type === 'toolCall' && block.kind === 'custom') custom.add(block.id);
        items.push(...encodeSaid(message.content, `${field}.content`, notes));
        break;
      case 'tool':
        for (const result of message.content) {
          if (result.isError) {
            notes.adjusted.push({
              field: `${field}.content`,
              reason: 'OpenAI responses do not mark failed tool results',
            });
          }
          const output = encodeContent(result.content, `${field}.content`, notes.unsupported);
          const type = custom.has(result.callId) ? 'custom_tool_call_output' : 'function_call_output';
          items.push({ type, call_id: result.callId, output });
        }
    }
  }
  return items;
}

/** What the assistant said, for its provider: reasoning that another made, or that nobody proved, is left out. */
function encodeSaid(blocks: readonly AssistantContent[], field: string, notes: Notes): JsonObject[] {
  const items: JsonObject[] = [];
  let parts: JsonObject[] | undefined;
  for (const [index, block] of blocks.entries()) {
    if (block.type === 'text' || block.type === 'refusal') {
      if (parts === undefined) {
        parts = [];
        items.push({ type: 'message', role: 'assistant', content: parts });
      }
      parts.push(
        block.type === 'text' ? { type: 'output_text', text: block.text } : { type: 'refusal', refusal: block.text },
      );
      continue;
    }
    // A citation tells a reader where words came from; the model that wrote them knows.
    if (block.type === 'opaque' && block.kind === ANNOTATION && block.dialect === 'openai-responses') continue;
    parts = undefined;
    if (block.type === 'toolCall') items.push(encodeCall(block));
    else if (block.type === 'reasoning') {
      if (ownEncrypted(block)) items.push(encodeReasoningItem(block, ''));
      else
        notes.adjusted.push({
          field: `${field}[${index}]`,
          reason: 'reasoning that OpenAI did not encrypt is left out',
        });
    } else if (block.dialect === 'openai-responses') items.push(block.value);
    else {
      const reason = `content of type ${block.kind} exists in ${block.dialect} only`;
      notes.unsupported.push({ field: `${field}[${index}]`, reason });
    }
  }
  return items;
}

/** Writes one whole call; `id` is that of its item, where it is to have one. */
export function encodeCall(
  call: { id: string; name: string; arguments: string; kind?: 'function' | 'custom' },
  fields: JsonObject = {},
): JsonObject {
  const { id: call_id, name } = call;
  if (call.kind === 'custom') return { ...fields, type: 'custom_tool_call', call_id, name, input: call.arguments };
  const written = call.arguments === '' ? '{}' : call.arguments;
  return { ...fields, type: 'function_call', call_id, name, arguments: written };
}
