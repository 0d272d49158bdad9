import { type Content, findField, findLine, findList, readContent } from './content.ts';
import type { JsonSchema } from './conversation.ts';
import { means, normalise, score } from './keywords.ts';
import { readSchema, type Shape } from './schemas.ts';

/** How deep a schema is filled in; what lies deeper is left out. */
const MAX_DEPTH = 12;

const DATE = /\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})?)?/;

/** Fills in `schema` from `content` without understanding it: by field names, keywords and formats. Always fits the schema's shape. */
export function extract(schema: JsonSchema, content: string): unknown {
  return fill(schema, schema, '', readContent(content), true, 0);
}

function fill(
  schema: JsonSchema,
  root: JsonSchema,
  name: string,
  content: Content,
  required: boolean,
  depth: number,
): unknown {
  const { shape, nullable } = readSchema(schema, root);
  const found = depth > MAX_DEPTH ? undefined : find(shape, root, name, content, depth);
  if (found !== undefined) return found;
  if (nullable) return null;
  return required ? nothing(shape) : undefined;
}

function find(shape: Shape, root: JsonSchema, name: string, content: Content, depth: number): unknown {
  switch (shape.kind) {
    case 'enum':
      return member(shape.options, name, content);
    case 'boolean':
      return findField(content, name, isBoolean) ?? score(name, content.text) > 0;
    case 'number':
      return number(shape, name, content);
    case 'string':
      return string(shape, name, content);
    case 'null':
      return null;
    case 'array':
      return list(shape, root, name, content, depth);
    case 'object': {
      const filled = Object.entries(shape.properties).map(([key, property]) => [
        key,
        fill(property, root, key, content, shape.required.includes(key), depth + 1),
      ]);
      return Object.fromEntries(filled.filter(([, value]) => value !== undefined));
    }
  }
}

function list(
  shape: Shape & { kind: 'array' },
  root: JsonSchema,
  name: string,
  content: Content,
  depth: number,
): unknown[] {
  const items = findList(content, name) ?? [];
  const filled = items.slice(0, shape.max).map((item) => {
    const part = { text: typeof item === 'string' ? item : JSON.stringify(item), values: [item] };
    return fill(shape.items, root, name, part, true, depth + 1);
  });
  while (filled.length < Math.min(shape.min, shape.max))
    filled.push(fill(shape.items, root, name, content, true, depth + 1));
  return filled;
}

/** The member that the field of that name holds, else the one that most words speak for, else one that means "neither". */
function member(options: readonly unknown[], name: string, content: Content): unknown {
  const stated = findField(content, name, (value): value is unknown => options.includes(value));
  if (stated !== undefined) return stated;
  const ranked = options.map((option) => ({ option, points: score(String(option), content.text) }));
  const best = ranked.reduce((a, b) => (b.points > a.points ? b : a), { option: undefined as unknown, points: 0 });
  if (best.points > 0) return best.option;
  return (
    options.find((option) => /^(other|unknown|none|neutral|normal|unclear|low)$/i.test(String(option))) ?? options[0]
  );
}

function number(shape: Shape & { kind: 'number' }, name: string, content: Content): number | undefined {
  const stated = findField(content, name, isNumber) ?? counted(name, content) ?? written(name, content.text);
  if (stated === undefined) return undefined;
  return bounded(stated, shape);
}

function counted(name: string, content: Content): number | undefined {
  return /count|number|total|howmany/.test(normalise(name)) ? findList(content, '')?.length : undefined;
}

function written(name: string, text: string): number | undefined {
  const plain = text.replace(new RegExp(DATE, 'g'), ' ');
  const money = /amount|price|total|cost|sum/i.test(name)
    ? /(\d+(?:\.\d+)?)\s*(?:euro|eur|usd|€|\$)/i.exec(plain)?.[1]
    : undefined;
  const near = new RegExp(`${normalise(name) || 'x'}\\D{0,20}?(\\d+(?:\\.\\d+)?)`, 'i').exec(plain)?.[1];
  const found = money ?? near;
  return found === undefined ? undefined : Number(found);
}

function bounded(value: number, shape: Shape & { kind: 'number' }): number {
  const whole = shape.integer ? Math.round(value) : value;
  return Math.min(shape.max, Math.max(shape.min, whole));
}

function string(shape: Shape & { kind: 'string' }, name: string, content: Content): string | undefined {
  const found =
    shape.format === 'date' || shape.format === 'date-time'
      ? date(shape.format, name, content)
      : words(shape, name, content);
  return found === undefined || found.length < shape.min ? undefined : found.slice(0, shape.max);
}

function date(format: 'date' | 'date-time', name: string, content: Content): string | undefined {
  const near = means(name, 'duedate') ? /\bdue\b.{0,20}?(\d{4}-\d{2}-\d{2})/i.exec(content.text)?.[1] : undefined;
  const stated = near ?? findField(content, name, isDate) ?? findLine(content, name) ?? content.text;
  const found = DATE.exec(stated)?.[0] ?? DATE.exec(content.text)?.[0];
  if (found === undefined) return undefined;
  const day = found.slice(0, 10);
  const at = Date.parse(found.length > 10 && /[Zz]|[+-]\d{2}:\d{2}$/.test(found) ? found : `${day}T00:00:00Z`);
  // A day that does not exist (2026-02-31) is parsed by some engines as the next month.
  if (Number.isNaN(at) || new Date(`${day}T00:00:00Z`).toISOString().slice(0, 10) !== day) return undefined;
  return format === 'date' ? day : new Date(at).toISOString();
}

function words(shape: Shape & { kind: 'string' }, name: string, content: Content): string | undefined {
  const stated = findField(content, name, isString) ?? findLine(content, name);
  if (shape.format === 'email')
    return (/[\w.+-]+@[\w.-]+\w/.exec(stated ?? '') ?? /[\w.+-]+@[\w.-]+\w/.exec(content.text))?.[0];
  if (shape.format === 'uri' || shape.format === 'url')
    return (/https?:\/\/[^\s"'<>]+/.exec(stated ?? '') ?? /https?:\/\/[^\s"'<>]+/.exec(content.text))?.[0];
  if (stated !== undefined) return stated;
  if (/code/i.test(name)) return /\bcode\D{0,12}(\d{4,8})\b/i.exec(content.text)?.[1];
  if (means(name, 'summary')) return firstSentence(findField(content, 'body', isString) ?? content.text);
  return means(name, 'body') ? content.text.trim() : undefined;
}

function firstSentence(text: string): string {
  return (text.trim().split(/(?<=[.?!])\s/)[0] ?? '').slice(0, 200);
}

/** The emptiest value that still has the shape. */
function nothing(shape: Shape): unknown {
  switch (shape.kind) {
    case 'enum':
      return shape.options[0];
    case 'boolean':
      return false;
    case 'number':
      return bounded(0, shape);
    case 'string':
      if (shape.format === 'date') return '1970-01-01';
      return shape.format === 'date-time'
        ? '1970-01-01T00:00:00Z'
        : 'unknown'.slice(0, shape.max).padEnd(shape.min, ' ');
    case 'array':
      return [];
    case 'object':
      return {};
    case 'null':
      return null;
  }
}

const isString = (value: unknown): value is string => typeof value === 'string';
const isNumber = (value: unknown): value is number => typeof value === 'number';
const isBoolean = (value: unknown): value is boolean => typeof value === 'boolean';
const isDate = (value: unknown): value is string => typeof value === 'string' && DATE.test(value);
