import type { FakeReply } from './provider-wire.ts';

type Json = Readonly<Record<string, unknown>>;

/** Tokens of every answer. */
export const OLLAMA_TOKENS = { input: 24, output: 9 };

/** Why Ollama would refuse a chat; undefined: it would not. */
export function ollamaFault(json: Json): string | undefined {
  for (const { role, content, images, tool_calls: calls } of (json.messages ?? []) as Json[]) {
    if (!['system', 'user', 'assistant', 'tool'].includes(role as string)) return `invalid role: ${String(role)}`;
    if (typeof content !== 'string')
      return 'json: cannot unmarshal array into Go struct field ChatRequest.messages.content of type string';
    if (images !== undefined && !(images as unknown[]).every((one) => /^[A-Za-z0-9+/=]+$/.test(String(one))))
      return 'illegal base64 data at input byte 4';
    for (const call of (calls ?? []) as { function: { arguments: unknown } }[])
      if (typeof call.function.arguments !== 'object')
        return 'json: cannot unmarshal string into Go struct field .arguments of type api.ToolCallFunctionArguments';
  }
  return undefined;
}

/** The text of the last message. */
export function lastOllamaText(json: Json): string {
  return String((json.messages as Json[]).at(-1)?.content ?? '');
}

/** The whole answer. */
export function renderOllama(model: string, reply: FakeReply): object {
  const calls = callsOf(reply);
  const message = { role: 'assistant', content: reply.text ?? '', ...(calls.length > 0 ? { tool_calls: calls } : {}) };
  return { ...piece(model, message), ...END };
}

/** The answer line by line; `breaks` ends it by an error in the middle of its text. */
export function* ollamaLines(model: string, reply: FakeReply, breaks = false): Generator<string> {
  const line = (body: object) => `${JSON.stringify(body)}\n`;
  for (const content of reply.text?.match(/\S+\s*/g) ?? []) {
    yield line(piece(model, { role: 'assistant', content }));
    if (breaks) return yield line({ error: 'llama runner process has terminated' });
  }
  for (const call of callsOf(reply)) yield line(piece(model, { role: 'assistant', content: '', tool_calls: [call] }));
  yield line({ ...piece(model, { role: 'assistant', content: '' }), ...END });
}

/** Vectors for the texts of `/api/embed`. */
export function ollamaVectors(json: Json): object {
  const inputs = [json.input].flat();
  return { model: json.model, embeddings: inputs.map(() => [0.5, -1]), total_duration: 1, prompt_eval_count: 7 };
}

const END = {
  done: true,
  done_reason: 'stop',
  total_duration: 612_339_208,
  prompt_eval_count: OLLAMA_TOKENS.input,
  eval_count: OLLAMA_TOKENS.output,
};

function piece(model: string, message: object): object {
  return { model, created_at: '2026-01-02T03:04:05.678901Z', message, done: false };
}

/** As of older servers, which give calls no id. */
function callsOf(reply: FakeReply) {
  return (reply.toolCalls ?? []).map(({ name, arguments: given }, index) => ({
    function: { index, name, arguments: typeof given === 'string' ? (JSON.parse(given) as unknown) : given },
  }));
}
