import type { Dialect, JsonObject } from '../chat/message.ts';
import type { ChatRequest, Encoded } from '../chat/request.ts';
import type { ChatResponse } from '../chat/response.ts';
import type { StreamDecoder } from '../chat/stream.ts';
import type { ProviderDeclaration } from '../providers/define-provider.ts';
import { forwardRequest as forwardAnthropic } from '../wire/anthropic-messages/forward.ts';
import * as anthropicRequest from '../wire/anthropic-messages/request.ts';
import * as anthropicResponse from '../wire/anthropic-messages/response.ts';
import { createStreamDecoder as decodeAnthropicStream } from '../wire/anthropic-messages/stream-decode.ts';
import type { RequestChanges } from '../wire/forward.ts';
import { forwardRequest as forwardOpenAi } from '../wire/openai-chat/forward.ts';
import * as openAiRequest from '../wire/openai-chat/request.ts';
import * as openAiResponse from '../wire/openai-chat/response.ts';
import { createStreamDecoder as decodeOpenAiStream } from '../wire/openai-chat/stream-decode.ts';

/** How one dialect is spoken with providers, the same shape for all. */
export interface Wire {
  encodeRequest(request: ChatRequest, provider: ProviderDeclaration): Encoded<JsonObject>;
  /** Changes a body of this dialect and keeps all else. */
  forwardRequest(body: JsonObject, changes: RequestChanges, provider: ProviderDeclaration): JsonObject;
  decodeResponse(body: JsonObject): ChatResponse;
  createStreamDecoder(): StreamDecoder;
}

const openAiChat: Wire = {
  encodeRequest: (request, provider) =>
    openAiRequest.encodeRequest(request, provider.wire === 'openai-chat' ? provider.quirks : {}),
  forwardRequest: (body, changes, provider) =>
    forwardOpenAi(body, changes, provider.wire === 'openai-chat' ? provider.quirks : {}),
  decodeResponse: openAiResponse.decodeResponse,
  createStreamDecoder: decodeOpenAiStream,
};

const anthropicMessages: Wire = {
  encodeRequest: (request, provider) =>
    anthropicRequest.encodeRequest(request, provider.wire === 'anthropic-messages' ? provider.quirks : {}),
  forwardRequest: (body, changes, provider) =>
    forwardAnthropic(body, changes, provider.wire === 'anthropic-messages' ? provider.quirks : {}),
  decodeResponse: anthropicResponse.decodeResponse,
  createStreamDecoder: decodeAnthropicStream,
};

const wires: Readonly<Record<Dialect, Wire>> = { 'openai-chat': openAiChat, 'anthropic-messages': anthropicMessages };

/** The codec of a dialect. */
export function wireOf(dialect: Dialect): Wire {
  return wires[dialect];
}
