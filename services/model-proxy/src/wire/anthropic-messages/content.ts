import { DecodeError } from '../../chat/failure.ts';
import { asArray, asObject, asString, isObject, otherFields } from '../../chat/json.ts';
import type {
  AssistantContent,
  CacheMark,
  ContentBlock,
  Extra,
  FileBlock,
  FileSource,
  ImageBlock,
  JsonObject,
  OpaqueBlock,
  TextBlock,
  ToolCallBlock,
  ToolResultBlock,
  ToolResultContent,
} from '../../chat/message.ts';
import { decodeCacheMark } from '../cache-mark.ts';
import { hasUnsealed, isUnsealed } from './citations.ts';

const fields = {
  text: new Set(['type', 'text', 'cache_control']),
  image: new Set(['type', 'source', 'cache_control']),
  document: new Set(['type', 'source', 'title', 'cache_control']),
  toolUse: new Set(['type', 'id', 'name', 'input', 'cache_control']),
  toolResult: new Set(['type', 'tool_use_id', 'content', 'is_error', 'cache_control']),
  thinking: new Set(['type', 'thinking', 'signature']),
};

function shared(block: JsonObject, known: ReadonlySet<string>): { cache?: CacheMark; extra?: Extra } {
  const cache = decodeCacheMark(block.cache_control);
  const other = otherFields(block, known);
  // Answers carry `citations: null` on every text; it says nothing.
  if (other?.citations === null) delete other.citations;
  else if (other?.citations !== undefined && hasUnsealed(other)) {
    const sealed = asArray(other.citations).filter((one) => !isUnsealed(one));
    if (sealed.length > 0) other.citations = sealed;
    else delete other.citations;
  }
  const extra = other && Object.keys(other).length > 0 ? { extra: { 'anthropic-messages': other } } : {};
  return { ...(cache ? { cache } : {}), ...extra };
}

/** Reads content, a string or an array of blocks. DecodeError names the path. */
export function decodeContent(content: unknown, path: string): ContentBlock[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  if (!Array.isArray(content)) throw new DecodeError('wrong_shape', path, 'must be a string or an array of blocks');
  return content.map((block, index) => decodeBlock(block, `${path}[${index}]`));
}

/** Reads one content block; a type that the neutral model has no word for is kept as it is. */
export function decodeBlock(block: unknown, path: string): ContentBlock {
  if (!isObject(block)) throw new DecodeError('wrong_shape', path, 'must be an object');
  switch (block.type) {
    case 'text':
      return { type: 'text', text: requireText(block.text, `${path}.text`), ...shared(block, fields.text) };
    case 'image':
      return decodeImage(block);
    case 'document':
      return decodeDocument(block);
    case 'tool_use':
      return decodeToolUse(block, path);
    case 'tool_result':
      return decodeToolResult(block, path);
    case 'thinking': {
      const signature = asString(block.signature);
      const other = otherFields(block, fields.thinking);
      return {
        type: 'reasoning',
        text: requireText(block.thinking, `${path}.thinking`),
        ...(signature ? { signature } : {}),
        ...(other ? { extra: { 'anthropic-messages': other } } : {}),
      };
    }
    case 'redacted_thinking':
      return { type: 'reasoning', text: '', redacted: requireText(block.data, `${path}.data`) };
    default:
      return opaque(block, path);
  }
}

function opaque(block: JsonObject, path: string): OpaqueBlock {
  const kind = block.type;
  if (typeof kind !== 'string') throw new DecodeError('wrong_shape', `${path}.type`, 'must be a string');
  return { type: 'opaque', dialect: 'anthropic-messages', kind, value: block };
}

function requireText(value: unknown, path: string): string {
  if (typeof value !== 'string') throw new DecodeError('wrong_shape', path, 'must be a string');
  return value;
}

function decodeImage(block: JsonObject): ImageBlock | OpaqueBlock {
  const source = decodeSource(asObject(block.source));
  if (source?.kind === 'url' || source?.kind === 'base64')
    return { type: 'image', source, ...shared(block, fields.image) };
  return { type: 'opaque', dialect: 'anthropic-messages', kind: 'image', value: block };
}

function decodeDocument(block: JsonObject): FileBlock | OpaqueBlock {
  const source = decodeSource(asObject(block.source));
  if (!source) return { type: 'opaque', dialect: 'anthropic-messages', kind: 'document', value: block };
  const name = asString(block.title);
  return { type: 'file', source, ...(name === undefined ? {} : { name }), ...shared(block, fields.document) };
}

function decodeSource(source: JsonObject | undefined): FileSource | undefined {
  const mediaType = asString(source?.media_type);
  const data = asString(source?.data);
  const url = asString(source?.url);
  const id = asString(source?.file_id);
  switch (source?.type) {
    case 'url':
      return url === undefined ? undefined : { kind: 'url', url };
    case 'base64':
      return data === undefined || mediaType === undefined ? undefined : { kind: 'base64', mediaType, data };
    case 'text':
      return data === undefined ? undefined : { kind: 'text', mediaType: mediaType ?? 'text/plain', text: data };
    case 'file':
      return id === undefined ? undefined : { kind: 'id', id };
    default:
      return undefined;
  }
}

function decodeToolUse(block: JsonObject, path: string): ToolCallBlock {
  const id = requireText(block.id, `${path}.id`);
  const name = requireText(block.name, `${path}.name`);
  const input = block.input;
  return {
    type: 'toolCall',
    id,
    name,
    arguments: typeof input === 'string' ? input : JSON.stringify(input ?? {}),
    ...shared(block, fields.toolUse),
  };
}

function decodeToolResult(block: JsonObject, path: string): ToolResultBlock {
  const callId = requireText(block.tool_use_id, `${path}.tool_use_id`);
  const raw = block.content;
  const content: ToolResultContent[] = [];
  if (raw !== undefined && raw !== null) {
    for (const [index, part] of decodeContent(raw, `${path}.content`).entries()) {
      if (part.type === 'text' || part.type === 'image' || part.type === 'file' || part.type === 'opaque')
        content.push(part);
      else throw new DecodeError('wrong_shape', `${path}.content[${index}].type`, 'cannot stand in a tool result');
    }
  }
  const isError = block.is_error;
  return {
    type: 'toolResult',
    callId,
    content,
    ...(typeof isError === 'boolean' ? { isError } : {}),
    ...shared(block, fields.toolResult),
  };
}

/** Reads the blocks of an assistant message or of an answer. */
export function decodeAssistantContent(content: unknown, path: string): AssistantContent[] {
  return decodeContent(content, path).map((block, index) => {
    if (block.type === 'image' || block.type === 'file' || block.type === 'toolResult') {
      throw new DecodeError('wrong_shape', `${path}[${index}].type`, 'cannot stand in an assistant message');
    }
    return block;
  });
}

/** True where a list of blocks is one text that a string can say. */
export function isPlainText(blocks: readonly ContentBlock[]): blocks is [TextBlock] {
  const [only] = blocks;
  return blocks.length === 1 && only?.type === 'text' && !only.cache && !only.extra?.['anthropic-messages'];
}
