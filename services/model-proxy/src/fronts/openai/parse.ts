import { isObject } from '../../chat/json.ts';
import type { ChatRequest } from '../../chat/request.ts';
import { inspectRequest } from '../../wire/openai-chat/inspect.ts';
import { decodeRequest } from '../../wire/openai-chat/request.ts';
import { asClientFault, type ParsedRequest, parseWith } from '../body.ts';

/** Checks a parsed chat completion body. Throws GatewayError `invalid_request` naming the path in `details.param`. */
export function parseRequest(body: unknown): ParsedRequest {
  return parseWith(withFirstOfModels(body), inspectRequest);
}

/** OpenRouter's clients may name a list of models alone: the first is the one that they want. */
function withFirstOfModels(body: unknown): unknown {
  if (!isObject(body) || body.model !== undefined || !Array.isArray(body.models)) return body;
  return { ...body, model: body.models[0] };
}

/** The neutral request, for a target of another dialect. Throws as `parseRequest` does. */
export function neutralRequest({ body }: ParsedRequest): ChatRequest {
  return asClientFault(() => decodeRequest(body));
}
