// What the mock says in Anthropic's words: the same text in as many pieces as the chunks of the OpenAI mock.
const WORDS = 'the quick brown fox jumps over the lazy dog and then it rests for a while by the river bank'.split(' ');
const MODEL = 'claude-mock';

/** A whole message. */
export const messageWhole = JSON.stringify({
  id: 'msg_mock',
  type: 'message',
  role: 'assistant',
  model: MODEL,
  content: [{ type: 'text', text: WORDS.join(' ') }],
  stop_reason: 'end_turn',
  stop_sequence: null,
  usage: { input_tokens: 12, output_tokens: 20 },
});

/** The events of a streamed one. */
export const messageEvents: readonly string[] = [
  event('message_start', {
    message: {
      id: 'msg_mock',
      type: 'message',
      role: 'assistant',
      model: MODEL,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: { input_tokens: 12, output_tokens: 1 },
    },
  }),
  event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
  ...WORDS.map((word) => event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: `${word} ` } })),
  event('content_block_stop', { index: 0 }),
  event('message_delta', { delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: 20 } }),
  event('message_stop', {}),
];

function event(type: string, fields: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
}
