import type { ChatRequest } from '../../chat/request.ts';
import { inspectRequest } from '../../wire/openai-chat/inspect.ts';
import { decodeRequest } from '../../wire/openai-chat/request.ts';
import { asClientFault, type ParsedRequest, parseWith } from '../body.ts';

/** Checks a parsed chat completion body. Throws GatewayError `invalid_request` naming the path in `details.param`. */
export function parseRequest(body: unknown): ParsedRequest {
  return parseWith(body, inspectRequest);
}

/** The neutral request, for a target of another dialect. Throws as `parseRequest` does. */
export function neutralRequest({ body }: ParsedRequest): ChatRequest {
  return asClientFault(() => decodeRequest(body));
}
