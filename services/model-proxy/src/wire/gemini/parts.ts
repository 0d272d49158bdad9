import { DecodeError } from '../../chat/failure.ts';
import { isObject, otherFields } from '../../chat/json.ts';
import type {
  AssistantContent,
  FileBlock,
  ImageBlock,
  JsonObject,
  OpaqueBlock,
  ReasoningBlock,
  TextBlock,
  ToolCallBlock,
  ToolResultBlock,
  UserContent,
} from '../../chat/message.ts';
import { field, objectField, spellings, stringField } from './field.ts';
import { decodeSignature } from './signature.ts';

const marks = ['thought', 'thoughtSignature'];
const known = {
  text: spellings('text', ...marks),
  inlineData: spellings('inlineData', ...marks),
  fileData: spellings('fileData', ...marks),
  functionCall: spellings('functionCall', ...marks),
  functionResponse: spellings('functionResponse', ...marks),
};

/** What may stand beside the data of a part (ai.google.dev/api/caching#Part); whatever else is there is data. */
const BESIDE = spellings(...marks, 'videoMetadata', 'mediaResolution', 'partMetadata');
const MARKS = spellings(...marks);

/** A part as read; the signature that stands on it is told apart. */
type Part = UserContent | ReasoningBlock | ToolCallBlock | ToolResultBlock;

/** One kind is looked at: what stood beside it would reach the model unseen. DecodeError where there are two. */
export function checkOneKind(part: JsonObject, path: string): void {
  const kinds = Object.keys(part).filter((key) => !BESIDE.has(key) && part[key] !== undefined && part[key] !== null);
  if (kinds.length > 1) throw new DecodeError('wrong_shape', path, 'must hold one kind of data');
}

/** Reads one part of a content; `id` is that of its call or result. DecodeError names the path. */
export function decodePart(part: unknown, id: string, path: string): Part {
  if (!isObject(part)) throw new DecodeError('wrong_shape', path, 'must be an object');
  checkOneKind(part, path);
  const text = part.text;
  if (text !== undefined) {
    if (typeof text !== 'string') throw new DecodeError('wrong_shape', `${path}.text`, 'must be a string');
    return part.thought === true ? { type: 'reasoning', text } : { type: 'text', text, ...rest(part, known.text) };
  }
  const inline = objectField(part, 'inlineData');
  if (inline !== undefined) return decodeInline(part, inline, path);
  const file = objectField(part, 'fileData');
  if (file !== undefined) return decodeFile(part, file, path);
  const call = objectField(part, 'functionCall');
  if (call !== undefined) return decodeCall(call, id, path);
  const response = objectField(part, 'functionResponse');
  if (response !== undefined) return decodeResult(response, id, path);
  const kind = Object.keys(part).find((key) => !MARKS.has(key));
  if (kind === undefined) return { type: 'reasoning', text: '' };
  return { type: 'opaque', dialect: 'gemini', kind, value: part };
}

function rest(part: JsonObject, fields: ReadonlySet<string>): { extra?: { gemini: JsonObject } } {
  const other = otherFields(part, fields);
  return other ? { extra: { gemini: other } } : {};
}

function decodeInline(part: JsonObject, inline: JsonObject, path: string): ImageBlock | FileBlock {
  const mediaType = stringField(inline, 'mimeType');
  const data = stringField(inline, 'data');
  if (mediaType === undefined || data === undefined) {
    throw new DecodeError('wrong_shape', `${path}.inlineData`, 'must have a mimeType and data');
  }
  const source = { kind: 'base64', mediaType, data } as const;
  const other = rest(part, known.inlineData);
  if (mediaType.startsWith('image/')) return { type: 'image', source, ...other };
  const name = stringField(inline, 'displayName');
  return { type: 'file', source, ...(name === undefined ? {} : { name }), ...other };
}

function decodeFile(part: JsonObject, file: JsonObject, path: string): ImageBlock | FileBlock {
  const url = stringField(file, 'fileUri');
  if (url === undefined) throw new DecodeError('wrong_shape', `${path}.fileData.fileUri`, 'must be a string');
  const other = rest(part, known.fileData);
  const stored = storedFile(url);
  if (stored !== undefined) return { type: 'file', source: { kind: 'id', id: stored }, ...other };
  const isImage = stringField(file, 'mimeType')?.startsWith('image/') === true;
  return { type: isImage ? 'image' : 'file', source: { kind: 'url', url }, ...other };
}

/**
 * The id of a file that the provider keeps, from its URI; undefined for a file that is plainly elsewhere. What is neither may be
 * of the account that all tenants share, so it counts as kept.
 */
export function storedFile(uri: string): string | undefined {
  const id = /^(?:https:\/\/generativelanguage\.googleapis\.com\/v\d\w*\/)?(files\/[\w-]{1,128})$/.exec(uri)?.[1];
  if (id !== undefined) return id;
  const url = URL.parse(uri);
  const isElsewhere =
    url !== null && /^https?:$/.test(url.protocol) && !/(?:^|\.)googleapis\.com\.?$/.test(url.hostname);
  return isElsewhere ? undefined : uri;
}

function decodeCall(call: JsonObject, id: string, path: string): ToolCallBlock {
  const name = stringField(call, 'name');
  if (!name) throw new DecodeError('wrong_shape', `${path}.functionCall.name`, 'must be a non-empty string');
  const args = field(call, 'args') ?? {};
  if (!isObject(args)) throw new DecodeError('wrong_shape', `${path}.functionCall.args`, 'must be an object');
  return { type: 'toolCall', id, name, arguments: JSON.stringify(args) };
}

function decodeResult(result: JsonObject, callId: string, path: string): ToolResultBlock {
  const { text, isError } = resultText(result, path);
  return { type: 'toolResult', callId, content: [{ type: 'text', text }], ...(isError ? { isError } : {}) };
}

/** The text of a result: what stands under `result`, `output` or `error` alone, else the whole object. */
export function resultText(result: JsonObject, path: string): { text: string; isError: boolean } {
  if (!stringField(result, 'name')) {
    throw new DecodeError('wrong_shape', `${path}.functionResponse.name`, 'must be a non-empty string');
  }
  const response = field(result, 'response') ?? {};
  if (!isObject(response)) {
    throw new DecodeError('wrong_shape', `${path}.functionResponse.response`, 'must be an object');
  }
  const keys = Object.keys(response);
  const [only] = keys;
  const value = only === undefined ? undefined : response[only];
  const isError = keys.length === 1 && only === 'error';
  if (keys.length === 1 && typeof value === 'string' && (isError || only === 'result' || only === 'output')) {
    return { text: value, isError };
  }
  return { text: JSON.stringify(response), isError };
}

/**
 * Reads the parts of what a model said. A signature stands on the part after the thoughts that it proves: it goes to their
 * block, or to an empty one. `joined` puts neighbouring texts together, as a stream of them does.
 */
export function decodeModelParts(
  parts: readonly unknown[],
  idAt: (part: number) => string,
  path: string,
  joined = false,
): AssistantContent[] {
  const content: AssistantContent[] = [];
  for (const [index, part] of parts.entries()) {
    const partPath = `${path}[${index}]`;
    const block = decodePart(part, idAt(index), partPath);
    if (block.type === 'toolResult') throw new DecodeError('wrong_shape', partPath, 'cannot be said by a model');
    const signature = isObject(part) ? stringField(part, 'thoughtSignature') : undefined;
    if (block.type === 'reasoning') addReasoning(content, block.text, signature);
    else {
      if (signature !== undefined) addReasoning(content, '', signature);
      addBlock(content, block.type === 'image' || block.type === 'file' ? opaque(part as JsonObject) : block, joined);
    }
  }
  return content;
}

function opaque(part: JsonObject): OpaqueBlock {
  return {
    type: 'opaque',
    dialect: 'gemini',
    kind: objectField(part, 'inlineData') ? 'inlineData' : 'fileData',
    value: part,
  };
}

function addBlock(content: AssistantContent[], block: TextBlock | ToolCallBlock | OpaqueBlock, joined: boolean): void {
  const last = content.at(-1);
  if (block.type === 'text' && block.text === '' && !block.extra) return;
  if (joined && block.type === 'text' && last?.type === 'text' && !block.extra && !last.extra) last.text += block.text;
  else content.push(block);
}

function addReasoning(content: AssistantContent[], text: string, signature: string | undefined): void {
  const last = content.at(-1);
  const proof: Pick<ReasoningBlock, 'signature' | 'redacted'> =
    signature === undefined ? {} : decodeSignature(signature);
  if (proof.redacted !== undefined) content.push({ type: 'reasoning', text, ...proof });
  else if (last?.type === 'reasoning' && last.signature === undefined && last.redacted === undefined) {
    last.text += text;
    Object.assign(last, proof);
  } else if (text !== '' || signature !== undefined) content.push({ type: 'reasoning', text, ...proof });
}
