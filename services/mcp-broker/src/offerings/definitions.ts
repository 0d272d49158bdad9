import { hasInvisible, isPromptName, uriFault } from '@sallyport/turn';
import type { JsonObject } from '../catalog/definition.ts';
import type { Offers } from '../upstream/asking.ts';
import type { Review } from './review.ts';

/** A resource, or a template of some, as its server lists it, with what clients are told of it and nothing else. */
export interface Resource {
  /** The URI, or the URI template. */
  readonly uri: string;
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly mimeType?: string;
  readonly size?: number;
  readonly annotations?: JsonObject;
}

/** A prompt as its server lists it. */
export interface Prompt {
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly arguments?: readonly PromptArgument[];
}

/** An argument of a prompt. */
export interface PromptArgument {
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly required?: boolean;
}

/** What a server has besides tools; resources and prompts each once, in the order of their names. */
export interface Offerings {
  readonly offers: Offers;
  readonly resources: readonly Resource[];
  readonly templates: readonly Resource[];
  /** Those whose definition is in force. */
  readonly prompts: readonly Prompt[];
  /** What there is to say of them. */
  readonly review: Review;
}

/** Most entries of one list of a server. */
export const MAX_LISTED = 2_000;
const MAX_NAME = 256;
const MAX_DESCRIPTION = 4_096;
const MAX_ARGUMENTS = 64;
const MAX_MIME_TYPE = 128;

/** Reads what `resources/list` (`uri`) or `resources/templates/list` (`uriTemplate`) gave. What is none is left out by itself. */
export function readResources(listed: readonly unknown[], member: 'uri' | 'uriTemplate'): Resource[] {
  const read = new Map<string, Resource>();
  for (const raw of listed) {
    if (read.size >= MAX_LISTED) break;
    const uri = isObject(raw) ? raw[member] : undefined;
    if (!isObject(raw) || typeof uri !== 'string' || uriFault(uri) !== undefined || read.has(uri)) continue;
    const texts = textsOf(raw);
    if (texts === undefined || !isText(raw.name, MAX_NAME)) continue;
    const size = Number.isSafeInteger(raw.size) && Number(raw.size) >= 0 ? { size: Number(raw.size) } : {};
    const annotations = annotationsOf(raw.annotations);
    read.set(uri, {
      uri,
      name: raw.name,
      ...texts,
      ...(isMimeType(raw.mimeType) ? { mimeType: raw.mimeType } : {}),
      ...(member === 'uri' ? size : {}),
      ...(annotations === undefined ? {} : { annotations }),
    });
  }
  return [...read.values()].sort((a, b) => (a.uri < b.uri ? -1 : 1));
}

/** Reads what `prompts/list` gave. Of two with one name nobody can tell which is meant, so neither is offered. */
export function readPrompts(listed: readonly unknown[]): Prompt[] {
  const read = new Map<string, Prompt | 'twice'>();
  for (const raw of listed) {
    if (read.size >= MAX_LISTED) break;
    if (!isObject(raw) || typeof raw.name !== 'string' || !isPromptName(raw.name)) continue;
    if (read.has(raw.name)) {
      read.set(raw.name, 'twice');
      continue;
    }
    const texts = textsOf(raw);
    const args = argumentsOf(raw.arguments);
    if (texts === undefined || args === undefined) continue;
    read.set(raw.name, { name: raw.name, ...texts, ...(args.length === 0 ? {} : { arguments: args }) });
  }
  const once = [...read.values()].filter((one) => one !== 'twice');
  return once.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Annotations of content (who it is for, how important it is); undefined for none, or for what is no such thing. */
export function annotationsOf(value: unknown): JsonObject | undefined {
  if (!isObject(value)) return undefined;
  const { audience, priority, lastModified } = value;
  const found: JsonObject = {
    ...(Array.isArray(audience) ? { audience: audience.filter((one) => one === 'user' || one === 'assistant') } : {}),
    ...(typeof priority === 'number' && priority >= 0 && priority <= 1 ? { priority } : {}),
    ...(typeof lastModified === 'string' && /^[0-9T:.+Z-]{8,40}$/.test(lastModified) ? { lastModified } : {}),
  };
  return Object.keys(found).length === 0 ? undefined : found;
}

/** Tells whether a text is a media type, which is told to clients as it is. */
export function isMimeType(value: unknown): value is string {
  return (
    typeof value === 'string' && value.length <= MAX_MIME_TYPE && /^[\w.+*-]+\/[\w.+*-]+(; ?[\w.+="/-]+)*$/.test(value)
  );
}

// As with tools: what cannot be seen is there to be read by a model alone, so what has it is not listed.
function textsOf({ title, description }: JsonObject): { title?: string; description?: string } | undefined {
  if (title !== undefined && !isText(title, MAX_NAME)) return undefined;
  if (description !== undefined && !isText(description, MAX_DESCRIPTION)) return undefined;
  return { ...(title === undefined ? {} : { title }), ...(description === undefined ? {} : { description }) };
}

function argumentsOf(value: unknown): PromptArgument[] | undefined {
  if (value === undefined) return [];
  if (!Array.isArray(value) || value.length > MAX_ARGUMENTS) return undefined;
  const read: PromptArgument[] = [];
  for (const raw of value as unknown[]) {
    if (!isObject(raw) || !isText(raw.name, MAX_NAME)) return undefined;
    const texts = textsOf(raw);
    if (texts === undefined) return undefined;
    read.push({ name: raw.name, ...texts, ...(typeof raw.required === 'boolean' ? { required: raw.required } : {}) });
  }
  return read;
}

function isText(value: unknown, max: number): value is string {
  if (typeof value !== 'string' || value.length > max) return false;
  return !/(?![\t\n\r])\p{Cc}/u.test(value) && !hasInvisible(value) && value.isWellFormed();
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
