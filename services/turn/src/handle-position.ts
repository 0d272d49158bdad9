import type { JsonValue } from './canonical-json.ts';
import { exactNumber } from './exact-number.ts';
import { pointerTokens } from './json-pointer.ts';
import { schemasAt } from './schema-position.ts';

/** What an argument position holds, as far as handles go: only `value` is filled without a mark by policy. */
export type PositionKind = 'value' | 'host' | 'identifier';

const HOST_FORMATS = new Set([
  'uri',
  'url',
  'iri',
  'uri-reference',
  'iri-reference',
  'hostname',
  'idn-hostname',
  'ipv4',
  'ipv6',
]);
const HOST_WORDS = new Set([
  'url',
  'urls',
  'uri',
  'uris',
  'href',
  'link',
  'host',
  'hosts',
  'hostname',
  'domain',
  'endpoint',
  'server',
  'webhook',
  'callback',
  'proxy',
]);
const NAME_WORDS = new Set([
  'table',
  'column',
  'columns',
  'database',
  'sql',
  'header',
  'headers',
  'method',
  'command',
  'cmd',
  'tool',
  'function',
  'operation',
  'operator',
]);

/**
 * Says what stands at a position of a tool's arguments, by the format in its input schema and by the words of its key.
 * Ids of records are values here: what may be done to which record is for the rules on calls to say.
 */
export function positionKind(pointer: string, inputSchema?: JsonValue): PositionKind {
  const tokens = pointerTokens(pointer);
  const schemas = inputSchema === undefined ? [] : schemasAt(inputSchema, tokens);
  if (schemas.some(({ format }) => typeof format === 'string' && HOST_FORMATS.has(format))) return 'host';
  // The name of a list's or map's member is that of the nearest key around it.
  let kind: PositionKind = 'value';
  for (const token of tokens) {
    const words = token
      .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
      .toLowerCase()
      .split(/[^a-z0-9]+/);
    if (words.some((word) => HOST_WORDS.has(word))) return 'host';
    if (words.some((word) => NAME_WORDS.has(word))) kind = 'identifier';
  }
  return kind;
}

const NUMBER = /^-?(?:0|[1-9]\d{0,39})(?:\.\d{1,40})?$/;
const FRACTION = /\.\d*[1-9]/;

/**
 * The value of a handle that stands as a whole where the schema wants a number, integer or boolean: as that type, or
 * undefined where it is none. Where the schema wants a string, or says nothing, the text itself.
 */
export function typedValue(text: string, pointer: string, inputSchema?: JsonValue): JsonValue | undefined {
  if (inputSchema === undefined) return text;
  const types = new Set(
    schemasAt(inputSchema, pointerTokens(pointer)).flatMap(({ type }) => (Array.isArray(type) ? type : [type])),
  );
  if (types.has('string')) return text;
  const wantsNumber = types.has('number') || types.has('integer');
  const wantsBoolean = types.has('boolean');
  if (!wantsNumber && !wantsBoolean) return text;
  const written = text.trim();
  if (wantsBoolean && (written === 'true' || written === 'false')) return written === 'true';
  if (!wantsNumber || !NUMBER.test(written)) return undefined;
  return types.has('number') || !FRACTION.test(written) ? exactNumber(written) : undefined;
}

/** Where in a text a handle stands, as far as URLs go. */
export type TextPosition = 'plain' | 'url-part' | 'url-host';

const SCHEME = String.raw`(?:(?:https?|wss?|ftp|file):[/\\]*|[a-z][a-z0-9+.-]{0,30}:[/\\]{2}|(?:^|[\s"'(<[=,])[/\\]{2})`;
const AT_HOST = new RegExp(String.raw`${SCHEME}[^/\\?#\s]*$`, 'i');
const IN_URL = new RegExp(String.raw`${SCHEME}\S*$`, 'i');
const MAX_URL = 2048;

/**
 * Says whether the text before and after a handle makes it part of a URL or of a host name. A URL parser takes `\` for
 * `/`, needs no slashes after `https:`, and skips tabs and line breaks (WHATWG), so this does too.
 */
export function textPosition(before: string, after: string): TextPosition {
  const oneUrl = /^\s*[a-z][a-z0-9+.-]{0,30}:/i.test(before) && !before.trim().includes(' ');
  const near = (oneUrl ? before.replace(/[\t\r\n]/g, '') : before).slice(-MAX_URL);
  // The handle would be a label of a host, or the domain of an address: `api.h_…`, `bob@h_…`.
  if (AT_HOST.test(near) || /[a-z0-9-][.@]$/i.test(near)) return 'url-host';
  // It would be the scheme or the host of what follows: `h_…://x`, `h_….example.com`, `h_…@host`.
  if (/^:[/\\]/.test(after) || /^[.@][a-z0-9-]/i.test(after)) return 'url-host';
  return IN_URL.test(near) ? 'url-part' : 'plain';
}
