import { MAX_TOOLS } from '@sallyport/custom-resources/tool-server-pins';
import { definitionDigest, type JsonValue, type Sha256 } from '@sallyport/turn';
import type { Suspicion } from './poison/detector.ts';
import { hidesCharacters } from './poison/invisible.ts';
import { lookThrough } from './poison/look-through.ts';
import { schemaFault } from './schema-bounds.ts';
import { inSlices } from './slices.ts';
import { UnusableTool } from './unusable-tool.ts';

/** A tool's definition as its server gives it, with what counts for the digest and nothing else. */
export interface Definition {
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly inputSchema: JsonObject;
  readonly outputSchema?: JsonObject;
  readonly annotations?: JsonObject;
  /** 64 hex digits over all of the above. */
  readonly digest: string;
  /** What in it could be there to lead a model astray; no part of the definition. Absent: nothing. */
  readonly suspicions?: readonly Suspicion[];
}

/** A JSON object. */
export type JsonObject = { [key: string]: JsonValue };

/** What a server's list was read as. */
export interface ReadDefinitions {
  /** By name, each once. */
  readonly definitions: ReadonlyMap<string, Definition>;
  /** Left out, and why; names are cut and cleaned, so that they can stand in a status. */
  readonly dropped: readonly { readonly name: string; readonly reason: string }[];
}

const MAX_NAME = 128;
const MAX_TITLE = 256;
const MAX_DESCRIPTION = 16_384;
const MAX_ANNOTATIONS = 4_096;

/**
 * Reads what `tools/list` gave. A definition that is no definition or is beyond the bounds is left out by itself: one bad
 * tool never takes the others away (MCP 2026-07-28, client role). So is one whose name has characters that nobody can see:
 * no reviewer could name it.
 */
export function readDefinitions(sha256: Sha256, listed: readonly unknown[]): ReadDefinitions {
  const reading = readOneByOne(sha256, listed);
  for (;;) {
    const { done, value } = reading.next();
    if (done === true) return value;
  }
}

/** The same, with room for others every few milliseconds: lists come from strangers, and looking through one takes long. */
export function readInSlices(sha256: Sha256, listed: readonly unknown[]): Promise<ReadDefinitions> {
  return inSlices(readOneByOne(sha256, listed));
}

function* readOneByOne(sha256: Sha256, listed: readonly unknown[]): Generator<undefined, ReadDefinitions> {
  const definitions = new Map<string, Definition>();
  const dropped: { name: string; reason: string }[] = [];
  const twice = new Set<string>();
  for (const raw of listed) {
    const read = raw instanceof UnusableTool ? raw.reason : readDefinition(sha256, raw);
    const name = shownName(raw);
    if (typeof read === 'string') dropped.push({ name, reason: read });
    else if (twice.has(read.name) || definitions.has(read.name)) {
      // Which of two is meant nobody can tell, so neither is offered.
      twice.add(read.name);
      definitions.delete(read.name);
    } else if (definitions.size >= MAX_TOOLS) dropped.push({ name, reason: `more than ${MAX_TOOLS} tools` });
    else definitions.set(read.name, read);
    yield;
  }
  for (const name of twice) dropped.push({ name, reason: 'listed twice' });
  return { definitions, dropped };
}

/** One definition, or why it is left out. */
export function readDefinition(sha256: Sha256, raw: unknown): Definition | string {
  if (!isObject(raw)) return 'not an object';
  const { name, title, description, inputSchema, outputSchema, annotations } = raw;
  if (typeof name !== 'string' || !/^[^\s/]+$/.test(name) || name.length > MAX_NAME) return 'not a tool name';
  if (!isText(title, MAX_TITLE)) return 'title is no text or too long';
  if (!isText(description, MAX_DESCRIPTION)) return 'description is no text or too long';
  if (!isObject(inputSchema) || inputSchema.type !== 'object') return 'inputSchema is not of type object';
  if (outputSchema !== undefined && !isObject(outputSchema)) return 'outputSchema is no object';
  if (annotations !== undefined && !isObject(annotations)) return 'annotations are no object';
  for (const part of [inputSchema, outputSchema, annotations]) {
    const fault = part === undefined ? undefined : schemaFault(part);
    if (fault !== undefined) return fault;
  }
  if (annotations !== undefined && JSON.stringify(annotations).length > MAX_ANNOTATIONS) return 'annotations too large';
  const parts = {
    name,
    ...(title === undefined ? {} : { title }),
    ...(description === undefined ? {} : { description }),
    inputSchema,
    ...(outputSchema === undefined ? {} : { outputSchema }),
    ...(annotations === undefined ? {} : { annotations }),
  };
  if (hidesCharacters(name)) return 'has control or invisible characters in its name';
  try {
    const definition = { ...parts, digest: definitionDigest(sha256, parts) };
    const suspicions = lookThrough(definition);
    return suspicions.length === 0 ? definition : { ...definition, suspicions };
  } catch {
    return 'is not valid JSON';
  }
}

function isText(value: JsonValue | undefined, max: number): value is string | undefined {
  return value === undefined || (typeof value === 'string' && value.length <= max);
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shownName(raw: unknown): string {
  const name = isObject(raw) && typeof raw.name === 'string' ? raw.name : '?';
  return name.replace(/[^\x21-\x7e]/g, '?').slice(0, 64);
}
