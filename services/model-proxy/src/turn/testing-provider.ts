import { runTurn } from './run.ts';
import { gateOf, type Heard, listener, modelOf, providerOf, type TurnInit, turnOf } from './testing.ts';
import type { Turn } from './turn.ts';

/** What each answer of `house` took, as OpenAI says it. */
export const USAGE = { prompt_tokens: 1_000, completion_tokens: 500, total_tokens: 1_500 };

/** A message in Anthropic's dialect, with so many tokens read and written. */
export const message = (input: number, output: number) => ({
  id: 'x',
  type: 'message',
  role: 'assistant',
  model: 'c',
  content: [{ type: 'text', text: 'Hi.' }],
  stop_reason: 'end_turn',
  usage: { input_tokens: input, output_tokens: output },
});

/** The nth answer of a provider, so that a second call shows. */
export const chat = (n: number, message: object = { content: `answer ${n}` }, finish = 'stop') => ({
  id: `chatcmpl-${n}`,
  object: 'chat.completion',
  created: 1,
  model: 'first-model',
  system_fingerprint: 'fp',
  choices: [{ index: 0, message: { role: 'assistant', ...message }, finish_reason: finish }],
  usage: USAGE,
});

/** The same as a stream. */
export const sse = (n: number) =>
  `${[
    { choices: [{ index: 0, delta: { role: 'assistant', content: 'answer' }, finish_reason: null }] },
    { choices: [{ index: 0, delta: { content: ` ${n}` }, finish_reason: null }] },
    { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] },
    { choices: [], usage: USAGE },
  ]
    .map((chunk) => `data: ${JSON.stringify({ id: 'c', model: 'x', object: 'chat.completion.chunk', ...chunk })}\n\n`)
    .join('')}data: [DONE]\n\n`;

/** A Model of one provider whose answers are kept for an hour. */
export const kept = modelOf([providerOf()], { cache: { ttl: '1h', scope: 'Principal' } });

/** A gate whose provider gives `answer(n)` to its nth call; what it keeps outlives each turn. */
export function house(answer: (n: number) => unknown = (n) => chat(n), ports: object = {}) {
  let calls = 0;
  const sent: { body: Record<string, unknown> }[] = [];
  const upstream = {
    request: async (_provider: unknown, call: { body: Buffer }) => {
      const body = JSON.parse(call.body.toString()) as Record<string, unknown>;
      sent.push({ body });
      const n = ++calls;
      const said = answer(n);
      const text = typeof said === 'string' ? said : body.stream === true ? sse(n) : JSON.stringify(said);
      return {
        status: 200,
        headers: {},
        text: async () => text,
        body: (async function* () {
          yield Buffer.from(text);
        })(),
      };
    },
  };
  const gate = gateOf({ upstream, ...ports });
  const ask = async (init: TurnInit = {}, change: (turn: Turn) => unknown = () => undefined) => {
    const heard: Heard = listener();
    const turn = turnOf({ model: kept, ...init }, heard);
    change(turn);
    const error = await runTurn(gate.gate, turn).catch((fault: unknown) => fault);
    // What is kept in the background is there before the next request.
    await new Promise((resolve) => setImmediate(resolve));
    return { heard, turn, error, cache: heard.headers['sallyport-cache'], text: heard.text() };
  };
  return { ask, sent, calls: () => calls, ...gate };
}
