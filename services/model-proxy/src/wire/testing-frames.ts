import type { JsonObject } from '../chat/message.ts';
import type { Usage } from '../chat/usage.ts';

/** What a provider says, in the pieces in which it says it; for tests. */
export interface Said {
  readonly text: readonly string[];
  readonly calls: readonly { readonly name: string; readonly pieces: readonly string[] }[];
  readonly usage: Usage;
}

/** How the streams of a wire are written that no client speaks; for tests. */
export interface FrameWriter {
  frames(said: Said): string[];
  /** A frame that ends a stream by an error. */
  error(message: string): string;
}

const event = (body: JsonObject): string => `event: ${String(body.type)}\ndata: ${JSON.stringify(body)}\n\n`;
const said = (type: string, message: JsonObject, index?: number): string =>
  event({ type, ...(index === undefined ? {} : { index }), delta: { message } });

const cohere: FrameWriter = {
  frames: ({ text, calls, usage }) => [
    event({ type: 'message-start', id: 'r1', delta: { message: { role: 'assistant', content: [], citations: [] } } }),
    said('content-start', { content: { type: 'text', text: '' } }, 0),
    ...text.map((words) => said('content-delta', { content: { text: words } }, 0)),
    event({ type: 'content-end', index: 0 }),
    ...calls.flatMap(({ name, pieces }, index) => [
      said('tool-call-start', { tool_calls: { id: `call_${index}`, type: 'function', function: { name } } }, index),
      ...pieces.map((piece) => said('tool-call-delta', { tool_calls: { function: { arguments: piece } } }, index)),
      event({ type: 'tool-call-end', index }),
    ]),
    event({
      type: 'message-end',
      delta: {
        finish_reason: 'TOOL_CALL',
        usage: { billed_units: { input_tokens: usage.input, output_tokens: usage.output } },
      },
    }),
  ],
  error: (message) => event({ type: 'message-end', delta: { finish_reason: 'ERROR', error: message } }),
};

const line = (message: JsonObject, rest: JsonObject = { done: false }): string =>
  `${JSON.stringify({ model: 'm', created_at: '2026-01-01T00:00:00Z', message: { role: 'assistant', ...message }, ...rest })}\n`;

const ollama: FrameWriter = {
  frames: ({ text, calls, usage }) => [
    ...text.map((content) => line({ content })),
    ...calls.map(({ name, pieces }) =>
      line({ content: '', tool_calls: [{ function: { name, arguments: JSON.parse(pieces.join('')) as unknown } }] }),
    ),
    line(
      { content: '' },
      { done: true, done_reason: 'stop', prompt_eval_count: usage.input, eval_count: usage.output },
    ),
  ],
  error: (error) => `${JSON.stringify({ error })}\n`,
};

/** The wires whose streams are told by text, and that no client speaks; for tests. */
export const frameWriters = { cohere, ollama };
