import { isExactNumber, type JsonValue } from '@sallyport/turn';
import type { ParameterPlan } from './plan.ts';

/** Thrown for an argument that cannot be sent; the message names the argument and no value. */
export class UnsendableArgument extends Error {}

type Styled = Pick<ParameterPlan, 'name' | 'style' | 'explode' | 'json'>;

const DELIMITERS: Readonly<Record<string, string>> = { form: ',', spaceDelimited: '%20', pipeDelimited: '%7C' };
const MAX_NESTING = 8;

/** A value as `name=value` pairs of a query or form, encoded (OpenAPI 3.1 §4.8.12.3; deepObject nests, as Stripe's does). */
export function pairsOf({ name, style, explode, json }: Styled, value: JsonValue): string[] {
  const key = encoded(name);
  if (json || isLeaf(value)) return [`${key}=${encoded(plain(value, json))}`];
  if (style === 'deepObject') return nested(key, value, 0);
  if (Array.isArray(value)) {
    if (explode && style === 'form') return value.map((one) => `${key}=${encoded(plain(one))}`);
    return [`${key}=${value.map((one) => encoded(plain(one))).join(DELIMITERS[style] ?? ',')}`];
  }
  const entries = Object.entries(value).filter(([, one]) => one !== null);
  if (explode && style === 'form') return entries.map(([member, one]) => `${encoded(member)}=${encoded(plain(one))}`);
  const flat = entries.flatMap(([member, one]) => [encoded(member), encoded(plain(one))]);
  return [`${key}=${flat.join(DELIMITERS[style] ?? ',')}`];
}

/**
 * A value as it stands in a path. Throws UnsendableArgument for what could lead elsewhere: nothing at all, `.` and `..`
 * between slashes of either kind (also where the server decodes once more), control characters.
 */
export function inPath(plan: Styled, value: JsonValue): string {
  const { name, style, explode, json } = plan;
  const one = (part: JsonValue) => safePart(name, plain(part, json));
  const listed = json || isLeaf(value) ? one(value) : undefined;
  const prefix = style === 'label' ? '.' : style === 'matrix' ? `;${encoded(name)}=` : '';
  if (listed !== undefined) return prefix + listed;
  const object = value as Exclude<JsonValue, null | string | number | boolean>;
  const isList = Array.isArray(object);
  const parts = isList
    ? object.map(one)
    : Object.entries(object).flatMap(([key, member]) =>
        explode ? [`${safePart(name, key)}=${one(member)}`] : [safePart(name, key), one(member)],
      );
  if (parts.length === 0) throw new UnsendableArgument(`The path parameter ${name} is empty.`);
  if (style === 'matrix' && explode) {
    return parts.map((part) => (isList ? `;${encoded(name)}=${part}` : `;${part}`)).join('');
  }
  return prefix + parts.join(style === 'label' && explode ? '.' : ',');
}

/** A value of a header or cookie, not encoded. Throws UnsendableArgument for what no header may hold. */
export function inHeader({ name, explode, json }: Styled, value: JsonValue): string {
  const text =
    json || isLeaf(value)
      ? plain(value, json)
      : Array.isArray(value)
        ? value.map((one) => plain(one)).join(',')
        : Object.entries(value)
            .map(([key, one]) => `${key}${explode ? '=' : ','}${plain(one)}`)
            .join(',');
  if (!/^[\x20-\x7e]*$/.test(text)) throw new UnsendableArgument(`The header ${name} may hold printable ASCII only.`);
  return text;
}

/** `encodeURIComponent`, and what it leaves alone of the reserved characters. Throws UnsendableArgument for broken text. */
export function encoded(text: string): string {
  if (!text.isWellFormed()) throw new UnsendableArgument('A text is not valid Unicode.');
  return encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`);
}

function nested(key: string, value: JsonValue, depth: number): string[] {
  if (isLeaf(value)) return [`${key}=${encoded(plain(value))}`];
  if (depth >= MAX_NESTING) throw new UnsendableArgument(`A parameter nests deeper than ${MAX_NESTING}.`);
  const entries: [string, JsonValue][] = Array.isArray(value) ? value.map((one) => ['', one]) : Object.entries(value);
  return entries.flatMap(([member, one]) => nested(`${key}%5B${encoded(member)}%5D`, one, depth + 1));
}

function isLeaf(value: JsonValue): value is null | boolean | number | string {
  return value === null || typeof value !== 'object' || isExactNumber(value);
}

function plain(value: JsonValue, json = false): string {
  if (json || (typeof value === 'object' && value !== null)) return JSON.stringify(value);
  return value === null ? '' : String(value);
}

function safePart(name: string, text: string): string {
  const refuse = (what: string): never => {
    throw new UnsendableArgument(`The path parameter ${name} ${what}.`);
  };
  if (text === '') refuse('is empty');
  let decodedOnce = text;
  try {
    decodedOnce = decodeURIComponent(text);
  } catch {
    // Not encoded a second time, then.
  }
  for (const form of [text, decodedOnce]) {
    if (/\p{Cc}/u.test(form)) refuse('has control characters');
    if (form.split(/[/\\]/).some((part) => part === '.' || part === '..')) refuse('may not lead to another path');
  }
  return encoded(text);
}
