import type { Dialect, FrontDialect, JsonObject } from '../chat/message.ts';
import type { ChatRequest, Encoded, Unsupported } from '../chat/request.ts';
import { anthropicMessages } from './anthropic-messages/codec.ts';
import type { AnthropicMessagesQuirks } from './anthropic-messages/request.ts';
import { bedrockConverse } from './bedrock-converse/codec.ts';
import type { BedrockConverseQuirks } from './bedrock-converse/request.ts';
import { cohere } from './cohere/codec.ts';
import type { CohereQuirks } from './cohere/request.ts';
import type { Codec, FrontCodec } from './define-codec.ts';
import type { RequestChanges } from './forward.ts';
import { gemini } from './gemini/codec.ts';
import type { GeminiQuirks } from './gemini/request.ts';
import { ollama } from './ollama/codec.ts';
import type { OllamaQuirks } from './ollama/request.ts';
import { openaiChat } from './openai-chat/codec.ts';
import type { OpenAiChatQuirks } from './openai-chat/request.ts';
import { openaiResponses } from './openai-responses/codec.ts';
import type { OpenAiResponsesQuirks } from './openai-responses/request.ts';

/** What providers of a dialect may do otherwise, a line a dialect. */
interface QuirksOf {
  'openai-chat': OpenAiChatQuirks;
  'openai-responses': OpenAiResponsesQuirks;
  'anthropic-messages': AnthropicMessagesQuirks;
  gemini: GeminiQuirks;
  'bedrock-converse': BedrockConverseQuirks;
  cohere: CohereQuirks;
  ollama: OllamaQuirks;
}

/** The codecs of the dialects that clients speak as well, a line a dialect. */
export const frontCodecs: { readonly [D in FrontDialect]: FrontCodec<QuirksOf[D]> } = {
  'openai-chat': openaiChat,
  'openai-responses': openaiResponses,
  'anthropic-messages': anthropicMessages,
  gemini,
};

/** All codecs: those, and a line for each dialect that providers alone speak. */
export const codecs: { readonly [D in Dialect]: Codec<QuirksOf[D]> } = {
  ...frontCodecs,
  'bedrock-converse': bedrockConverse,
  cohere,
  ollama,
};

/** A provider's wire and its quirks, which belong together. */
export type Wire<D extends Dialect = Dialect> = { [W in D]: { wire: W; quirks: QuirksOf[W] } }[D];

/** The provider's wire where it is the client's own, so that its request can be forwarded. */
export function ownWire(dialect: FrontDialect, provider: Wire): Wire<FrontDialect> | undefined {
  return provider.wire === dialect ? (provider as Wire<FrontDialect>) : undefined;
}

/** The bytes of a request that stays in its dialect, `body` being `bytes` parsed. */
export function forwardBytes<D extends FrontDialect>(
  provider: Wire<D>,
  bytes: Buffer,
  body: JsonObject,
  changes: RequestChanges,
): Buffer {
  const codec: FrontCodec<QuirksOf[D]> = frontCodecs[provider.wire];
  return codec.forwardBytes(bytes, body, changes, provider.quirks);
}

/** What a provider of the client's own dialect cannot take of its request; empty for most. */
export function unsupportedOf<D extends FrontDialect>(provider: Wire<D>, body: JsonObject): readonly Unsupported[] {
  const codec: FrontCodec<QuirksOf[D]> = frontCodecs[provider.wire];
  return codec.unsupportedOf?.(body, provider.quirks) ?? [];
}

/** Writes a request in a provider's wire. */
export function encodeRequestFor<D extends Dialect>(provider: Wire<D>, request: ChatRequest): Encoded<JsonObject> {
  const codec: Codec<QuirksOf[D]> = codecs[provider.wire];
  return codec.encodeRequest(request, provider.quirks);
}
