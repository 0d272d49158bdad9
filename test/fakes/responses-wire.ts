/** A call of a fake model, its arguments as JSON text. */
interface Call {
  readonly id: string;
  readonly name: string;
  readonly json: string;
}
interface Usage {
  readonly input: number;
  readonly output: number;
}
type Json = Readonly<Record<string, unknown>>;

const RESPONSE_ID = 'resp_fake0123456789abcdef0123456789abcdef';
const MESSAGE_ID = 'msg_fake0123456789abcdef0123456789abcdef';

/** What the fake encrypts of its reasoning; it takes back nothing else, and only under the id of its item. */
export const FAKE_REASONING = {
  id: 'rs_fake0123456789abcdef0123456789abcdef',
  encrypted: 'gAAAAABfake-encrypted-reasoning==',
  summary: 'I think about it.',
};

/** The path of the API. */
export const RESPONSES_PATH = '/openai/v1/responses';

/** The whole answer. */
export function renderResponses(json: Json, text: string, calls: readonly Call[], usage: Usage): object {
  return response(json, 'completed', itemsOf(json, text, calls), usage);
}

/** The answer as server-sent events, numbered, with the padding that OpenAI puts into deltas. */
export function* responsesFrames(json: Json, chunks: readonly string[], calls: readonly Call[], usage: Usage) {
  let number = 0;
  const frame = (type: string, fields: object) =>
    `event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: number++, ...fields })}\n\n`;
  const items = itemsOf(json, chunks.join(''), calls);
  yield frame('response.created', { response: response(json, 'in_progress', []) });
  yield frame('response.in_progress', { response: response(json, 'in_progress', []) });
  for (const [output_index, item] of items.entries()) {
    const at = { item_id: item.id, output_index };
    if (item.type === 'reasoning') {
      const part = { type: 'summary_text', text: FAKE_REASONING.summary };
      yield frame('response.output_item.added', { output_index, item: { ...item, summary: [] } });
      yield frame('response.reasoning_summary_part.added', { ...at, summary_index: 0, part: { ...part, text: '' } });
      yield frame('response.reasoning_summary_text.delta', {
        ...at,
        summary_index: 0,
        delta: part.text,
        obfuscation: 'q',
      });
      yield frame('response.reasoning_summary_text.done', { ...at, summary_index: 0, text: part.text });
      yield frame('response.reasoning_summary_part.done', { ...at, summary_index: 0, part });
    } else if (item.type === 'message') {
      const [part] = item.content as { text: string }[];
      yield frame('response.output_item.added', {
        output_index,
        item: { ...item, status: 'in_progress', content: [] },
      });
      yield frame('response.content_part.added', { ...at, content_index: 0, part: { ...part, text: '' } });
      for (const delta of chunks) {
        yield frame('response.output_text.delta', { ...at, content_index: 0, delta, logprobs: [], obfuscation: 'xYz' });
      }
      yield frame('response.output_text.done', { ...at, content_index: 0, text: part?.text, logprobs: [] });
      yield frame('response.content_part.done', { ...at, content_index: 0, part });
    } else {
      const written = item.arguments as string;
      yield frame('response.output_item.added', {
        output_index,
        item: { ...item, status: 'in_progress', arguments: '' },
      });
      for (const delta of written.match(/.{1,12}/gs) ?? []) {
        yield frame('response.function_call_arguments.delta', { ...at, delta, obfuscation: 'k' });
      }
      yield frame('response.function_call_arguments.done', { ...at, arguments: written });
    }
    yield frame('response.output_item.done', { output_index, item });
  }
  yield frame('response.completed', { response: response(json, 'completed', items, usage) });
}

/** The last frame of a stream that fails. */
export function responsesFailure(json: Json, message: string): string {
  const failed = { ...response(json, 'failed', []), error: { code: 'server_error', message } };
  return `event: response.failed\ndata: ${JSON.stringify({ type: 'response.failed', sequence_number: 9, response: failed })}\n\n`;
}

/** The text of the last item, of a message or of what a function gave. */
export function lastResponsesText(json: Json): string {
  if (typeof json.input === 'string') return json.input;
  const last = Array.isArray(json.input) ? (json.input.at(-1) as Json | undefined) : undefined;
  const said = last?.output ?? last?.content;
  if (typeof said === 'string') return said;
  return Array.isArray(said) ? said.map(({ text = '' }: { text?: string }) => text).join('') || 'ok' : 'ok';
}

/** Why OpenAI would refuse a request that is to be stateless; undefined: it would not. */
export function responsesFault(json: Json): string | undefined {
  for (const name of ['messages', 'max_tokens', 'stream_options.include_usage']) {
    if (name in json) return `Unknown parameter: '${name}'.`;
  }
  if (json.store !== false) return 'Zero data retention is enforced: store must be false.';
  if (json.previous_response_id != null) return `Previous response with id '${json.previous_response_id}' not found.`;
  if (typeof json.input === 'string') return undefined;
  if (!Array.isArray(json.input) || json.input.length === 0) return "Missing required parameter: 'input'.";
  const calls = new Set<unknown>();
  for (const [index, item] of (json.input as Json[]).entries()) {
    const type = item.type ?? 'message';
    const fault = faultOf(item, String(type), calls);
    if (fault !== undefined) return `Invalid 'input[${index}]': ${fault}`;
    if (type === 'function_call') calls.add(item.call_id);
  }
  return undefined;
}

function faultOf(item: Json, type: string, calls: ReadonlySet<unknown>): string | undefined {
  switch (type) {
    case 'message':
      return ['user', 'assistant', 'system', 'developer'].includes(String(item.role)) ? undefined : 'unknown role.';
    case 'function_call':
      return typeof item.call_id === 'string' && typeof item.arguments === 'string' ? undefined : 'no call.';
    case 'function_call_output':
      return calls.has(item.call_id)
        ? undefined
        : `No tool call found for function call output with call_id ${item.call_id}.`;
    case 'reasoning': {
      const isOwn = item.encrypted_content === FAKE_REASONING.encrypted && item.id === FAKE_REASONING.id;
      return isOwn ? undefined : `The encrypted content for item ${item.id} could not be verified.`;
    }
    default:
      return `Invalid value: '${type}'.`;
  }
}

function itemsOf(json: Json, text: string, calls: readonly Call[]): Record<string, unknown>[] {
  const { id, encrypted, summary } = FAKE_REASONING;
  const isAsked = Array.isArray(json.include) && json.include.includes('reasoning.encrypted_content');
  const thought = {
    id,
    type: 'reasoning',
    summary: [{ type: 'summary_text', text: summary }],
    ...(isAsked ? { encrypted_content: encrypted } : {}),
  };
  const part = { type: 'output_text', annotations: [], logprobs: [], text };
  const message = { id: MESSAGE_ID, type: 'message', status: 'completed', content: [part], role: 'assistant' };
  return [
    ...(json.reasoning == null ? [] : [thought]),
    ...(text === '' ? [] : [message]),
    ...calls.map(({ id: call_id, name, json: written }, index) => ({
      id: `fc_fake${index}0123456789abcdef0123456789abcdef`,
      type: 'function_call',
      status: 'completed',
      arguments: written,
      call_id,
      name,
    })),
  ];
}

function response(json: Json, status: string, output: readonly object[], usage?: Usage): Record<string, unknown> {
  return {
    id: RESPONSE_ID,
    object: 'response',
    created_at: 1_760_000_000,
    status,
    background: false,
    error: null,
    incomplete_details: null,
    instructions: json.instructions ?? null,
    max_output_tokens: json.max_output_tokens ?? null,
    model: json.model,
    output,
    parallel_tool_calls: true,
    previous_response_id: null,
    reasoning: { effort: null, summary: null },
    store: false,
    temperature: 1,
    text: { format: { type: 'text' } },
    tool_choice: json.tool_choice ?? 'auto',
    tools: json.tools ?? [],
    top_p: 1,
    truncation: 'disabled',
    usage:
      usage === undefined
        ? null
        : {
            input_tokens: usage.input,
            input_tokens_details: { cached_tokens: 0 },
            output_tokens: usage.output,
            output_tokens_details: { reasoning_tokens: 0 },
            total_tokens: usage.input + usage.output,
          },
    user: null,
    metadata: {},
  };
}
