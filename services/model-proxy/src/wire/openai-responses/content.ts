import { DecodeError } from '../../chat/failure.ts';
import { asString, isObject } from '../../chat/json.ts';
import type { FileBlock, ImageBlock, JsonObject, TextBlock, UserContent } from '../../chat/message.ts';
import type { Unsupported } from '../../chat/request.ts';
import { parseDataUrl } from '../data-url.ts';

/** Reads one content part of a message or of a tool's output. An unknown type is kept as it is. */
export function decodePart(part: unknown, path: string): UserContent {
  if (!isObject(part)) throw new DecodeError('wrong_shape', path, 'must be an object');
  switch (part.type) {
    case 'input_text':
    case 'output_text':
    case 'text': {
      if (typeof part.text !== 'string') throw new DecodeError('wrong_shape', `${path}.text`, 'must be a string');
      return { type: 'text', text: part.text };
    }
    case 'input_image':
      return decodeImage(part, path);
    case 'input_file':
      return decodeFile(part, path);
    default: {
      const kind = asString(part.type);
      if (kind === undefined) throw new DecodeError('wrong_shape', `${path}.type`, 'must be a string');
      return { type: 'opaque', dialect: 'openai-responses', kind, value: part };
    }
  }
}

function decodeImage(part: JsonObject, path: string): UserContent {
  const url = asString(part.image_url);
  if (url === undefined) {
    if (asString(part.file_id) !== undefined)
      return { type: 'opaque', dialect: 'openai-responses', kind: 'input_image', value: part };
    throw new DecodeError('wrong_shape', `${path}.image_url`, 'must be a string');
  }
  const data = parseDataUrl(url);
  const detail = asString(part.detail);
  return {
    type: 'image',
    source: data ? { kind: 'base64', ...data } : { kind: 'url', url },
    ...(detail === undefined || detail === 'auto' ? {} : { detail }),
  };
}

function decodeFile(part: JsonObject, path: string): FileBlock {
  const filename = asString(part.filename);
  const name = filename === undefined ? {} : { name: filename };
  const id = asString(part.file_id);
  if (id !== undefined) return { type: 'file', source: { kind: 'id', id }, ...name };
  const url = asString(part.file_url);
  if (url !== undefined) return { type: 'file', source: { kind: 'url', url }, ...name };
  const content = asString(part.file_data);
  if (content === undefined) throw new DecodeError('wrong_shape', path, 'must hold file_data, file_url or file_id');
  const data = parseDataUrl(content);
  // OpenAI takes bare base64, whose type is told by the name.
  return {
    type: 'file',
    source: data ? { kind: 'base64', ...data } : { kind: 'base64', mediaType: 'application/pdf', data: content },
    ...name,
  };
}

/** Reads content that is a string or an array of parts. */
export function decodeContent(content: unknown, path: string): UserContent[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  if (!Array.isArray(content)) throw new DecodeError('wrong_shape', path, 'must be a string or an array of parts');
  return content.map((part, index) => decodePart(part, `${path}[${index}]`));
}

/** Writes content: one plain text as a string, everything else as parts. */
export function encodeContent(
  blocks: readonly UserContent[],
  field: string,
  unsupported: Unsupported[],
): string | JsonObject[] {
  const [only] = blocks;
  if (blocks.length === 0) return '';
  if (blocks.length === 1 && only?.type === 'text') return only.text;
  return blocks.flatMap((block, index): JsonObject[] => {
    const part = encodePart(block, `${field}[${index}]`, unsupported);
    return part ? [part] : [];
  });
}

function encodePart(block: UserContent, field: string, unsupported: Unsupported[]): JsonObject | undefined {
  switch (block.type) {
    case 'text':
      return { type: 'input_text', text: block.text };
    case 'image':
      return encodeImage(block);
    case 'file':
      return encodeFile(block);
    case 'opaque': {
      if (block.dialect === 'openai-responses') return block.value;
      unsupported.push({ field, reason: `content of type ${block.kind} exists in ${block.dialect} only` });
      return undefined;
    }
  }
}

function encodeImage({ source, detail }: ImageBlock): JsonObject {
  const url = source.kind === 'url' ? source.url : `data:${source.mediaType};base64,${source.data}`;
  return { type: 'input_image', image_url: url, detail: detail ?? 'auto' };
}

function encodeFile({ source, name }: FileBlock): JsonObject {
  const named = name === undefined ? {} : { filename: name };
  switch (source.kind) {
    case 'id':
      return { type: 'input_file', file_id: source.id };
    case 'url':
      return { type: 'input_file', file_url: source.url };
    case 'base64':
      // A file without a name is refused.
      return {
        type: 'input_file',
        filename: name ?? 'file',
        file_data: `data:${source.mediaType};base64,${source.data}`,
      };
    case 'text': {
      const data = Buffer.from(source.text, 'utf8').toString('base64');
      return {
        type: 'input_file',
        ...{ filename: 'file.txt', ...named },
        file_data: `data:${source.mediaType};base64,${data}`,
      };
    }
  }
}

/** Text blocks as the instructions of a system or developer message. */
export function encodeInstructions(blocks: readonly TextBlock[]): JsonObject[] {
  return blocks.map(({ text }) => ({ type: 'input_text', text }));
}
