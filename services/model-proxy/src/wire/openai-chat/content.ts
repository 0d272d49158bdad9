import { DecodeError } from '../../chat/failure.ts';
import { asObject, asString, isObject, otherFields } from '../../chat/json.ts';
import type { CacheMark, FileBlock, ImageBlock, JsonObject, OpaqueBlock, UserContent } from '../../chat/message.ts';
import type { Unsupported } from '../../chat/request.ts';
import { decodeCacheMark } from '../cache-mark.ts';
import { parseDataUrl } from '../data-url.ts';

const textFields = new Set(['type', 'text', 'cache_control']);
const imageFields = new Set(['type', 'image_url', 'cache_control']);
const fileFields = new Set(['type', 'file', 'cache_control']);

function shared(
  part: JsonObject,
  known: ReadonlySet<string>,
): { cache?: CacheMark; extra?: { 'openai-chat': JsonObject } } {
  const cache = decodeCacheMark(part.cache_control);
  const other = otherFields(part, known);
  return { ...(cache ? { cache } : {}), ...(other ? { extra: { 'openai-chat': other } } : {}) };
}

/** Reads one content part of a message. An unknown type is kept as it is. */
export function decodePart(part: unknown, path: string): UserContent | { type: 'refusal'; text: string } {
  if (!isObject(part)) throw new DecodeError('wrong_shape', path, 'must be an object');
  switch (part.type) {
    case 'text': {
      const text = part.text;
      if (typeof text !== 'string') throw new DecodeError('wrong_shape', `${path}.text`, 'must be a string');
      return { type: 'text', text, ...shared(part, textFields) };
    }
    case 'refusal':
      return { type: 'refusal', text: asString(part.refusal) ?? '' };
    case 'image_url':
      return decodeImage(part, path);
    case 'file':
      return decodeFile(part);
    default: {
      const kind = asString(part.type);
      if (kind === undefined) throw new DecodeError('wrong_shape', `${path}.type`, 'must be a string');
      return { type: 'opaque', dialect: 'openai-chat', kind, value: part };
    }
  }
}

function decodeImage(part: JsonObject, path: string): ImageBlock {
  const image = asObject(part.image_url);
  const url = asString(image?.url) ?? asString(part.image_url);
  if (url === undefined) throw new DecodeError('wrong_shape', `${path}.image_url.url`, 'must be a string');
  const data = parseDataUrl(url);
  const detail = asString(image?.detail);
  return {
    type: 'image',
    source: data ? { kind: 'base64', ...data } : { kind: 'url', url },
    ...(detail === undefined ? {} : { detail }),
    ...shared(part, imageFields),
  };
}

function decodeFile(part: JsonObject): FileBlock | OpaqueBlock {
  const file = asObject(part.file);
  const id = asString(file?.file_id);
  const content = asString(file?.file_data);
  const name = asString(file?.filename);
  const data = content === undefined ? undefined : parseDataUrl(content);
  const rest = { ...(name === undefined ? {} : { name }), ...shared(part, fileFields) };
  if (id !== undefined) return { type: 'file', source: { kind: 'id', id }, ...rest };
  if (data) return { type: 'file', source: { kind: 'base64', ...data }, ...rest };
  return { type: 'opaque', dialect: 'openai-chat', kind: 'file', value: part };
}

/** Reads a message's content, a string or an array of parts. */
export function decodeContent(content: unknown, path: string): (UserContent | { type: 'refusal'; text: string })[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  if (content === null || content === undefined) return [];
  if (!Array.isArray(content)) throw new DecodeError('wrong_shape', path, 'must be a string or an array of parts');
  return content.map((part, index) => decodePart(part, `${path}[${index}]`));
}

/**
 * Writes content: one plain text block as a string, everything else as parts. With `cacheMarks` the blocks keep their
 * `cache_control`, which some providers of this dialect read.
 */
export function encodeContent(
  blocks: readonly UserContent[],
  field: string,
  unsupported: Unsupported[],
  cacheMarks: boolean,
): string | JsonObject[] {
  const [only] = blocks;
  if (blocks.length === 1 && only?.type === 'text' && !only.extra?.['openai-chat'] && !(cacheMarks && only.cache)) {
    return only.text;
  }
  const parts: JsonObject[] = [];
  for (const [index, block] of blocks.entries()) {
    const part = encodePart(block, `${field}[${index}]`, unsupported);
    if (!part) continue;
    if (block.type !== 'opaque') {
      Object.assign(part, block.extra?.['openai-chat']);
      if (cacheMarks && block.cache) part.cache_control = block.cache;
    }
    parts.push(part);
  }
  return parts;
}

function encodePart(block: UserContent, field: string, unsupported: Unsupported[]): JsonObject | undefined {
  switch (block.type) {
    case 'text':
      return { type: 'text', text: block.text };
    case 'image': {
      const { source } = block;
      const url = source.kind === 'url' ? source.url : `data:${source.mediaType};base64,${source.data}`;
      return { type: 'image_url', image_url: { url, ...(block.detail === undefined ? {} : { detail: block.detail }) } };
    }
    case 'file': {
      const file = encodeFileSource(block);
      if (!file) unsupported.push({ field, reason: 'OpenAI chat takes files as data or by id, not by URL or as text' });
      return file && { type: 'file', file };
    }
    case 'opaque':
      if (block.dialect === 'openai-chat') return block.value;
      unsupported.push({ field, reason: `content of type ${block.kind} exists in ${block.dialect} only` });
      return undefined;
  }
}

function encodeFileSource(block: FileBlock): JsonObject | undefined {
  const name = block.name === undefined ? {} : { filename: block.name };
  switch (block.source.kind) {
    case 'id':
      return { file_id: block.source.id, ...name };
    case 'base64':
      return { file_data: `data:${block.source.mediaType};base64,${block.source.data}`, ...name };
    default:
      return undefined;
  }
}
