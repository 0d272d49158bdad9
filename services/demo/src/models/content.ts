import { parse as parseYaml } from 'yaml';
import { namesFor, normalise } from './keywords.ts';
import { isRecord } from './results.ts';

/** What a reader reads: the text, and every JSON value found in it, or what it lays out as YAML. */
export interface Content {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** How many opening brackets are tried, so that a hostile text cannot make reading slow. */
const MAX_TRIES = 64;

/** Reads a text: keeps it, and parses each JSON object or array that stands in it; where there is none, all of it as YAML. */
export function readContent(text: string): Content {
  const values: unknown[] = [];
  let at = 0;
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const start = text.slice(at).search(/[{[]/);
    if (start < 0) break;
    const end = closing(text, at + start);
    const parsed = end === undefined ? undefined : parse(text.slice(at + start, end));
    if (parsed !== undefined) values.push(parsed);
    at = parsed === undefined || end === undefined ? at + start + 1 : end;
  }
  if (values.length === 0) values.push(...laidOut(text));
  return { text, values };
}

/** Returns the first value of the field (or of a field that means the same) that `accept` takes. */
export function findField<T>(content: Content, field: string, accept: (value: unknown) => value is T): T | undefined {
  for (const name of namesFor(field)) {
    let level: unknown[] = [...content.values];
    while (level.length > 0) {
      for (const value of level) {
        if (!isRecord(value)) continue;
        const hit = Object.entries(value).find(([key, item]) => normalise(key) === name && accept(item));
        if (hit !== undefined) return hit[1] as T;
      }
      level = level.flatMap((value) => (Array.isArray(value) ? value : isRecord(value) ? Object.values(value) : []));
    }
  }
  return undefined;
}

/** Returns what stands after `Field:` at the start of a line, under any of the names that the field goes by. */
export function findLine(content: Content, field: string): string | undefined {
  const lines = content.text.split(/\r?\n/).flatMap((line) => {
    const match = /^\s*([A-Za-z][\w -]{0,30}?)\s*:\s*(\S.*)$/.exec(line);
    return match === null ? [] : [{ name: normalise(match[1] ?? ''), value: (match[2] ?? '').trim() }];
  });
  for (const name of namesFor(field)) {
    const found = lines.find((line) => line.name === name);
    if (found !== undefined) return found.value;
  }
  return undefined;
}

/** Returns the first array in the content under the field's name, else the first array of objects anywhere. */
export function findList(content: Content, field: string): readonly unknown[] | undefined {
  const named = findField(content, field, Array.isArray);
  if (named !== undefined) return named;
  let level: unknown[] = [...content.values];
  while (level.length > 0) {
    const list = level.find((value) => Array.isArray(value) && value.some(isRecord));
    if (Array.isArray(list)) return list;
    level = level.flatMap((value) => (isRecord(value) ? Object.values(value) : []));
  }
  return undefined;
}

// Quarantine lays structured results out as YAML.
function laidOut(text: string): unknown[] {
  try {
    const value: unknown = parseYaml(text, { maxAliasCount: 0, logLevel: 'silent' });
    return isRecord(value) || Array.isArray(value) ? [value] : [];
  } catch {
    return [];
  }
}

function closing(text: string, start: number): number | undefined {
  let depth = 0;
  let quoted = false;
  for (let at = start; at < text.length; at += 1) {
    const char = text[at];
    if (quoted) {
      if (char === '\\') at += 1;
      else if (char === '"') quoted = false;
    } else if (char === '"') quoted = true;
    else if (char === '{' || char === '[') depth += 1;
    else if (char === '}' || char === ']') {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
