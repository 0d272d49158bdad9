import type { Codec } from '../define-codec.ts';
import { decodeFailure, isFailure } from './failure.ts';
import { encodeRequest, type OllamaQuirks } from './request.ts';
import { decodeResponse } from './response.ts';
import { createStreamDecoder } from './stream-decode.ts';

/** Ollama's own `/api/chat`, which no client speaks here (docs.ollama.com/api/chat). */
export const ollama: Codec<OllamaQuirks> = {
  framing: 'json-lines',
  encodeRequest,
  decodeResponse,
  streamDecoder: createStreamDecoder,
  decodeFailure,
  isFailure,
};
