import type { FakeReply } from './provider-wire.ts';

type Json = Readonly<Record<string, unknown>>;

/** Tokens of every answer as they are billed. */
export const COHERE_TOKENS = { input: 24, output: 9 };

const USAGE = {
  billed_units: { input_tokens: COHERE_TOKENS.input, output_tokens: COHERE_TOKENS.output },
  tokens: { input_tokens: 540, output_tokens: 11 },
  cached_tokens: 0,
};
const PLAN = 'I will look it up.';
const KNOWN = new Set([
  ...['model', 'messages', 'stream', 'tools', 'tool_choice', 'strict_tools', 'documents', 'citation_options'],
  ...['response_format', 'safety_mode', 'max_tokens', 'stop_sequences', 'temperature', 'seed', 'frequency_penalty'],
  ...['presence_penalty', 'k', 'p', 'logprobs', 'thinking', 'priority'],
]);

/** Why Cohere's API v2 would refuse a chat; undefined: it would not. */
export function cohereFault(json: Json): string | undefined {
  const unknown = Object.keys(json).find((name) => !KNOWN.has(name));
  if (unknown !== undefined) return `unknown field: parameter '${unknown}' is not a valid field`;
  const messages = json.messages as Json[] | undefined;
  if (!Array.isArray(messages) || messages.length === 0) return 'messages must be at least 1 token long';
  const called = new Set<unknown>();
  for (const [index, { role, content, tool_calls: calls, tool_call_id: id }] of messages.entries()) {
    const items = Array.isArray(content) ? (content as Json[]) : [];
    const hasText = typeof content === 'string' || items.some(({ type }) => type === 'text');
    if (role === 'assistant' && calls !== undefined && hasText)
      return `text content is not allowed when tool_calls are provided: 'messages[${index}].content[0]'`;
    for (const call of (calls ?? []) as { id: unknown; function: { arguments: unknown } }[]) {
      if (typeof call.function.arguments !== 'string') return 'arguments must be a string';
      called.add(call.id);
    }
    if (role === 'tool' && !called.has(id)) return 'tool call id not found in previous tool calls';
    if (role === 'tool' && !hasText) return 'tool messages must have content';
  }
  return undefined;
}

/** The text of the last message. */
export function lastCohereText(json: Json): string {
  const content = (json.messages as Json[]).at(-1)?.content;
  if (typeof content === 'string') return content;
  return ((content ?? []) as { text?: string }[]).map(({ text = '' }) => text).join('');
}

/** The whole answer. */
export function renderCohere(reply: FakeReply): object {
  const calls = callsOf(reply);
  const message =
    calls.length > 0
      ? { role: 'assistant', tool_plan: PLAN, tool_calls: calls }
      : { role: 'assistant', content: [{ type: 'text', text: reply.text ?? '' }] };
  return { id: 'fake-cohere', finish_reason: calls.length > 0 ? 'TOOL_CALL' : 'COMPLETE', message, usage: USAGE };
}

/** The answer as events; `breaks` ends it by an error in the middle of its text. */
export function* cohereFrames(reply: FakeReply, breaks = false): Generator<string> {
  yield event('message-start', { id: 'fake-cohere', delta: { message: { role: 'assistant', content: [] } } });
  const calls = callsOf(reply);
  if (calls.length > 0) for (const tool_plan of words(PLAN)) yield event('tool-plan-delta', said({ tool_plan }));
  for (const [index, { function: called, ...call }] of calls.entries()) {
    const begun = { ...call, function: { name: called.name, arguments: '' } };
    yield event('tool-call-start', { index, ...said({ tool_calls: begun }) });
    for (const piece of called.arguments.match(/.{1,5}/gsu) ?? [])
      yield event('tool-call-delta', { index, ...said({ tool_calls: { function: { arguments: piece } } }) });
    yield event('tool-call-end', { index });
  }
  if (calls.length === 0) {
    yield event('content-start', { index: 0, ...said({ content: { type: 'text', text: '' } }) });
    for (const text of words(reply.text ?? '')) {
      yield event('content-delta', { index: 0, ...said({ content: { text } }) });
      if (breaks)
        return yield event('message-end', { delta: { finish_reason: 'ERROR', error: 'The model broke off.' } });
    }
    yield event('content-end', { index: 0 });
  }
  yield event('message-end', { delta: { finish_reason: calls.length > 0 ? 'TOOL_CALL' : 'COMPLETE', usage: USAGE } });
}

/** Vectors for the texts of `/v2/embed`. */
export function cohereVectors(json: Json): object {
  const texts = json.texts as string[];
  return {
    id: 'e',
    embeddings: { float: texts.map(() => [0.5, -1]) },
    texts,
    meta: { billed_units: { input_tokens: 7 } },
  };
}

/** Ranks for the documents of `/v2/rerank`: the last is the best. */
export function cohereRanks(json: Json): object {
  const index = (json.documents as unknown[]).length - 1;
  return { id: 'r', results: [{ index, relevance_score: 0.9 }], meta: { billed_units: { search_units: 1 } } };
}

const words = (text: string) => text.match(/\S+\s*/g) ?? [];
const said = (message: object) => ({ delta: { message } });
const event = (type: string, body: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...body })}\n\n`;

function callsOf(reply: FakeReply) {
  return (reply.toolCalls ?? []).map(({ id, name, arguments: given }, index) => ({
    id: id ?? `${name}_fake${index}`,
    type: 'function',
    function: { name, arguments: typeof given === 'string' ? given : JSON.stringify(given) },
  }));
}
