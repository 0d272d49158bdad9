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
import { isScalarChange, type RequestChanges } from './forward.ts';
import { decodeFailure as geminiFailure } from './gemini/failure.ts';
import { forwardRequest as geminiForward } from './gemini/forward.ts';
import { inspectRequest as geminiInspect } from './gemini/inspect.ts';
import * as geminiRequest from './gemini/request.ts';
import { decodeResponse as geminiResponse } from './gemini/response.ts';
import { createStreamDecoder as geminiStream } from './gemini/stream-decode.ts';
import { decodeFailure as openaiFailure } from './openai-chat/failure.ts';
import { forwardRequest as openaiForward } from './openai-chat/forward.ts';
import { inspectRequest as openaiInspect } from './openai-chat/inspect.ts';
import * as openaiRequest from './openai-chat/request.ts';
import { decodeResponse as openaiResponse } from './openai-chat/response.ts';
import { createStreamDecoder as openaiStream } from './openai-chat/stream-decode.ts';
import { spliceBody } from './splice.ts';

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
  gemini: Codec<geminiRequest.GeminiQuirks>;
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
  gemini: {
    inspect: geminiInspect,
    decodeRequest: geminiRequest.decodeRequest,
    encodeRequest: geminiRequest.encodeRequest,
    forwardRequest: geminiForward,
    decodeResponse: geminiResponse,
    streamDecoder: geminiStream,
    decodeFailure: geminiFailure,
  },
};

/** Reads a request by its dialect. */
export function decodeRequest(dialect: Dialect, body: JsonObject): ChatRequest {
  return codecs[dialect].decodeRequest(body);
}

/** A provider's wire and its quirks, which belong together. */
export type Wire =
  | { wire: 'openai-chat'; quirks: openaiRequest.OpenAiChatQuirks }
  | { wire: 'anthropic-messages'; quirks: anthropicRequest.AnthropicMessagesQuirks }
  | { wire: 'gemini'; quirks: geminiRequest.GeminiQuirks };

/**
 * The bytes of a request that stays in its dialect, `body` being `bytes` parsed. Where only the model's name or the wish
 * for usage changes, the client's own bytes are kept around them.
 */
export function forwardBytes(wire: Wire, bytes: Buffer, body: JsonObject, changes: RequestChanges): Buffer {
  // Gemini's body names no model: its path does.
  if (wire.wire === 'gemini') {
    const { model: _model, streamUsage: _usage, ...others } = changes;
    const isSame = Object.keys(others).length === 0;
    return isSame ? bytes : Buffer.from(JSON.stringify(geminiForward(body, others, wire.quirks)));
  }
  const { streamUsage, ...others } = changes;
  const said = wire.wire === 'anthropic-messages' || streamUsage === undefined ? others : changes;
  const spliced = isScalarChange(said) ? spliceBody(bytes, said, body) : undefined;
  if (spliced) return spliced;
  const forwarded =
    wire.wire === 'openai-chat' ? openaiForward(body, said, wire.quirks) : anthropicForward(body, said, wire.quirks);
  return Buffer.from(JSON.stringify(forwarded));
}

/** Writes a request in a provider's wire. */
export function encodeRequestFor(provider: Wire, request: ChatRequest): Encoded<JsonObject> {
  switch (provider.wire) {
    case 'openai-chat':
      return openaiRequest.encodeRequest(request, provider.quirks);
    case 'anthropic-messages':
      return anthropicRequest.encodeRequest(request, provider.quirks);
    case 'gemini':
      return geminiRequest.encodeRequest(request, provider.quirks);
  }
}
