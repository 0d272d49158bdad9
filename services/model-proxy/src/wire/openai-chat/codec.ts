import type { JsonObject } from '../../chat/message.ts';
import type { Unsupported } from '../../chat/request.ts';
import type { FrontCodec } from '../define-codec.ts';
import { type RequestChanges, without } from '../forward.ts';
import { spliceOr } from '../splice.ts';
import { adaptBody } from './differences.ts';
import { decodeFailure, isFailure } from './failure.ts';
import { forwardRequest } from './forward.ts';
import { inspectRequest } from './inspect.ts';
import { inOpenAiWords } from './reasoning.ts';
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
  forwardBytes,
  unsupportedOf,
  decodeResponse,
  streamDecoder: createStreamDecoder,
  decodeFailure,
  isFailure,
};

function unsupportedOf(given: JsonObject, { differs }: OpenAiChatQuirks): readonly Unsupported[] {
  const { body, lost } = inOpenAiWords(given, differs);
  return differs === undefined ? lost : [...lost, ...adaptBody(body, differs).unsupported];
}

function forwardBytes(bytes: Buffer, given: JsonObject, changes: RequestChanges, quirks: OpenAiChatQuirks): Buffer {
  const { differs } = quirks;
  const { body } = inOpenAiWords(given, differs);
  if (differs === undefined) {
    const forward = () => forwardRequest(body, changes, quirks);
    return body === given ? spliceOr(bytes, body, changes, forward) : Buffer.from(JSON.stringify(forward()));
  }
  const { streamUsage, ...others } = changes;
  const wanted = differs.drops?.includes('stream_options') || streamUsage === undefined ? others : changes;
  const said = differs.attributing?.some((name) => body[name] !== undefined)
    ? without(body, differs.attributing)
    : body;
  const adapted = adaptBody(said, differs).body;
  if (adapted === given) return spliceOr(bytes, body, wanted, () => adaptedForward(body, wanted, quirks));
  return Buffer.from(JSON.stringify(adaptedForward(adapted, wanted, quirks)));
}

/** What the gateway adds, tools and rounds of its own, is adapted with the rest. */
function adaptedForward(body: JsonObject, changes: RequestChanges, quirks: OpenAiChatQuirks): JsonObject {
  return adaptBody(forwardRequest(body, changes, quirks), quirks.differs ?? {}).body;
}
