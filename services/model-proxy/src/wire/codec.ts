import type { RequestFacts } from '../chat/facts.ts';
import type { ProviderFailure } from '../chat/failure.ts';
import type { Dialect, JsonObject } from '../chat/message.ts';
import type { ChatRequest, Encoded } from '../chat/request.ts';
import type { ChatResponse } from '../chat/response.ts';
import type { StreamDecoder } from '../chat/stream.ts';
import { decodeFailure as anthropicFailure } from './anthropic-messages/failure.ts';
import { forwardRequest as anthropicForward } from './anthropic-messages/forward.ts';
import { inspectRequest as anthropicInspect } from './anthropic-messages/inspect.ts';
import * as anthropicRequest from './anthropic-messages/request.ts';
import { decodeResponse as anthropicResponse } from './anthropic-messages/response.ts';
import { createStreamDecoder as anthropicStream } from './anthropic-messages/stream-decode.ts';
import type { RequestChanges } from './forward.ts';
import { decodeFailure as openaiFailure } from './openai-chat/failure.ts';
import { forwardRequest as openaiForward } from './openai-chat/forward.ts';
import { inspectRequest as openaiInspect } from './openai-chat/inspect.ts';
import * as openaiRequest from './openai-chat/request.ts';
import { decodeResponse as openaiResponse } from './openai-chat/response.ts';
import { createStreamDecoder as openaiStream } from './openai-chat/stream-decode.ts';

/** One dialect's reading and writing, for callers that learn the dialect at run time. */
export interface Codec<Quirks> {
  inspect(body: JsonObject): RequestFacts;
  decodeRequest(body: JsonObject): ChatRequest;
  encodeRequest(request: ChatRequest, quirks?: Quirks): Encoded<JsonObject>;
  forwardRequest(body: JsonObject, changes: RequestChanges, quirks?: Quirks): JsonObject;
  decodeResponse(body: unknown): ChatResponse;
  streamDecoder(): StreamDecoder;
  decodeFailure(status: number | undefined, body: unknown): ProviderFailure;
}

/** The codecs by dialect. */
export const codecs: {
  'openai-chat': Codec<openaiRequest.OpenAiChatQuirks>;
  'anthropic-messages': Codec<anthropicRequest.AnthropicMessagesQuirks>;
} = {
  'openai-chat': {
    inspect: openaiInspect,
    decodeRequest: openaiRequest.decodeRequest,
    encodeRequest: openaiRequest.encodeRequest,
    forwardRequest: openaiForward,
    decodeResponse: openaiResponse,
    streamDecoder: openaiStream,
    decodeFailure: openaiFailure,
  },
  'anthropic-messages': {
    inspect: (body) => anthropicInspect(body),
    decodeRequest: anthropicRequest.decodeRequest,
    encodeRequest: anthropicRequest.encodeRequest,
    forwardRequest: anthropicForward,
    decodeResponse: anthropicResponse,
    streamDecoder: anthropicStream,
    decodeFailure: anthropicFailure,
  },
};

/** Reads a request by its dialect. */
export function decodeRequest(dialect: Dialect, body: JsonObject): ChatRequest {
  return codecs[dialect].decodeRequest(body);
}

/** Writes a request for a provider: the declaration's wire and quirks belong together. */
export function encodeRequestFor(
  provider:
    | { wire: 'openai-chat'; quirks: openaiRequest.OpenAiChatQuirks }
    | { wire: 'anthropic-messages'; quirks: anthropicRequest.AnthropicMessagesQuirks },
  request: ChatRequest,
): Encoded<JsonObject> {
  return provider.wire === 'openai-chat'
    ? openaiRequest.encodeRequest(request, provider.quirks)
    : anthropicRequest.encodeRequest(request, provider.quirks);
}
