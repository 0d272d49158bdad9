import { urlGuard } from '@sallyport/chassis/net/guard';
import { hasInvisible } from '@sallyport/turn';
import type { JsonObject } from '../catalog/definition.ts';
import { readSample, SAMPLE } from '../sampling/read-request.ts';
import type { AskedInput, Caller } from './caller.ts';

const MAX_REQUESTS = 8;
const MAX_JSON = 16_384;
const MAX_STATE = 16_384;
const MAX_FIELDS = 64;
const MAX_LINK = 2_048;
const FIELDS = ['string', 'number', 'integer', 'boolean', 'array'];
const LINKS = urlGuard({ allowHttp: true });

/**
 * What a server asks of the user in place of a result (MCP 2026-07-28, `input_required`): forms and links, as far as the
 * client declared that it shows them, and its roots. Undefined for what was not declared, or is none: sampling, other schemes,
 * links to private addresses that are not the server's own (`ownHost`), texts that hide something.
 */
export function readAskedInput(
  result: JsonObject,
  caller: Pick<Caller, 'elicitation' | 'roots' | 'sampling'>,
  ownHost: string,
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
    const read = isObject(one) ? requestOf(one, caller, ownHost) : undefined;
    if (read === undefined || !/^[\w.-]{1,128}$/.test(key)) return undefined;
    requests[key] = read;
  }
  return { requests, state: requestState };
}

/** Method by which a server asks the user. */
export const ELICIT = 'elicitation/create';

/**
 * What a server of the older line asks of the user, or has a model asked, in the course of a call, as such a request;
 * undefined for what the client does not show, what is not lent, or what is no question.
 */
export function readQuestion(
  method: typeof ELICIT | typeof SAMPLE,
  params: JsonObject,
  can: Pick<Caller, 'elicitation' | 'sampling'>,
  ownHost: string,
): JsonObject | undefined {
  if (JSON.stringify(params).length > MAX_JSON) return undefined;
  return requestOf({ method, params }, can, ownHost);
}

function requestOf(
  { method, params }: JsonObject,
  { elicitation, roots, sampling }: Pick<Caller, 'elicitation' | 'roots' | 'sampling'>,
  ownHost: string,
): JsonObject | undefined {
  if (method === 'roots/list' && roots === true) return { method };
  if (method === SAMPLE)
    return sampling === true && readSample(params) !== undefined ? ({ method, params } as JsonObject) : undefined;
  if (method !== ELICIT || elicitation === undefined || !isObject(params)) return undefined;
  const read = elicited(params, elicitation, ownHost);
  return read && { method, params: read };
}

function elicited(params: JsonObject, can: { form: boolean; url: boolean }, ownHost: string): JsonObject | undefined {
  const { mode = 'form', message, requestedSchema, url, elicitationId } = params;
  if (typeof message !== 'string' || hasInvisible(message)) return undefined;
  if (mode === 'form' && can.form && isObject(requestedSchema)) {
    return isForm(requestedSchema) ? { mode, message, requestedSchema } : undefined;
  }
  if (mode !== 'url' || !can.url || typeof url !== 'string' || !isLink(url, ownHost)) return undefined;
  return { mode, message, url, ...(typeof elicitationId === 'string' ? { elicitationId } : {}) };
}

/** Flat fields of a bounded number, without anything that a person would not see. */
function isForm(schema: JsonObject): boolean {
  const { type, properties = {} } = schema;
  if (type !== 'object' || !isObject(properties) || Object.keys(properties).length > MAX_FIELDS) return false;
  return (
    !hasInvisible(JSON.stringify(schema)) &&
    Object.values(properties).every((one) => isObject(one) && FIELDS.includes(String(one.type ?? 'string')))
  );
}

/** What opens a link is the person's own machine: it is led to no address that only that can reach. */
function isLink(url: string, ownHost: string): boolean {
  if (!URL.canParse(url) || url.length > MAX_LINK || hasInvisible(url)) return false;
  const { protocol, username, password, host, hostname } = new URL(url);
  if ((protocol !== 'https:' && protocol !== 'http:') || username !== '' || password !== '') return false;
  if (host === ownHost) return true;
  if (/(^|\.)localhost\.?$/i.test(hostname)) return false;
  try {
    LINKS.check(url);
    return true;
  } catch {
    return false;
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
