import type { FrontCodec } from '../define-codec.ts';
import { spliceOr } from '../splice.ts';
import { decodeFailure } from './failure.ts';
import { forwardRequest } from './forward.ts';
import { inspectRequest } from './inspect.ts';
import { decodeRequest, encodeRequest, type OpenAiChatQuirks } from './request.ts';
import { decodeResponse } from './response.ts';
import { createStreamDecoder } from './stream-decode.ts';

/** OpenAI's chat completions. */
export const openaiChat: FrontCodec<OpenAiChatQuirks> = {
  framing: 'sse',
  inspect: inspectRequest,
  decodeRequest,
  encodeRequest,
  forwardRequest,
  forwardBytes: (bytes, body, changes, quirks) =>
    spliceOr(bytes, body, changes, () => forwardRequest(body, changes, quirks)),
  decodeResponse,
  streamDecoder: createStreamDecoder,
  decodeFailure,
};
