import type { Codec } from '../define-codec.ts';
import { decodeFailure, isFailure } from './failure.ts';
import { type CohereQuirks, encodeRequest } from './request.ts';
import { decodeResponse } from './response.ts';
import { createStreamDecoder } from './stream-decode.ts';

/** Cohere's chat of API v2, which no client speaks here (docs.cohere.com/reference/chat). */
export const cohere: Codec<CohereQuirks> = {
  framing: 'sse',
  encodeRequest,
  decodeResponse,
  streamDecoder: createStreamDecoder,
  decodeFailure,
  isFailure,
};
