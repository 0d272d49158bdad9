import type { ChatRequest } from '../../chat/request.ts';
import { inspectRequest } from '../../wire/anthropic-messages/inspect.ts';
import { decodeRequest } from '../../wire/anthropic-messages/request.ts';
import { asClientFault, type ParsedRequest, parseWith } from '../body.ts';

/** Checks a parsed messages body. Throws GatewayError `invalid_request` naming the path in `details.param`. */
export function parseRequest(body: unknown): ParsedRequest {
  return parseWith(body, (object) => inspectRequest(object));
}

/** Checks a parsed body of `count_tokens`, which has no `max_tokens`. Throws as `parseRequest` does. */
export function parseCountRequest(body: unknown): ParsedRequest {
  return parseWith(body, (object) => inspectRequest(object, true));
}

/** The neutral request, for a target of another dialect. Throws as `parseRequest` does. */
export function neutralRequest({ body }: ParsedRequest): ChatRequest {
  return asClientFault(() => decodeRequest(body));
}
