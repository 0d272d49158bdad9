import { GatewayError } from '@sallyport/chassis/errors';
import type { RequestFacts } from '../../chat/facts.ts';
import type { JsonObject } from '../../chat/message.ts';
import type { ChatRequest } from '../../chat/request.ts';
import { inspectRequest } from '../../wire/anthropic-messages/inspect.ts';
import { decodeRequest } from '../../wire/anthropic-messages/request.ts';
import { asClientFault, type ParsedRequest, parseWith } from '../body.ts';

/** Checks a parsed messages body. Throws GatewayError `invalid_request` naming the path in `details.param`. */
export function parseRequest(body: unknown): ParsedRequest {
  return parseWith(body, (object) => inspectWhole(object));
}

/** Checks a parsed body of `count_tokens`, which has no `max_tokens`. Throws as `parseRequest` does. */
export function parseCountRequest(body: unknown): ParsedRequest {
  return parseWith(body, (object) => inspectWhole(object, true));
}

/** The neutral request, for a target of another dialect. Throws as `parseRequest` does. */
export function neutralRequest({ body }: ParsedRequest): ChatRequest {
  return asClientFault(() => decodeRequest(body));
}

/**
 * Of a thread the provider keeps the history: what is in it would reach the model without its labels, and its id is one of
 * the account, which all tenants share. Anthropic's SDKs send the whole conversation once they are told this code.
 */
function inspectWhole(body: JsonObject, countOnly = false): RequestFacts {
  if (body.thread !== undefined && body.thread !== null) {
    throw new GatewayError('unsupported', 'thread: no conversation is kept at the provider; send the whole of it.', {
      status: 400,
      details: { param: 'thread', errorCode: 'thread_unsupported_request' },
    });
  }
  return inspectRequest(body, countOnly);
}
