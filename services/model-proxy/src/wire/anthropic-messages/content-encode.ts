import { parseArguments } from '../../chat/json.ts';
import type { ContentBlock, FileSource, ImageSource, JsonObject, ToolCallBlock } from '../../chat/message.ts';
import type { Unsupported } from '../../chat/request.ts';
import { isPlainText } from './content.ts';

/** Where losses are noted while a body is written. */
export interface Notes {
  unsupported: Unsupported[];
  adjusted: Unsupported[];
}

/** Writes content: one plain text as a string, everything else as blocks. Empty texts, which the API rejects, go. */
export function encodeContent(blocks: readonly ContentBlock[], field: string, notes: Notes): string | JsonObject[] {
  if (isPlainText(blocks)) return blocks[0].text;
  return encodeBlocks(blocks, field, notes);
}

/** Writes blocks as blocks. */
export function encodeBlocks(blocks: readonly ContentBlock[], field: string, notes: Notes): JsonObject[] {
  const encoded: JsonObject[] = [];
  for (const [index, block] of blocks.entries()) {
    const written = encodeBlock(block, `${field}[${index}]`, notes);
    if (!written) continue;
    if ('cache' in block && block.cache) written.cache_control = block.cache;
    encoded.push('extra' in block ? Object.assign(written, block.extra?.['anthropic-messages']) : written);
  }
  return encoded;
}

function encodeBlock(block: ContentBlock, field: string, notes: Notes): JsonObject | undefined {
  switch (block.type) {
    case 'text':
      return block.text === '' ? undefined : { type: 'text', text: block.text };
    case 'image':
      return { type: 'image', source: encodeSource(block.source) };
    case 'file':
      return {
        type: 'document',
        source: encodeSource(block.source),
        ...(block.name === undefined ? {} : { title: block.name }),
      };
    case 'toolCall':
      return encodeToolUse(block, field, notes);
    case 'toolResult': {
      const content = encodeContent(block.content, `${field}.content`, notes);
      const error = block.isError === undefined ? {} : { is_error: block.isError };
      return { type: 'tool_result', tool_use_id: wireCallId(block.callId), content, ...error };
    }
    case 'reasoning':
      if (block.redacted !== undefined) return { type: 'redacted_thinking', data: block.redacted };
      if (block.signature !== undefined) return { type: 'thinking', thinking: block.text, signature: block.signature };
      notes.adjusted.push({ field, reason: 'reasoning without a signature is left out' });
      return undefined;
    case 'refusal':
      notes.adjusted.push({ field, reason: 'a refusal is written as text' });
      return { type: 'text', text: block.text };
    case 'opaque':
      if (block.dialect === 'anthropic-messages') return { ...block.value };
      notes.unsupported.push({ field, reason: `content of type ${block.kind} exists in ${block.dialect} only` });
      return undefined;
  }
}

function encodeSource(source: ImageSource | FileSource): JsonObject {
  switch (source.kind) {
    case 'url':
      return { type: 'url', url: source.url };
    case 'base64':
      return { type: 'base64', media_type: source.mediaType, data: source.data };
    case 'text':
      return { type: 'text', media_type: source.mediaType, data: source.text };
    case 'id':
      return { type: 'file', file_id: source.id };
  }
}

/** Writes one whole call. Arguments that are no JSON object cannot be said: the API takes a parsed object only. */
export function encodeToolUse(call: ToolCallBlock, field: string, notes: Notes): JsonObject {
  const input = call.arguments.trim() === '' ? {} : parseArguments(call.arguments);
  if (call.kind === 'custom' || !input) {
    notes.unsupported.push({ field: `${field}.arguments`, reason: 'Anthropic takes a JSON object as arguments' });
  }
  return { type: 'tool_use', id: wireCallId(call.id), name: call.name, input: input ?? {} };
}

/** The API takes letters, digits, `_` and `-` in call ids; other providers put dots and colons in theirs. */
export function wireCallId(id: string): string {
  return /^[\w-]+$/.test(id) ? id : id.replace(/[^\w-]/g, '_');
}
