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
  encodeRequest,
  forwardRequest,
  forwardBytes(bytes, body, { streamUsage: _usage, ...changes }, quirks) {
    return spliceOr(bytes, body, changes, () => forwardRequest(body, changes, quirks));
  },
  decodeResponse,
  streamDecoder: createStreamDecoder,
  decodeFailure,
};
