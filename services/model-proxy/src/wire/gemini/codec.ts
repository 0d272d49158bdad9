import type { FrontCodec } from '../define-codec.ts';
import { decodeFailure } from './failure.ts';
import { forwardRequest } from './forward.ts';
import { inspectRequest } from './inspect.ts';
import { decodeRequest, encodeRequest, type GeminiQuirks } from './request.ts';
import { decodeResponse } from './response.ts';
import { createStreamDecoder } from './stream-decode.ts';

/** Gemini's generateContent, whose body names no model: its path does. */
export const gemini: FrontCodec<GeminiQuirks> = {
  framing: 'sse',
  inspect: inspectRequest,
  decodeRequest,
  encodeRequest,
  forwardRequest,
  forwardBytes(bytes, body, { model: _model, streamUsage: _usage, ...changes }, quirks) {
    const isSame = Object.keys(changes).length === 0;
    return isSame ? bytes : Buffer.from(JSON.stringify(forwardRequest(body, changes, quirks)));
  },
  decodeResponse,
  streamDecoder: createStreamDecoder,
  decodeFailure,
};
