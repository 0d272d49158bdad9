import type { JsonValue } from './canonical-json.ts';
import { hasInvisible } from './look-alike.ts';

/**
 * What a tool server has besides tools (MCP: resources, their templates, prompts) is got by these methods. Each is decided
 * and recorded as a call of a tool of that name which only reads. No tool has such a name: those have no slash.
 */
export const OFFERING_CALLS = ['resources/read', 'prompts/get', 'completion/complete'] as const;
/** One of them. */
export type OfferingCall = (typeof OFFERING_CALLS)[number];

/** What a call reaches for: a resource (or a template of some) by URI, or a prompt by name, as its server names it. */
export interface Offering {
  readonly dimension: 'resources' | 'prompts';
  readonly name: string;
}

/** Longest URI of a resource, in characters. */
export const MAX_RESOURCE_URI = 2_048;
const MAX_PROMPT_NAME = 128;

/** Tells whether a tool of this name stands for a method by which something else than a tool is got. */
export function isOfferingCall(name: string): name is OfferingCall {
  return (OFFERING_CALLS as readonly string[]).includes(name);
}

/** What a call reaches for, by its arguments; undefined where they name nothing that could be allowed to anybody. */
export function offeringOf(call: OfferingCall, args: JsonValue): Offering | undefined {
  if (!isObject(args)) return undefined;
  if (call === 'resources/read') return resourceAt(args.uri);
  if (call === 'prompts/get') return promptOf(args.name);
  const { ref } = args;
  if (!isObject(ref)) return undefined;
  if (ref.type === 'ref/resource') return resourceAt(ref.uri);
  return ref.type === 'ref/prompt' ? promptOf(ref.name) : undefined;
}

/**
 * Why a text is not taken for the URI of a resource, or for the template of some; undefined where it is. AccessPolicies
 * match it as it is written, so nothing may be in it that a server could read as another place: dot segments, backslashes.
 */
export function uriFault(uri: string): string | undefined {
  if (uri.length > MAX_RESOURCE_URI) return 'is too long';
  if (/[\s\p{Cc}\\]/u.test(uri) || hasInvisible(uri) || !uri.isWellFormed()) {
    return 'has blanks, backslashes, control or invisible characters';
  }
  if (!/^(\{\+?[a-z0-9_]{1,64}\}|[a-z][a-z0-9+.-]{0,63}):/i.test(uri)) return 'has no scheme';
  // Also as servers read them that decode twice (`%252e`), or take parameters off a segment (`..;a`).
  const read = uri.replaceAll(/%(25)+/gi, '%').replaceAll(/%(2f|5c)/gi, '/');
  if (/(^|[/:])(\.|%2e){1,2}($|[/?#;])/i.test(read)) return 'has dot segments';
  return undefined;
}

/** Tells whether a text is taken for the name of a prompt. */
export function isPromptName(name: string): boolean {
  return name.length <= MAX_PROMPT_NAME && /^[^\s/\p{Cc}]+$/u.test(name) && !hasInvisible(name) && name.isWellFormed();
}

function resourceAt(uri: JsonValue | undefined): Offering | undefined {
  return typeof uri === 'string' && uriFault(uri) === undefined ? { dimension: 'resources', name: uri } : undefined;
}

function promptOf(name: JsonValue | undefined): Offering | undefined {
  return typeof name === 'string' && isPromptName(name) ? { dimension: 'prompts', name } : undefined;
}

function isObject(value: JsonValue | undefined): value is { [key: string]: JsonValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
