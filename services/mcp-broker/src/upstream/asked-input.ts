import { hasInvisible } from '@sallyport/turn';
import type { JsonObject } from '../catalog/definition.ts';
import type { AskedInput, Caller } from './caller.ts';

const MAX_REQUESTS = 8;
const MAX_JSON = 16_384;
const MAX_STATE = 16_384;

/**
 * What a server asks of the user in place of a result (MCP 2026-07-28, `input_required`): forms and links, as far as the
 * client declared that it shows them, and its roots. Undefined for what was not declared, or is none: sampling, other schemes.
 */
export function readAskedInput(
  result: JsonObject,
  caller: Pick<Caller, 'elicitation' | 'roots'>,
): AskedInput | undefined {
  const { inputRequests, requestState } = result;
  if (!isObject(inputRequests)) return undefined;
  if (requestState !== undefined && (typeof requestState !== 'string' || requestState.length > MAX_STATE))
    return undefined;
  const entries = Object.entries(inputRequests);
  if (entries.length === 0 || entries.length > MAX_REQUESTS || JSON.stringify(inputRequests).length > MAX_JSON) {
    return undefined;
  }
  const requests: JsonObject = {};
  for (const [key, one] of entries) {
    const read = isObject(one) ? requestOf(one, caller) : undefined;
    if (read === undefined || !/^[\w.-]{1,128}$/.test(key)) return undefined;
    requests[key] = read;
  }
  return { requests, state: requestState };
}

function requestOf(
  { method, params }: JsonObject,
  { elicitation, roots }: Pick<Caller, 'elicitation' | 'roots'>,
): JsonObject | undefined {
  if (method === 'roots/list' && roots === true) return { method };
  if (method !== 'elicitation/create' || elicitation === undefined || !isObject(params)) return undefined;
  const read = elicited(params, elicitation);
  return read && { method, params: read };
}

function elicited(params: JsonObject, can: { form: boolean; url: boolean }): JsonObject | undefined {
  const { mode = 'form', message, requestedSchema, url, elicitationId } = params;
  if (typeof message !== 'string' || hasInvisible(message)) return undefined;
  if (mode === 'form' && can.form && isObject(requestedSchema)) return { mode, message, requestedSchema };
  if (mode !== 'url' || !can.url || typeof url !== 'string' || !isLink(url)) return undefined;
  return { mode, message, url, ...(typeof elicitationId === 'string' ? { elicitationId } : {}) };
}

function isLink(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, username, password } = new URL(url);
  return (protocol === 'https:' || protocol === 'http:') && username === '' && password === '';
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
