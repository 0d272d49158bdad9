import { hasInvisible } from '@sallyport/turn';
import type { JsonObject } from '../catalog/definition.ts';
import type { AskedInput, Caller } from './caller.ts';

const MAX_REQUESTS = 8;
const MAX_JSON = 16_384;
const MAX_STATE = 16_384;

/**
 * What a server asks of the user in place of a result (MCP 2026-07-28, `input_required`): forms and links, as far as the
 * client declared that it shows them. Undefined for what was not declared, or is none: sampling, roots, other schemes.
 */
export function readAskedInput(
  result: JsonObject,
  { elicitation }: Pick<Caller, 'elicitation'>,
): AskedInput | undefined {
  const { inputRequests, requestState } = result;
  if (elicitation === undefined || !isObject(inputRequests)) return undefined;
  if (requestState !== undefined && (typeof requestState !== 'string' || requestState.length > MAX_STATE))
    return undefined;
  const entries = Object.entries(inputRequests);
  if (entries.length === 0 || entries.length > MAX_REQUESTS || JSON.stringify(inputRequests).length > MAX_JSON) {
    return undefined;
  }
  const requests: JsonObject = {};
  for (const [key, one] of entries) {
    const params = isObject(one) && one.method === 'elicitation/create' ? one.params : undefined;
    const read = isObject(params) ? elicited(params, elicitation) : undefined;
    if (read === undefined || !/^[\w.-]{1,128}$/.test(key)) return undefined;
    requests[key] = { method: 'elicitation/create', params: read };
  }
  return { requests, state: requestState };
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
