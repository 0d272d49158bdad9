import type { Cited, Source } from '../../chat/cited.ts';
import type { JsonObject } from '../../chat/message.ts';
import type { ChatResponse } from '../../chat/response.ts';
import type { StreamEncoder } from '../../chat/stream.ts';
import { encodeResponse } from '../../wire/gemini/response.ts';
import { createStreamEncoder } from '../../wire/gemini/stream-encode.ts';
import type { ResponseNames } from '../../wire/openai-chat/response.ts';
import { asGatewayFailure } from '../failure.ts';
import { errorFrame } from './errors.ts';

/** What an answer is rendered with; `model` is the public name that the client asked for. */
export interface RenderOptions extends ResponseNames {
  trajectory?: string;
}

/** Writes a whole answer for a client of generateContent. DecodeError where a tool call's arguments are no JSON object. */
export function renderResponse(response: ChatResponse, options: RenderOptions = {}): JsonObject {
  return encodeResponse(response, options);
}

/** Names sources as Google's grounding does. */
export function cite(sources: readonly Source[]): Cited {
  const groundingChunks = sources.map(({ url, title }) => ({ web: { uri: url, ...(title ? { title } : {}) } }));
  return {
    events: [{ type: 'opaque', dialect: 'gemini', kind: 'groundingMetadata', value: { groundingChunks } }],
  };
}

/** Writes a streamed answer for a client of streamGenerateContent; a failure becomes its last event. */
export function renderStream(options: RenderOptions = {}): StreamEncoder {
  const { trajectory, ...names } = options;
  return createStreamEncoder({
    ...names,
    errorFrame: (failure) => errorFrame(asGatewayFailure(failure), trajectory),
  });
}
