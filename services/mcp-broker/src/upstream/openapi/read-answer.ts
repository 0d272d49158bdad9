import { GatewayError } from '@sallyport/chassis/errors';
import type { OutboundResponse } from '@sallyport/chassis/http/fetch';
import { isExactNumber, type JsonValue, parseExact } from '@sallyport/turn';
import type { JsonObject } from '../../catalog/definition.ts';
import type { ToolAnswer } from '../connection.ts';
import { bare, isJson } from './read-body.ts';
import { isNode } from './read-document.ts';

/** How an answer is read. */
export interface Reading {
  readonly maxResultBytes: number;
  /** The answer stands under `result`, whatever it is. */
  readonly wraps: boolean;
  /** The tool has an output schema, which errors do not fit. */
  readonly typed: boolean;
  /** URI under which a file of the answer is given; without query. */
  readonly uri: string;
}

/** What stands in front of an API says that nobody is behind it. */
const AWAY = new Set([502, 503, 504]);
const MAX_ERROR_BYTES = 65_536;

/**
 * Reads an answer as the result of a tool: JSON as structured content and text, other text, images, sound and files as what
 * they are. What the API refuses (4xx, 500) is an error result with its words; redirects are not followed. Throws
 * GatewayError where there is no answer: `upstream_error`, `upstream_invalid`, `upstream_timeout`.
 */
export async function readAnswer(answer: OutboundResponse, reading: Reading): Promise<ToolAnswer> {
  const { status, headers } = answer;
  const encoding = headers['content-encoding'] ?? 'identity';
  if (AWAY.has(status)) {
    await answer.discard();
    throw new GatewayError('upstream_error', `The API answered with status ${status}.`, { details: { status } });
  }
  if (encoding !== 'identity') {
    await answer.discard();
    throw new GatewayError('upstream_invalid', 'The API answered in an encoding that was not asked for.');
  }
  if (status < 200 || (status >= 300 && status < 400)) {
    await answer.discard();
    throw new GatewayError('upstream_invalid', `The API answered with status ${status}; redirects are not followed.`);
  }
  const type = single(headers['content-type']);
  if (status >= 400) return await refusalOf(answer, type, reading);
  const bytes = await answer.bytes(reading.maxResultBytes);
  if (bytes.length === 0) {
    return {
      content: [{ type: 'text', text: `The API answered with status ${status} and nothing else.` }],
      isError: false,
    };
  }
  if (isJson(type)) return structured(bytes, type, reading.wraps);
  return { content: [blockOf(bytes, type, reading.uri)], isError: false };
}

function structured(bytes: Buffer, type: string, wraps: boolean): ToolAnswer {
  const text = textOf(bytes, type);
  let value: JsonValue;
  try {
    value = parseExact(text) as JsonValue;
  } catch {
    throw new GatewayError('upstream_invalid', 'The API answered with what is not JSON, though it says so.');
  }
  // One text for both: content never says another thing than the structured content.
  return {
    content: [{ type: 'text', text }],
    structuredContent: wraps || !isNode(value) || isExactNumber(value) ? { result: value } : value,
    isError: false,
  };
}

async function refusalOf(answer: OutboundResponse, type: string, { typed }: Reading): Promise<ToolAnswer> {
  const { status } = answer;
  const retryAfter = single(answer.headers['retry-after']);
  const wait = /^[\w ,:-]{1,40}$/.test(retryAfter) ? ` It asks to be called again after: ${retryAfter}.` : '';
  const words = `The API refused the call with status ${status}.${wait}`;
  const readable = isJson(type) || bare(type).startsWith('text/');
  const text = readable ? textOf(await firstBytes(answer), type) : '';
  if (!readable) await answer.discard();
  return {
    content: [{ type: 'text', text: words }, ...(text === '' ? [] : [{ type: 'text', text }])],
    ...(typed ? {} : { structuredContent: { status, ...bodyOf(text, type) } }),
    isError: true,
  };
}

function bodyOf(text: string, type: string): JsonObject {
  if (text === '') return {};
  try {
    return { body: isJson(type) ? (parseExact(text) as JsonValue) : text };
  } catch {
    return { body: text };
  }
}

/** The beginning of a body; an error page of any length is no reason to read on. */
async function firstBytes(answer: OutboundResponse): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer.body) {
    parts.push(chunk);
    bytes += chunk.length;
    if (bytes >= MAX_ERROR_BYTES) break;
  }
  return Buffer.concat(parts).subarray(0, MAX_ERROR_BYTES);
}

function blockOf(bytes: Buffer, type: string, uri: string): JsonObject {
  const mimeType = /^[\w.+-]+\/[\w.+-]+$/.test(bare(type)) ? bare(type) : 'application/octet-stream';
  if (mimeType.startsWith('text/') || /^application\/(xml|[\w.-]+\+xml|yaml|javascript)$/.test(mimeType)) {
    return { type: 'text', text: textOf(bytes, type) };
  }
  const data = bytes.toString('base64');
  if (mimeType.startsWith('image/')) return { type: 'image', data, mimeType };
  if (mimeType.startsWith('audio/')) return { type: 'audio', data, mimeType };
  return { type: 'resource', resource: { uri, mimeType, blob: data } };
}

function textOf(bytes: Buffer, type: string): string {
  const charset = /charset="?([\w-]{1,40})/i.exec(type)?.[1] ?? 'utf-8';
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch {
    return new TextDecoder().decode(bytes);
  }
}

function single(value: string | string[] | undefined): string {
  return (Array.isArray(value) ? value[0] : value) ?? '';
}
