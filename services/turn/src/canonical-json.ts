import { childPointer } from './json-pointer.ts';

/** A value that JSON can say. */
export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue };

/** Why a text or value is refused. */
export type JsonFaultCode =
  | 'invalid_json'
  | 'duplicate_key'
  | 'too_deep'
  | 'lone_surrogate'
  | 'not_finite'
  | 'inexact_number';

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
  /** Refuses integers that a double cannot hold; set for tool arguments, where a changed id is another object. */
  readonly exactNumbers?: boolean;
};

const DEFAULT_DEPTH = 64;
const LONG_DIGITS = /\d{16}/;

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
  if (options.exactNumbers === true && hasInexactNumber(text)) throw new JsonFault('inexact_number');
  return value;
}

/** Tells whether valid JSON text holds an integer that parsing would change, since a double cannot hold it. */
export function hasInexactNumber(text: string): boolean {
  return LONG_DIGITS.test(text) && writesInexact(text);
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

/** Index of the closing quote of the string that opens at `open`, in text known to be valid JSON. */
function stringEnd(text: string, open: number): number {
  let close = text.indexOf('"', open + 1);
  for (;;) {
    let back = close - 1;
    while (text.charCodeAt(back) === 0x5c) back--;
    if ((close - 1 - back) % 2 === 0) return close;
    close = text.indexOf('"', close + 1);
  }
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

// Walks the text between the strings: digits inside a string are text.
function writesInexact(text: string): boolean {
  for (let from = 0; from <= text.length; ) {
    const open = text.indexOf('"', from);
    const between = text.slice(from, open === -1 ? text.length : open);
    for (const [digits] of between.matchAll(/(?<![\d.eE+])-?\d{16,}(?![\d.eE])/g)) {
      const number = Number(digits);
      if (!Number.isFinite(number) || BigInt(digits) !== BigInt(number)) return true;
    }
    if (open === -1) return false;
    from = stringEnd(text, open) + 1;
  }
  return false;
}

/**
 * Writes a value as RFC 8785 canonical JSON: keys in UTF-16 order, ECMAScript numbers, no white space.
 * Equal values give equal text whatever the order of their keys. Throws JsonFault for what JSON cannot say.
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
  for (const key of sortedKeys(value)) {
    const member = canonicalJson(value[key] as JsonValue, maxDepth - 1);
    text += `${text === '' ? '' : ','}${writeString(key)}:${member}`;
  }
  return `{${text}}`;
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
