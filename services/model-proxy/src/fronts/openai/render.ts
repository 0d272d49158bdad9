import type { Cited, Source } from '../../chat/cited.ts';
import type { JsonObject } from '../../chat/message.ts';
import type { ChatResponse } from '../../chat/response.ts';
import type { StreamEncoder } from '../../chat/stream.ts';
import { encodeResponse, type ResponseNames } from '../../wire/openai-chat/response.ts';
import { createStreamEncoder } from '../../wire/openai-chat/stream-encode.ts';
import { asGatewayFailure } from '../failure.ts';
import { withOwnId } from '../own-id.ts';
import { errorFrame } from './errors.ts';

/** What an answer is rendered with; `model` is the public name that the client asked for. */
export interface RenderOptions extends ResponseNames {
  trajectory?: string;
  /** The client asked its stream for usage. */
  includeUsage?: boolean;
}

/** Writes a whole answer for a client of chat completions; ids of other dialects get this one's prefix. */
export function renderResponse(response: ChatResponse, options: RenderOptions = {}): JsonObject {
  return encodeResponse(response, { ...options, id: options.id ?? ownId(response.id) });
}

/** Writes a streamed answer for a client of chat completions; a failure becomes its last frame. */
export function renderStream(options: RenderOptions = {}): StreamEncoder {
  const { trajectory, includeUsage = false, ...names } = options;
  const encoder = createStreamEncoder({
    ...names,
    includeUsage,
    errorFrame: (failure) => errorFrame(asGatewayFailure(failure), trajectory),
  });
  return withOwnId(encoder, ownId);
}

/** Names sources in the lists that Perplexity's answers have: annotations would have to say which words each stands for. */
export function cite(sources: readonly Source[]): Cited {
  return { extra: { 'openai-chat': { citations: sources.map(({ url }) => url), search_results: [...sources] } } };
}

function ownId(id: string): string {
  return id.startsWith('chatcmpl-') ? id : `chatcmpl-${id.replace(/^msg_/, '')}`;
}
