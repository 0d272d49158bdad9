import type { FrontCodec } from '../define-codec.ts';
import { decodeFailure } from './failure.ts';
import { forwardBytes, forwardRequest } from './forward.ts';
import { inspectRequest } from './inspect.ts';
import { decodeRequest, encodeRequest, type OpenAiResponsesQuirks } from './request.ts';
import { decodeResponse } from './response.ts';
import { createStreamDecoder } from './stream-decode.ts';

/** OpenAI's responses, whose requests hold their whole context here: what is kept between them is the gateway's. */
export const openaiResponses: FrontCodec<OpenAiResponsesQuirks> = {
  framing: 'sse',
  inspect: inspectRequest,
  decodeRequest,
  encodeRequest,
  forwardRequest,
  forwardBytes,
  decodeResponse,
  streamDecoder: createStreamDecoder,
  decodeFailure,
};
