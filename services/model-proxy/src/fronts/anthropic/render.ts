import { CITATION, type Cited, type Source } from '../../chat/cited.ts';
import type { JsonObject } from '../../chat/message.ts';
import type { ChatResponse } from '../../chat/response.ts';
import type { StreamEncoder } from '../../chat/stream.ts';
import { citationOf } from '../../wire/anthropic-messages/citations.ts';
import { encodeResponse } from '../../wire/anthropic-messages/response.ts';
import { createStreamEncoder } from '../../wire/anthropic-messages/stream-encode.ts';
import type { ResponseNames } from '../../wire/openai-chat/response.ts';
import { asGatewayFailure } from '../failure.ts';
import { withOwnId } from '../own-id.ts';
import { errorFrame } from './errors.ts';

/** What an answer is rendered with; `model` is the public name that the client asked for. */
export interface RenderOptions extends ResponseNames {
  trajectory?: string;
}

/**
 * Writes a whole answer for a client of messages; ids of other dialects get this one's prefix. DecodeError where a tool
 * call's arguments are no JSON object.
 */
export function renderResponse(response: ChatResponse, options: RenderOptions = {}): JsonObject {
  return encodeResponse(response, { ...options, id: options.id ?? ownId(response.id) });
}

/** Writes a streamed answer for a client of messages; a failure becomes its last event. */
export function renderStream(options: RenderOptions = {}): StreamEncoder {
  const { trajectory, ...names } = options;
  const encoder = createStreamEncoder({
    ...names,
    errorFrame: (failure) => errorFrame(asGatewayFailure(failure), trajectory),
  });
  return withOwnId(encoder, ownId);
}

/** Names sources as citations of the last text. */
export function cite(sources: readonly Source[]): Cited {
  return {
    events: sources.map((source) => ({
      type: 'opaque',
      dialect: 'anthropic-messages',
      kind: CITATION,
      value: citationOf(source),
    })),
  };
}

function ownId(id: string): string {
  return id.startsWith('msg_') ? id : `msg_${id.replace(/^chatcmpl-/, '')}`;
}
