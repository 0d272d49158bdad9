import { canonicalNumber, type ExactNumber, hasBeyondDouble, isExactNumber, parseExact } from './exact-number.ts';
import { childPointer } from './json-pointer.ts';
import { stringEnd } from './json-tokens.ts';

/** A value that JSON can say. An object may be an `ExactNumber`, where numbers are read as such. */
export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue };

/** Why a text or value is refused. */
export type JsonFaultCode = 'invalid_json' | 'duplicate_key' | 'too_deep' | 'lone_surrogate' | 'not_finite';

/** Thrown by `parseStrict` and `canonicalJson`; the message names no content, only the code and the place. */
export class JsonFault extends Error {
  readonly code: JsonFaultCode;
  /** JSON pointer of the fault in a parsed text; empty when the whole text is at fault or the place is not known. */
  readonly pointer: string;

  constructor(code: JsonFaultCode, pointer = '') {
    super(`${code} at ${pointer === '' ? 'the root' : pointer}`);
    this.name = 'JsonFault';
    this.code = code;
    this.pointer = pointer;
  }
}

/** Settings of `parseStrict`. */
export type ParseOptions = {
  /** Deepest nesting of objects and arrays that is accepted; 64 by default. */
  readonly maxDepth?: number;
  /** Keeps numbers that a double cannot hold as `ExactNumber`; set for tool arguments, where a changed id is another object. */
  readonly exactNumbers?: boolean;
};

const DEFAULT_DEPTH = 64;

/**
 * Parses JSON and refuses what two parsers may read differently: a key twice, lone surrogates, numbers beyond a
 * double (I-JSON, RFC 7493 §2), nesting beyond the bound. Throws JsonFault.
 */
export function parseStrict(text: string, options: ParseOptions = {}): JsonValue {
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch {
    throw new JsonFault('invalid_json');
  }
  const kept = checkValue(value, '', options.maxDepth ?? DEFAULT_DEPTH);
  // JSON.parse keeps the last of equal keys, so fewer keys kept than written means that one stood there twice.
  if (kept !== writtenKeys(text)) throw new JsonFault('duplicate_key', duplicatePointer(text));
  return options.exactNumbers === true && hasBeyondDouble(text) ? (parseExact(text, refuseVague) as JsonValue) : value;
}

function refuseVague(): never {
  throw new JsonFault('not_finite');
}

function checkValue(value: JsonValue, pointer: string, depthLeft: number): number {
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw new JsonFault('lone_surrogate', pointer);
    return 0;
  }
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new JsonFault('not_finite', pointer);
    return 0;
  }
  if (value === null || typeof value === 'boolean') return 0;
  if (depthLeft === 0) throw new JsonFault('too_deep', pointer);
  let keys = 0;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) keys += checkChild(value[i] as JsonValue, pointer, i, depthLeft);
    return keys;
  }
  for (const key of Object.keys(value)) {
    if (!key.isWellFormed()) throw new JsonFault('lone_surrogate', pointer);
    keys += 1 + checkChild(value[key] as JsonValue, pointer, key, depthLeft);
  }
  return keys;
}

// Builds the pointer of a child only for containers and faulty leaves: pointers of sound leaves would cost the most.
function checkChild(child: JsonValue, parent: string, key: string | number, depthLeft: number): number {
  if (child === null || typeof child === 'boolean') return 0;
  if (typeof child === 'string' && child.isWellFormed()) return 0;
  if (typeof child === 'number' && Number.isFinite(child)) return 0;
  return checkValue(child, childPointer(parent, key), depthLeft - 1);
}

function isKeyEnd(text: string, close: number): boolean {
  let i = close + 1;
  while (text.charCodeAt(i) <= 0x20) i++;
  return text.charCodeAt(i) === 0x3a;
}

function writtenKeys(text: string): number {
  let keys = 0;
  for (let open = text.indexOf('"'); open !== -1; ) {
    const close = stringEnd(text, open);
    if (isKeyEnd(text, close)) keys++;
    open = text.indexOf('"', close + 1);
  }
  return keys;
}

function duplicatePointer(text: string): string {
  const stack: { keys: Set<string> | undefined; at: string | number }[] = [];
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    const top = stack.at(-1);
    if (char === '{') stack.push({ keys: new Set(), at: '' });
    else if (char === '[') stack.push({ keys: undefined, at: 0 });
    else if (char === '}' || char === ']') stack.pop();
    else if (char === ',' && typeof top?.at === 'number') top.at++;
    else if (char === '"') {
      const close = stringEnd(text, i);
      if (top?.keys !== undefined && isKeyEnd(text, close)) {
        const key = JSON.parse(text.slice(i, close + 1)) as string;
        top.at = key;
        if (top.keys.has(key)) return stack.reduce((pointer, level) => childPointer(pointer, level.at), '');
        top.keys.add(key);
      }
      i = close;
    }
  }
  return '';
}

/**
 * Writes a value as RFC 8785 canonical JSON: keys in UTF-16 order, ECMAScript numbers, no white space.
 * Equal values give equal text whatever the order of their keys. A number that no double holds has all its digits: two such
 * numbers never give one text. Throws JsonFault for what JSON cannot say.
 */
export function canonicalJson(value: JsonValue, maxDepth: number = DEFAULT_DEPTH): string {
  if (typeof value === 'string') return writeString(value);
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new JsonFault('not_finite');
    return JSON.stringify(value);
  }
  // Callers are typed, but values from elsewhere may hold undefined, functions or bigints.
  if (typeof value !== 'object') throw new JsonFault('invalid_json');
  if (maxDepth === 0) throw new JsonFault('too_deep');
  let text = '';
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      text += (i === 0 ? '' : ',') + canonicalJson(value[i] as JsonValue, maxDepth - 1);
    }
    return `[${text}]`;
  }
  if (isExactNumber(value)) return numberText(value);
  for (const key of sortedKeys(value)) {
    const member = canonicalJson(value[key] as JsonValue, maxDepth - 1);
    text += `${text === '' ? '' : ','}${writeString(key)}:${member}`;
  }
  return `{${text}}`;
}

function numberText(value: ExactNumber): string {
  const text = canonicalNumber(value);
  if (text === undefined) throw new JsonFault('not_finite');
  return text;
}

// Most objects are written in this order already, and `sort` copies what it sorts.
function sortedKeys(value: object): string[] {
  const keys = Object.keys(value);
  for (let i = 1; i < keys.length; i++) {
    if ((keys[i - 1] as string) > (keys[i] as string)) return keys.sort();
  }
  return keys;
}

function writeString(value: string): string {
  if (!value.isWellFormed()) throw new JsonFault('lone_surrogate');
  return JSON.stringify(value);
}
