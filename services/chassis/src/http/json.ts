import { isUtf8 } from 'node:buffer';
import { GatewayError } from '../errors.ts';
import { endOfString, findDuplicateKey } from './json-duplicates.ts';

/** Bounds of a JSON text. */
export interface JsonLimits {
  /** Deepest nesting of objects and arrays; default 64. */
  readonly maxDepth?: number;
}

const DEFAULT_DEPTH = 64;
const QUOTE = 0x22;

/**
 * Parses JSON (RFC 8259, UTF-8) so that what we read is what any other reader would: a key twice in one object is
 * `duplicate_key` with `details.pointer`, too deep is `body_too_deep`, anything else wrong `invalid_request`.
 * `__proto__` becomes an ordinary own key.
 */
export function parseJson(bytes: Buffer | Uint8Array, limits: JsonLimits = {}): unknown {
  if (!isUtf8(bytes)) throw new GatewayError('invalid_request', 'The body is not valid UTF-8.');
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return parseJsonText(buffer.toString('utf8'), limits);
}

/** `parseJson` for a text already decoded. */
export function parseJsonText(text: string, limits: JsonLimits = {}): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // The engine's message quotes the body, which must not reach logs or other readers: only the place is kept.
    const at = /position (\d+)/.exec((error as Error).message)?.[1];
    throw new GatewayError('invalid_request', `The body is not valid JSON${at === undefined ? '' : ` at ${at}`}.`);
  }
  // JSON.parse keeps one of two equal keys: as many keys in the value as in the text means that there were no two.
  if (keysInText(text, limits.maxDepth ?? DEFAULT_DEPTH) !== keysInValue(value)) {
    const pointer = findDuplicateKey(text);
    throw new GatewayError('duplicate_key', 'An object in the body has the same key twice.', { details: { pointer } });
  }
  return value;
}

/** Colons outside of strings, and the depth on the way. The text is valid JSON, so strings end where they seem to. */
function keysInText(text: string, maxDepth: number): number {
  let keys = 0;
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case QUOTE:
        i = endOfString(text, i);
        break;
      case 0x3a: // :
        keys++;
        break;
      case 0x7b: // {
      case 0x5b: // [
        if (++depth > maxDepth) throw new GatewayError('body_too_deep', `The body nests deeper than ${maxDepth}.`);
        break;
      case 0x7d: // }
      case 0x5d: // ]
        depth--;
        break;
    }
  }
  return keys;
}

function keysInValue(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let keys = 0;
  if (Array.isArray(value)) {
    for (const item of value) if (typeof item === 'object' && item !== null) keys += keysInValue(item);
    return keys;
  }
  // All properties of a parsed object are its own, except what someone put on Object.prototype, which Object.keys skips.
  for (const key of Object.keys(value)) {
    keys++;
    const item = (value as Record<string, unknown>)[key];
    if (typeof item === 'object' && item !== null) keys += keysInValue(item);
  }
  return keys;
}
