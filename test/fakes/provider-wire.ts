import { geminiError, geminiFrames, renderGemini } from './gemini-wire.ts';
import { renderResponses, responsesFrames } from './responses-wire.ts';

/** Which provider a path stands for. */
export type Wire = 'openai' | 'responses' | 'anthropic' | 'gemini';

/** What a fake model answers. */
export interface FakeReply {
  readonly text?: string;
  /** Arguments given as a string go out as they are, valid JSON or not. */
  readonly toolCalls?: readonly {
    readonly id?: string;
    readonly name: string;
    readonly arguments: Readonly<Record<string, unknown>> | string;
  }[];
  /** Tokens; a quarter of the characters when not given. */
  readonly usage?: { readonly input: number; readonly output: number };
  /** How the stream cuts the text; by words when not given. */
  readonly chunks?: readonly string[];
  /** Wait before the first byte, in milliseconds. */
  readonly delayMs?: number;
  /** What has to be over before the first byte. */
  readonly after?: Promise<unknown>;
  /** Wait between two events of a stream, in milliseconds. */
  readonly chunkDelayMs?: number;
}

/** What of a request decides how it is answered. */
export interface WireRequest {
  readonly wire: Wire;
  readonly model: string;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  readonly json: Readonly<Record<string, unknown>>;
}

const counted = (text: string) => Math.max(1, Math.ceil(text.length / 4));

/** Renders the whole answer as the body of a response without a stream. */
export function renderWhole(request: WireRequest, reply: FakeReply): unknown {
  const { input, output } = usageOf(request, reply);
  const calls = callsOf(reply);
  const text = reply.text ?? '';
  if (request.wire === 'gemini') return renderGemini(text, calls, { input, output });
  if (request.wire === 'responses') return renderResponses(request.json, text, calls, { input, output });
  if (request.wire === 'openai') {
    const message = {
      role: 'assistant',
      content: calls.length > 0 && text === '' ? null : text,
      ...(calls.length > 0 ? { tool_calls: calls.map(openAiCall) } : {}),
    };
    return {
      id: 'chatcmpl-fake',
      object: 'chat.completion',
      created: 1_760_000_000,
      model: request.model,
      choices: [{ index: 0, message, logprobs: null, finish_reason: calls.length > 0 ? 'tool_calls' : 'stop' }],
      usage: { prompt_tokens: input, completion_tokens: output, total_tokens: input + output },
    };
  }
  const blocks = text === '' ? [] : [{ type: 'text', text }];
  return {
    id: 'msg_fake',
    type: 'message',
    role: 'assistant',
    model: request.model,
    content: [...blocks, ...calls.map(({ id, name, json }) => ({ type: 'tool_use', id, name, input: parsedOr(json) }))],
    stop_reason: calls.length > 0 ? 'tool_use' : 'end_turn',
    stop_sequence: null,
    usage: { input_tokens: input, output_tokens: output },
  };
}

/** Renders the answer as the frames of a stream, each a whole server-sent event. */
export function* renderFrames(request: WireRequest, reply: FakeReply): Generator<string> {
  if (request.wire === 'gemini') yield* geminiFrames(textChunks(reply), callsOf(reply), usageOf(request, reply));
  else if (request.wire === 'responses')
    yield* responsesFrames(request.json, textChunks(reply), callsOf(reply), usageOf(request, reply));
  else yield* request.wire === 'openai' ? openAiFrames(request, reply) : anthropicFrames(request, reply);
}

/** Renders an error in the wire's shape. */
export function renderError(wire: Wire, status: number, message: string): unknown {
  const type =
    status === 401
      ? 'authentication_error'
      : status === 404
        ? 'not_found_error'
        : status === 429
          ? 'rate_limit_error'
          : 'api_error';
  if (wire === 'gemini') return geminiError(status, message);
  if (wire === 'anthropic') return { type: 'error', error: { type, message } };
  const code = status === 429 ? 'rate_limit_exceeded' : status === 401 ? 'invalid_api_key' : null;
  return { error: { message, type: status >= 500 ? 'server_error' : 'invalid_request_error', param: null, code } };
}

function* openAiFrames(request: WireRequest, reply: FakeReply): Generator<string> {
  const head = { id: 'chatcmpl-fake', object: 'chat.completion.chunk', created: 1_760_000_000, model: request.model };
  const frame = (delta: unknown, finish: string | null = null) =>
    `data: ${JSON.stringify({ ...head, choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
  const calls = callsOf(reply);
  yield frame({ role: 'assistant', content: '' });
  for (const content of textChunks(reply)) yield frame({ content });
  for (const [index, call] of calls.entries()) {
    const { id, type, function: called } = openAiCall(call);
    yield frame({ tool_calls: [{ index, id, type, function: { name: called.name, arguments: '' } }] });
    for (const part of slices(called.arguments))
      yield frame({ tool_calls: [{ index, function: { arguments: part } }] });
  }
  yield frame({}, calls.length > 0 ? 'tool_calls' : 'stop');
  if (request.includeUsage) {
    const { input, output } = usageOf(request, reply);
    const usage = { prompt_tokens: input, completion_tokens: output, total_tokens: input + output };
    yield `data: ${JSON.stringify({ ...head, choices: [], usage })}\n\n`;
  }
  yield 'data: [DONE]\n\n';
}

function* anthropicFrames(request: WireRequest, reply: FakeReply): Generator<string> {
  const frame = (type: string, fields: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
  const { input, output } = usageOf(request, reply);
  const message = {
    id: 'msg_fake',
    type: 'message',
    role: 'assistant',
    model: request.model,
    content: [],
    stop_reason: null,
    stop_sequence: null,
  };
  yield frame('message_start', { message: { ...message, usage: { input_tokens: input, output_tokens: 1 } } });
  let index = 0;
  const chunks = textChunks(reply);
  if (chunks.length > 0) {
    yield frame('content_block_start', { index, content_block: { type: 'text', text: '' } });
    for (const text of chunks) yield frame('content_block_delta', { index, delta: { type: 'text_delta', text } });
    yield frame('content_block_stop', { index });
    index += 1;
  }
  const calls = callsOf(reply);
  for (const { id, name, json } of calls) {
    yield frame('content_block_start', { index, content_block: { type: 'tool_use', id, name, input: {} } });
    for (const partial_json of slices(json))
      yield frame('content_block_delta', { index, delta: { type: 'input_json_delta', partial_json } });
    yield frame('content_block_stop', { index });
    index += 1;
  }
  const delta = { stop_reason: calls.length > 0 ? 'tool_use' : 'end_turn', stop_sequence: null };
  yield frame('message_delta', { delta, usage: { output_tokens: output } });
  yield frame('message_stop', {});
}

function callsOf(reply: FakeReply) {
  return (reply.toolCalls ?? []).map((call, index) => ({
    id: call.id ?? `call_fake_${index}`,
    name: call.name,
    json: typeof call.arguments === 'string' ? call.arguments : JSON.stringify(call.arguments),
  }));
}

function openAiCall({ id, name, json }: ReturnType<typeof callsOf>[number]) {
  return { id, type: 'function', function: { name, arguments: json } };
}

function textChunks(reply: FakeReply): readonly string[] {
  return reply.chunks ?? (reply.text ?? '').match(/\S+\s*|\s+/g) ?? [];
}

function usageOf({ json }: WireRequest, reply: FakeReply): { input: number; output: number } {
  if (reply.usage !== undefined) return reply.usage;
  const written =
    (reply.text ?? '') +
    callsOf(reply)
      .map((call) => call.name + call.json)
      .join('');
  return {
    input: counted(JSON.stringify(json.messages ?? json.contents ?? json.input ?? '')),
    output: counted(written),
  };
}

function slices(text: string): string[] {
  return text.match(/.{1,12}/gs) ?? [];
}

function parsedOr(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return json;
  }
}
