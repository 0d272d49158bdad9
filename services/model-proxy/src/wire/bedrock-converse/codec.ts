import type { Codec } from '../define-codec.ts';
import { decodeFailure } from './failure.ts';
import { type BedrockConverseQuirks, encodeRequest } from './request.ts';
import { decodeResponse } from './response.ts';
import { createStreamDecoder } from './stream-decode.ts';

/** Amazon Bedrock's Converse, which no client speaks here (docs.aws.amazon.com/bedrock/latest/APIReference). */
export const bedrockConverse: Codec<BedrockConverseQuirks> = {
  framing: 'event-stream',
  encodeRequest,
  decodeResponse,
  streamDecoder: createStreamDecoder,
  decodeFailure,
};
