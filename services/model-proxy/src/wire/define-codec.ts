import type { RequestFacts } from '../chat/facts.ts';
import type { FailureKind, ProviderFailure } from '../chat/failure.ts';
import type { JsonObject } from '../chat/message.ts';
import type { ChatRequest, Encoded, Unsupported } from '../chat/request.ts';
import type { ChatResponse } from '../chat/response.ts';
import type { StreamDecoder } from '../chat/stream.ts';
import type { RequestChanges } from './forward.ts';
import type { Framing } from './framing.ts';

/** How a provider is spoken to in one dialect, for callers that learn the dialect at run time. */
export interface Codec<Quirks> {
  /** How its streams are cut into the payloads that `streamDecoder` takes. */
  framing: Framing;
  encodeRequest(request: ChatRequest, quirks?: Quirks): Encoded<JsonObject>;
  decodeResponse(body: unknown): ChatResponse;
  streamDecoder(): StreamDecoder;
  /** `own` are a provider's words for failures beside those of the dialect; a dialect with one vendor has none. */
  decodeFailure(
    status: number | undefined,
    body: unknown,
    own?: Readonly<Record<string, FailureKind>>,
  ): ProviderFailure;
  /** True for a body that came with status 200 and is a failure; absent: there are none in this dialect. */
  isFailure?(body: JsonObject): boolean;
}

/** One dialect that clients speak as well: their requests are read, and forwarded where the provider speaks it too. */
export interface FrontCodec<Quirks> extends Codec<Quirks> {
  inspect(body: JsonObject): RequestFacts;
  decodeRequest(body: JsonObject): ChatRequest;
  forwardRequest(body: JsonObject, changes: RequestChanges, quirks?: Quirks): JsonObject;
  /**
   * The bytes of a request that stays in its dialect, `body` being `bytes` parsed. Where only the model's name or the wish
   * for usage changes, the client's own bytes are kept around them.
   */
  forwardBytes(bytes: Buffer, body: JsonObject, changes: RequestChanges, quirks: Quirks): Buffer;
  /** What a provider cannot take of a request that stays in its dialect; absent: a provider of it takes all. */
  unsupportedOf?(body: JsonObject, quirks: Quirks): readonly Unsupported[];
}
