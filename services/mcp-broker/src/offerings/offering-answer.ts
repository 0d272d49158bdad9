import { type JsonValue, type OfferingCall, uriFault } from '@sallyport/turn';
import type { JsonObject } from '../catalog/definition.ts';
import type { Asked } from '../upstream/asking.ts';
import type { ToolAnswer } from '../upstream/connection.ts';
import { annotationsOf, isMimeType } from './definitions.ts';
import { clientBlock, gatewayUri } from './gateway-uri.ts';

/** Most parts of one answer: contents of a resource, messages of a prompt. */
const MAX_PARTS = 1_000;
const MAX_VALUES = 100;
const MAX_VALUE = 1_024;

/**
 * What a server gave by a method, as the result of a tool: a block for each part, in order, so that whatever happens to
 * results of tools happens to it. Undefined for what is not what the method gives.
 */
export function toolAnswer(call: OfferingCall, server: string, asked: Asked): ToolAnswer | undefined {
  if ('refusal' in asked) return { content: [{ type: 'text', text: asked.refusal }], isError: true };
  if ('asked' in asked) return { content: [{ type: 'text', text: asked.asked }], isError: false, asks: true };
  const { result } = asked;
  const content =
    call === 'resources/read'
      ? parts(result.contents, (one) => contentBlock(server, one))
      : call === 'prompts/get'
        ? parts(result.messages, (one) => messageBlock(server, one))
        : values(result.completion);
  return content === undefined ? undefined : { content, isError: false };
}

/** The contents of a resource as clients get them, from the blocks of a result (`toolAnswer`). */
export function contentsOf(blocks: readonly JsonObject[]): JsonObject[] {
  return blocks.map(({ resource }) => resource as JsonObject);
}

/** The messages of a prompt as clients get them, from the blocks of a result. */
export function messagesOf(blocks: readonly JsonObject[]): JsonObject[] {
  return blocks.map(({ role, ...content }): JsonObject => ({ role: role as JsonValue, content }));
}

function parts(value: unknown, read: (one: JsonObject) => JsonObject | undefined): JsonObject[] | undefined {
  if (!Array.isArray(value) || value.length > MAX_PARTS) return undefined;
  const blocks = value.map((one: unknown) => (isObject(one) ? read(one) : undefined));
  return blocks.every((one) => one !== undefined) ? blocks : undefined;
}

// As the embedded resource that it would be in the result of a tool, without what MCP does not define.
function contentBlock(server: string, { uri, mimeType, text, blob }: JsonObject): JsonObject | undefined {
  if (typeof uri !== 'string' || uriFault(uri) !== undefined) return undefined;
  const what = typeof text === 'string' ? { text } : typeof blob === 'string' && isBase64(blob) ? { blob } : undefined;
  if (what === undefined) return undefined;
  const type = isMimeType(mimeType) ? { mimeType } : {};
  return { type: 'resource', resource: { uri: gatewayUri(server, uri), ...type, ...what } };
}

function messageBlock(server: string, { role, content }: JsonObject): JsonObject | undefined {
  if ((role !== 'user' && role !== 'assistant') || !isObject(content) || typeof content.type !== 'string')
    return undefined;
  const { _meta, annotations: given, ...block } = content;
  if (block.type === 'text' && typeof block.text !== 'string') return undefined;
  const annotations = annotationsOf(given);
  return { ...clientBlock(server, block), ...(annotations === undefined ? {} : { annotations }), role };
}

// One block: what is proposed is one thing, whatever is decided about it.
function values(completion: unknown): JsonObject[] | undefined {
  if (!isObject(completion) || !Array.isArray(completion.values)) return undefined;
  const read = completion.values.slice(0, MAX_VALUES);
  if (!read.every((one) => typeof one === 'string' && one.length <= MAX_VALUE)) return undefined;
  const { total, hasMore } = completion;
  const proposed = {
    values: read,
    ...(Number.isSafeInteger(total) ? { total: total as number } : {}),
    ...(typeof hasMore === 'boolean' || completion.values.length > MAX_VALUES
      ? { hasMore: hasMore === true || completion.values.length > MAX_VALUES }
      : {}),
  };
  return [{ type: 'text', text: JSON.stringify(proposed) }];
}

function isBase64(text: string): boolean {
  return /^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
