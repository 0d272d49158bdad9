import type { Cited, Source } from '../../chat/cited.ts';
import type { JsonObject } from '../../chat/message.ts';
import type { ChatResponse } from '../../chat/response.ts';
import type { StreamEncoder } from '../../chat/stream.ts';
import type { Exchange } from '../../responses/exchange.ts';
import type { ResponseNames } from '../../wire/openai-chat/response.ts';
import { ANNOTATION } from '../../wire/openai-responses/items.ts';
import { encodeResponse } from '../../wire/openai-responses/response.ts';
import { createStreamEncoder } from '../../wire/openai-responses/stream-encode.ts';
import { asGatewayFailure } from '../failure.ts';
import { withOwnId } from '../own-id.ts';
import { errorFrame } from './errors.ts';

/** What an answer is rendered with; `model` is the public name that the client asked for. */
export interface RenderOptions extends ResponseNames {
  trajectory?: string;
  exchange?: Exchange | undefined;
}

/** Writes a whole response, under the id that the gateway gave it. */
export function renderResponse(response: ChatResponse, options: RenderOptions = {}): JsonObject {
  const { exchange } = options;
  const id = exchange?.id ?? options.id ?? ownId(response.id);
  const rendered = encodeResponse(response, { ...options, id, now, ...(exchange ? { fields: exchange.fields } : {}) });
  exchange?.tell(rendered);
  return rendered;
}

/** Names sources at the start of the text: which words each of them stands for is not known. */
export function cite(sources: readonly Source[]): Cited {
  return {
    events: sources.map(({ url, title = '' }) => ({
      type: 'opaque',
      dialect: 'openai-responses',
      kind: ANNOTATION,
      value: { type: 'url_citation', url, title, start_index: 0, end_index: 0 },
    })),
  };
}

/** Writes a streamed response; a failure becomes its last event. */
export function renderStream(options: RenderOptions = {}): StreamEncoder {
  const { trajectory, exchange, ...names } = options;
  const encoder = createStreamEncoder({
    ...names,
    now,
    ...(exchange ? { id: exchange.id, fields: exchange.fields } : {}),
    errorFrame: (failure, sequence) => errorFrame(asGatewayFailure(failure), trajectory, sequence),
    onEnd: (response) => exchange?.tell(response),
  });
  return withOwnId(encoder, ownId);
}

function ownId(id: string): string {
  return id.startsWith('resp_') ? id : `resp_${id.replace(/^(msg_|chatcmpl-)/, '')}`;
}

function now(): number {
  return Math.floor(Date.now() / 1000);
}
