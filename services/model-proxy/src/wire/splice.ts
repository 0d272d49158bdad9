import type { JsonObject } from '../chat/message.ts';
import { isScalarChange, type RequestChanges } from './forward.ts';

const quote = 0x22;
const backslash = 0x5c;
const openBrace = 0x7b;
const colon = 0x3a;

/** The client's bytes with `changes` in them where they can be spliced in, else those of the object that `forward` makes. */
export function spliceOr(bytes: Buffer, body: JsonObject, changes: RequestChanges, forward: () => JsonObject): Buffer {
  const spliced = isScalarChange(changes) ? spliceBody(bytes, changes, body) : undefined;
  return spliced ?? Buffer.from(JSON.stringify(forward()));
}

/**
 * Rewrites the top-level `model`, and where asked adds `stream_options`, in the bytes of a JSON object that was parsed
 * without fault and without duplicate keys. Clients write `model` first, so that long histories are not looked at.
 * Undefined where the bytes are not laid out so; the caller then writes the changed object instead.
 */
export function spliceBody(
  bytes: Buffer,
  changes: Pick<RequestChanges, 'model' | 'streamUsage'>,
  body: Record<string, unknown>,
): Buffer | undefined {
  const open = skipSpace(bytes, 0);
  if (bytes[open] !== openBrace) return undefined;
  const parts: Buffer[] = [];
  let rest = open + 1;
  if (changes.streamUsage === true && body.stream === true) {
    const options = body.stream_options as { include_usage?: unknown } | undefined;
    if (options === undefined) parts.push(Buffer.from('{"stream_options":{"include_usage":true},'));
    else if (options?.include_usage === true) parts.push(bytes.subarray(0, rest));
    else return undefined;
  } else if (changes.streamUsage !== undefined && body.stream === true) return undefined;
  else parts.push(bytes.subarray(0, rest));
  if (changes.model !== undefined && changes.model !== body.model) {
    const value = modelValue(bytes, rest);
    if (!value) return undefined;
    parts.push(bytes.subarray(rest, value.start), Buffer.from(JSON.stringify(changes.model)));
    rest = value.end;
  }
  parts.push(bytes.subarray(rest));
  return Buffer.concat(parts);
}

/** Finds the value of `model` among leading top-level fields whose values are scalars. */
function modelValue(bytes: Buffer, from: number): { start: number; end: number } | undefined {
  let at = skipSpace(bytes, from);
  for (;;) {
    if (bytes[at] !== quote) return undefined;
    const keyEnd = stringEnd(bytes, at);
    const isModel = keyEnd - at === 7 && bytes.toString('latin1', at, keyEnd) === '"model"';
    at = skipSpace(bytes, keyEnd);
    if (bytes[at] !== colon) return undefined;
    const start = skipSpace(bytes, at + 1);
    const end = bytes[start] === quote ? stringEnd(bytes, start) : scalarEnd(bytes, start);
    if (end <= start) return undefined;
    if (isModel) return bytes[start] === quote ? { start, end } : undefined;
    at = skipSpace(bytes, end);
    if (bytes[at] !== 0x2c) return undefined;
    at = skipSpace(bytes, at + 1);
  }
}

function skipSpace(bytes: Buffer, from: number): number {
  let at = from;
  while (bytes[at] === 0x20 || bytes[at] === 0x0a || bytes[at] === 0x0d || bytes[at] === 0x09) at += 1;
  return at;
}

/** The position after the string that begins at `from`. */
function stringEnd(bytes: Buffer, from: number): number {
  let at = from + 1;
  while (at < bytes.length && bytes[at] !== quote) at += bytes[at] === backslash ? 2 : 1;
  return at + 1;
}

/** The position after a number, true, false or null; `from` itself for an object or array. */
function scalarEnd(bytes: Buffer, from: number): number {
  let at = from;
  while (at < bytes.length && /[\w.+-]/.test(String.fromCharCode(bytes[at]!))) at += 1;
  return at;
}
