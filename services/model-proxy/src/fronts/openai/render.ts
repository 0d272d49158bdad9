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

function ownId(id: string): string {
  return id.startsWith('chatcmpl-') ? id : `chatcmpl-${id.replace(/^msg_/, '')}`;
}
