import { GatewayError } from '@sallyport/chassis/errors';
import type { RequestFacts } from '../chat/facts.ts';
import { DecodeError } from '../chat/failure.ts';
import { isObject } from '../chat/json.ts';
import type { JsonObject } from '../chat/message.ts';

/** A client's request as parsed and checked. */
export interface ParsedRequest {
  body: JsonObject;
  facts: RequestFacts;
}

/** Checks a parsed JSON body. Throws GatewayError `invalid_request` whose details carry the path as `param`. */
export function parseWith(body: unknown, inspect: (body: JsonObject) => RequestFacts): ParsedRequest {
  if (!isObject(body)) throw new GatewayError('invalid_request', 'The body must be a JSON object.');
  return { body, facts: asClientFault(() => inspect(body)) };
}

/** Runs a reading of what the client sent: a DecodeError in it is the client's fault. */
export function asClientFault<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    const details = error.path === '' ? {} : { param: error.path };
    throw new GatewayError('invalid_request', `${error.message}.`, { details, cause: error });
  }
}
