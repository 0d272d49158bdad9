import { parseArguments } from '../../chat/json.ts';
import type {
  CacheMark,
  ContentBlock,
  FileBlock,
  ImageBlock,
  JsonObject,
  ReasoningBlock,
  ToolCallBlock,
  ToolResultBlock,
} from '../../chat/message.ts';
import type { Unsupported } from '../../chat/request.ts';
import { isGeminiSignature } from '../gemini/signature.ts';
import { isOpenAiSignature } from '../openai-responses/reasoning.ts';
import type { CallIds } from './call-id.ts';

/** What could not be said, what was said another way, and what the model at hand can do. */
export interface Notes {
  readonly unsupported: Unsupported[];
  readonly adjusted: Unsupported[];
  /** The model takes marks for the prompt cache. */
  readonly caches: boolean;
  readonly callIds: CallIds;
  /** Documents so far: each needs a name of its own. */
  documents: number;
}

const imageFormats: Readonly<Record<string, string>> = {
  'image/png': 'png',
  'image/jpeg': 'jpeg',
  'image/jpg': 'jpeg',
  'image/gif': 'gif',
  'image/webp': 'webp',
};

const documentFormats: Readonly<Record<string, string>> = {
  'application/pdf': 'pdf',
  'text/csv': 'csv',
  'text/html': 'html',
  'text/plain': 'txt',
  'text/markdown': 'md',
  'application/msword': 'doc',
  'application/vnd.openxmlformats-officedocument.wordprocessingml.document': 'docx',
  'application/vnd.ms-excel': 'xls',
  'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet': 'xlsx',
};

/** Writes blocks, each with its mark for the cache after it. Blank text is left out: the API refuses it. */
export function encodeBlocks(blocks: readonly ContentBlock[], field: string, notes: Notes): JsonObject[] {
  const encoded: JsonObject[] = [];
  for (const [index, block] of blocks.entries()) {
    const one = encodeBlock(block, `${field}[${index}]`, notes);
    if (one === undefined) continue;
    encoded.push(one);
    if ('cache' in block && block.cache) encoded.push(...cachePoint(block.cache, `${field}[${index}].cache`, notes));
  }
  return encoded;
}

/** The mark that asks to cache what stands before it; none for a model that has no such cache. */
export function cachePoint({ ttl }: CacheMark, field: string, { caches, adjusted }: Notes): JsonObject[] {
  if (caches) return [{ cachePoint: { type: 'default', ...(ttl === undefined ? {} : { ttl }) } }];
  adjusted.push({ field, reason: 'the model keeps no prompts' });
  return [];
}

function encodeBlock(block: ContentBlock, field: string, notes: Notes): JsonObject | undefined {
  switch (block.type) {
    case 'text':
      return block.text.trim() === '' ? undefined : { text: block.text };
    case 'refusal':
      notes.adjusted.push({ field, reason: 'a refusal is written as text' });
      return block.text.trim() === '' ? undefined : { text: block.text };
    case 'image':
      return encodeImage(block, field, notes);
    case 'file':
      return encodeDocument(block, field, notes);
    case 'toolCall':
      return encodeCall(block, field, notes);
    case 'toolResult':
      return encodeResult(block, field, notes);
    case 'reasoning':
      return encodeReasoningBlock(block, field, notes);
    case 'opaque':
      if (block.dialect === 'bedrock-converse') return block.value;
      notes.unsupported.push({ field, reason: `content of type ${block.kind} exists in ${block.dialect} only` });
      return undefined;
  }
}

function encodeImage({ source }: ImageBlock, field: string, { unsupported }: Notes): JsonObject | undefined {
  if (source.kind === 'url') {
    unsupported.push({ field: `${field}.source`, reason: 'Bedrock fetches no images: they must be sent as data' });
    return undefined;
  }
  const format = imageFormats[source.mediaType];
  if (format !== undefined) return { image: { format, source: { bytes: source.data } } };
  unsupported.push({ field: `${field}.source`, reason: `Bedrock takes no images of type ${source.mediaType}` });
  return undefined;
}

function encodeDocument({ source, name }: FileBlock, field: string, notes: Notes): JsonObject | undefined {
  if (source.kind === 'url' || source.kind === 'id') {
    notes.unsupported.push({ field: `${field}.source`, reason: 'Bedrock takes files as data only' });
    return undefined;
  }
  const format = documentFormats[source.mediaType.split(';')[0] as string];
  if (format === undefined) {
    notes.unsupported.push({ field: `${field}.source`, reason: `Bedrock takes no files of type ${source.mediaType}` });
    return undefined;
  }
  const bytes = source.kind === 'text' ? Buffer.from(source.text).toString('base64') : source.data;
  return { document: { format, name: documentName(name, ++notes.documents), source: { bytes } } };
}

/** The API takes letters, digits, single blanks and some signs in a name, and each name once. */
function documentName(name: string | undefined, number: number): string {
  const stem = (name ?? '')
    .replace(/\.[A-Za-z]{1,5}$/, '')
    .replace(/[^A-Za-z0-9()[\]-]+/g, ' ')
    .trim()
    .slice(0, 180);
  return stem === '' ? `document ${number}` : `${stem} ${number}`;
}

function encodeCall(call: ToolCallBlock, field: string, { unsupported, callIds }: Notes): JsonObject {
  const input = call.arguments.trim() === '' ? {} : parseArguments(call.arguments);
  if (call.kind === 'custom' || !input) {
    unsupported.push({ field: `${field}.arguments`, reason: 'Bedrock takes a JSON object as arguments' });
  }
  return { toolUse: { toolUseId: callIds(call.id), name: call.name, input: input ?? {} } };
}

function encodeResult(result: ToolResultBlock, field: string, notes: Notes): JsonObject {
  const content: JsonObject[] = [];
  for (const [index, block] of result.content.entries()) {
    const one = encodeBlock(block, `${field}.content[${index}]`, notes);
    if (one !== undefined) content.push(one);
  }
  // Something must stand there.
  if (content.length === 0) content.push({ text: '(empty)' });
  const status = result.isError === undefined ? {} : { status: result.isError ? 'error' : 'success' };
  return { toolResult: { toolUseId: notes.callIds(result.callId), content, ...status } };
}

/** Claude's own proofs are good on every platform that serves it; those of other vendors, and text without one, are not. */
function encodeReasoningBlock(block: ReasoningBlock, field: string, { adjusted }: Notes): JsonObject | undefined {
  const proof = block.redacted ?? block.signature;
  if (proof === undefined || isGeminiSignature(proof) || isOpenAiSignature(proof)) {
    adjusted.push({ field, reason: 'reasoning without a proof that the model can check is left out' });
    return undefined;
  }
  if (block.redacted !== undefined) return { reasoningContent: { redactedContent: block.redacted } };
  return { reasoningContent: { reasoningText: { text: block.text, signature: block.signature } } };
}
