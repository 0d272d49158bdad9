import type { ChatRequest } from '../../chat/request.ts';
import { inspectRequest } from '../../wire/openai-responses/inspect.ts';
import { decodeRequest } from '../../wire/openai-responses/request.ts';
import { asClientFault, type ParsedRequest, parseWith } from '../body.ts';

/**
 * Checks a parsed body whose input holds its whole context. Throws GatewayError `invalid_request` naming the path in
 * `details.param`.
 */
export function parseRequest(body: unknown): ParsedRequest {
  return parseWith(body, inspectRequest);
}

/** The neutral request, for a target of another dialect. Throws as `parseRequest` does. */
export function neutralRequest({ body }: ParsedRequest): ChatRequest {
  return asClientFault(() => decodeRequest(body));
}
