// A mock of OpenAI's API: a fixed chat completion, or 22 SSE chunks where the request says stream. /v1/messages says the
// same in Anthropic's words. A request that says "hold" gets a stream that stays open. What arrives at /v1/traces is
// swallowed; /mcp is a tool server. Run: node mock.ts; prints its port.
import http from 'node:http';
import { messageEvents, messageWhole } from './mock-messages.ts';
import { answerMcp } from './mock-tools.ts';

/** In the text of a request: its stream is begun and not ended. */
const HELD = 'hold this stream';
const WORDS = 'the quick brown fox jumps over the lazy dog and then it rests for a while by the river bank'.split(' ');
const HEAD = { id: 'chatcmpl-mock', created: 1_700_000_000, model: 'gpt-4o-mini' };
const USAGE = { prompt_tokens: 12, completion_tokens: 20, total_tokens: 32 };

const whole = JSON.stringify({
  ...HEAD,
  object: 'chat.completion',
  system_fingerprint: 'fp',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: WORDS.join(' '), refusal: null },
      logprobs: null,
      finish_reason: 'stop',
    },
  ],
  usage: USAGE,
});
const chunk = (delta: object, finish: string | null = null, extra: object = {}) =>
  `data: ${JSON.stringify({
    ...HEAD,
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta, finish_reason: finish }],
    ...extra,
  })}\n\n`;
const frames = [
  chunk({ role: 'assistant', content: '' }),
  ...WORDS.map((word) => chunk({ content: `${word} ` })),
  chunk({}, 'stop', { usage: USAGE }),
  'data: [DONE]\n\n',
];

const server = http.createServer((request, response) => {
  let body = '';
  request.setEncoding('utf8');
  request.on('data', (text: string) => {
    body += text;
  });
  request.on('end', () => {
    if (request.url === '/v1/traces') return response.writeHead(200).end();
    if (request.url?.startsWith('/mcp')) return answerMcp(request.url, request.headers, body, response);
    const isMessages = request.url === '/v1/messages';
    if (body.includes('"stream":true')) {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const told = isMessages ? messageEvents : frames;
      if (body.includes(HELD)) return response.write(told.slice(0, -2).join(''));
      for (const frame of told) response.write(frame);
      return response.end();
    }
    const text = isMessages ? messageWhole : whole;
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
    return response.end(text);
  });
});
server.keepAliveTimeout = 600_000;
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.stdout.write(`port ${typeof address === 'object' ? address?.port : address}\n`);
});
