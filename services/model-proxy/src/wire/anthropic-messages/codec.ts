import type { JsonObject } from '../../chat/message.ts';
import type { FrontCodec } from '../define-codec.ts';
import { spliceOr } from '../splice.ts';
import { decodeFailure } from './failure.ts';
import { forwardRequest } from './forward.ts';
import { inspectRequest } from './inspect.ts';
import { type AnthropicMessagesQuirks, decodeRequest, encodeRequest } from './request.ts';
import { decodeResponse } from './response.ts';
import { createStreamDecoder } from './stream-decode.ts';

/** Anthropic's messages, whose streams carry usage always. */
export const anthropicMessages: FrontCodec<AnthropicMessagesQuirks> = {
  framing: 'sse',
  inspect: (body) => inspectRequest(body),
  decodeRequest,
  encodeRequest(request, quirks) {
    const encoded = encodeRequest(request, quirks);
    const version = quirks?.versionInBody;
    return version === undefined ? encoded : { ...encoded, body: withVersion(encoded.body, version) };
  },
  forwardRequest,
  forwardBytes(bytes, body, { streamUsage: _usage, ...changes }, quirks) {
    const version = quirks.versionInBody;
    if (version === undefined) return spliceOr(bytes, body, changes, () => forwardRequest(body, changes, quirks));
    return Buffer.from(JSON.stringify(withVersion(forwardRequest(body, changes, quirks), version)));
  },
  decodeResponse,
  streamDecoder: createStreamDecoder,
  decodeFailure,
};

function withVersion({ model: _model, ...body }: JsonObject, version: string): JsonObject {
  return { anthropic_version: version, ...body };
}
