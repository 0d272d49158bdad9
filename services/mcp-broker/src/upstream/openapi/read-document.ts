import { upgrade } from '@scalar/openapi-upgrader';
import { parseDocument } from 'yaml';
import { DocumentFault } from './plan.ts';

/** An object of a document, of which nothing is known yet. */
export type Node = Readonly<Record<string, unknown>>;

/** Largest document as JSON, and as YAML, which takes far longer to read. */
export const MAX_JSON_BYTES = 4 * 1024 * 1024;
const MAX_YAML_BYTES = 512 * 1024;
const MAX_ALIASES = 100;
const MAX_PARTS = 400_000;
const MAX_DEPTH = 100;
const MAX_HOPS = 8;

/** Reads a document, whatever its version, as OpenAPI 3.1. Throws DocumentFault. */
export function readDocument(text: string): Node {
  const value = parsed(text);
  if (!isNode(value)) throw new DocumentFault('the document is no object');
  const version = value.openapi ?? value.swagger;
  if (typeof version !== 'string' || !/^(2\.0|3\.[01](\.\d+)?)$/.test(version)) {
    throw new DocumentFault('the document does not say that it is OpenAPI 3.0 or 3.1, or Swagger 2.0');
  }
  bound(value);
  let document: unknown;
  try {
    document = upgrade(value as Record<string, unknown>, '3.1');
  } catch {
    throw new DocumentFault('the document cannot be read as OpenAPI');
  }
  if (!isNode(document) || !isNode(document.paths)) throw new DocumentFault('the document has no paths');
  return document;
}

/** Follows references within the document. Throws DocumentFault for those that leave it, lead nowhere or in circles. */
export function followed(document: Node, value: unknown): unknown {
  let at = value;
  for (let hops = 0; isNode(at) && typeof at.$ref === 'string'; hops++) {
    if (hops >= MAX_HOPS) throw new DocumentFault('references lead in circles');
    at = pointedAt(document, at.$ref);
  }
  return at;
}

/** What a reference points at. Nothing is ever fetched for one. Throws DocumentFault. */
export function pointedAt(document: Node, reference: string): unknown {
  if (!/^#(\/|$)/.test(reference)) throw new DocumentFault('a reference leads out of the document');
  let at: unknown = document;
  for (const token of reference.slice(1).split('/').slice(1)) {
    const key = decoded(token).replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) {
      throw new DocumentFault('a reference leads nowhere');
    }
    at = (at as Record<string, unknown>)[key];
  }
  return at;
}

/** Whether a value is an object. */
export function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parsed(text: string): unknown {
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_JSON_BYTES) throw new DocumentFault(`the document is larger than ${MAX_JSON_BYTES} bytes`);
  if (/^\s*\{/.test(text)) {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      throw new DocumentFault('the document is not valid JSON');
    }
  }
  if (bytes > MAX_YAML_BYTES) throw new DocumentFault(`the document is YAML larger than ${MAX_YAML_BYTES} bytes`);
  try {
    const document = parseDocument(text, { version: '1.2', uniqueKeys: true, logLevel: 'silent' });
    if (document.errors.length > 0) throw new DocumentFault('the document is not valid YAML');
    return document.toJS({ maxAliasCount: MAX_ALIASES }) as unknown;
  } catch (error) {
    if (error instanceof DocumentFault) throw error;
    throw new DocumentFault('the document is not valid YAML, or its aliases multiply');
  }
}

function bound(root: Node): void {
  let parts = 0;
  const visit = (value: unknown, depth: number): void => {
    if (typeof value !== 'object' || value === null) return;
    if (depth > MAX_DEPTH) throw new DocumentFault(`the document is deeper than ${MAX_DEPTH}`);
    if (++parts > MAX_PARTS) throw new DocumentFault(`the document has more than ${MAX_PARTS} parts`);
    if (Object.hasOwn(value, '__proto__')) throw new DocumentFault('the document has a member __proto__');
    for (const child of Object.values(value)) visit(child, depth + 1);
  };
  visit(root, 1);
}

function decoded(token: string): string {
  try {
    return decodeURIComponent(token);
  } catch {
    return token;
  }
}
