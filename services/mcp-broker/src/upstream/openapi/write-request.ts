import { randomUUID } from 'node:crypto';
import { isExactNumber, isJsonObject, type JsonValue } from '@sallyport/turn';
import type { JsonObject } from '../../catalog/definition.ts';
import { BODY, type BodyPlan, type OperationPlan } from './plan.ts';
import { inHeader, inPath, pairsOf, UnsendableArgument } from './serialize.ts';

/** A request of an API. */
export interface ApiRequest {
  readonly url: URL;
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: string | Buffer;
}

const MAX_URL = 16_384;

/** Writes the request that a tool stands for. Throws UnsendableArgument; the URL is always below the base URL. */
export function writeRequest(base: string, plan: OperationPlan, args: JsonObject): ApiRequest {
  let path = plan.path;
  const query: string[] = [];
  const cookies: string[] = [];
  const headers: Record<string, string> = { accept: plan.accept };
  for (const one of plan.parameters) {
    const value = args[one.argument];
    if (one.in === 'path') {
      if (value === undefined) throw new UnsendableArgument(`The path parameter ${one.name} is missing.`);
      // A function, since `$&` and the like in a text would be replaced too.
      path = path.replaceAll(`{${one.name}}`, () => inPath(one, value));
    } else if (value === undefined || value === null) continue;
    else if (one.in === 'query') query.push(...pairsOf(one, value));
    else if (one.in === 'cookie') cookies.push(...pairsOf(one, value));
    else headers[one.name.toLowerCase()] = inHeader(one, value);
  }
  if (cookies.length > 0) headers.cookie = cookies.join('; ');
  const url = below(base, path, query);
  const { body: planned } = plan;
  const value = args[BODY];
  if (planned === undefined || value === undefined) return { url, method: plan.method, headers };
  const { type, body } = writeBody(planned, value);
  headers['content-type'] = type;
  return { url, method: plan.method, headers, body };
}

function below(base: string, path: string, query: readonly string[]): URL {
  const root = base.replace(/\/+$/, '');
  const search = query.length === 0 ? '' : `?${query.join('&')}`;
  const text = `${root}${path}${search}`;
  if (text.length > MAX_URL) throw new UnsendableArgument(`The URL would be longer than ${MAX_URL} characters.`);
  const url = new URL(text);
  // A segment such as `.` out of two parameters, or whatever else the parser would resolve, is not what was written.
  if (url.origin !== new URL(base).origin || pathIn(text) !== url.pathname) {
    throw new UnsendableArgument('The path parameters may not lead to another path.');
  }
  return url;
}

function pathIn(text: string): string {
  const [whole = ''] = text.split('?');
  const path = whole.slice(whole.indexOf('/', whole.indexOf('//') + 2));
  return path;
}

function writeBody(plan: BodyPlan, value: JsonValue): { type: string; body: string | Buffer } {
  const { mediaType, kind } = plan;
  if (kind === 'json') return { type: mediaType, body: JSON.stringify(value) };
  if (kind === 'text') return { type: `${mediaType}; charset=utf-8`, body: textOf(value) };
  if (kind === 'binary') return { type: mediaType, body: bytesOf(value) };
  const members = Object.entries(membersOf(value)).filter(([, one]) => one !== null);
  if (kind === 'multipart') return multipart(members, plan);
  const pairs = members.flatMap(([name, one]) => {
    const style = plan.styles[name];
    if (style !== undefined) return pairsOf({ name, ...style, json: false }, one);
    // Without a style of its own, a list is repeated and an object is JSON (OpenAPI 3.1 §4.8.15.1).
    const json = typeof one === 'object' && !Array.isArray(one);
    return pairsOf({ name, style: 'form', explode: true, json }, one);
  });
  return { type: mediaType, body: pairs.join('&').replaceAll('%20', '+') };
}

function multipart(members: readonly [string, JsonValue][], plan: BodyPlan): { type: string; body: Buffer } {
  const boundary = `sallyport-${randomUUID()}`;
  const files = new Set(plan.files);
  const parts: Buffer[] = [];
  for (const [name, value] of members) {
    for (const one of Array.isArray(value) ? value : [value]) {
      const isFile = files.has(name);
      // Quotes and line breaks in a name would end the header that it stands in (as HTML's forms write them).
      const quoted = name.replaceAll('"', '%22').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
      const isJson = typeof one === 'object' && !isExactNumber(one);
      const type = isFile ? 'application/octet-stream' : isJson ? 'application/json' : 'text/plain';
      const file = isFile ? `; filename="${quoted}"` : '';
      const head = `--${boundary}\r\ncontent-disposition: form-data; name="${quoted}"${file}\r\ncontent-type: ${type}\r\n\r\n`;
      const text = typeof one === 'object' ? JSON.stringify(one) : String(one);
      parts.push(Buffer.from(head), isFile ? bytesOf(one) : Buffer.from(text), Buffer.from('\r\n'));
    }
  }
  parts.push(Buffer.from(`--${boundary}--\r\n`));
  return { type: `multipart/form-data; boundary=${boundary}`, body: Buffer.concat(parts) };
}

function membersOf(value: JsonValue): JsonObject {
  if (isJsonObject(value)) return value;
  throw new UnsendableArgument('The body of a form must be an object.');
}

function textOf(value: JsonValue): string {
  if (typeof value === 'string') return value;
  throw new UnsendableArgument('The body must be a text.');
}

function bytesOf(value: JsonValue): Buffer {
  if (typeof value === 'string' && /^[A-Za-z0-9+/]*={0,2}$/.test(value)) return Buffer.from(value, 'base64');
  throw new UnsendableArgument('A file must be base64.');
}
